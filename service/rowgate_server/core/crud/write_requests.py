"""The writing requests of TableService, as the core takes them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import NamedTuple

from rowgate_server.core.crud.filters import Filter
from rowgate_server.core.crud.requests import Rows, TableName
from rowgate_server.core.crud.row_columns import RowColumns
from rowgate_server.engines.values import BoundValue

EVERY_COLUMN = "*"


class ConflictAction(Enum):
    """What becomes of a row whose key is already there."""

    ERROR = 1
    IGNORE = 2
    UPDATE = 3


class OnConflict(NamedTuple):
    """An empty target is the primary key for UPDATE, any for IGNORE; no columns are all that a row has."""

    action: ConflictAction = ConflictAction.ERROR
    target: tuple[str, ...] = ()
    update_columns: tuple[str, ...] = ()


PLAIN = OnConflict()


@dataclass(frozen=True, slots=True)
class InsertRows:
    """Rows to insert, each by column; or column by column, where there are many that have the same."""

    table: TableName
    rows: tuple[Mapping[str, BoundValue], ...] | RowColumns
    on_conflict: OnConflict = PLAIN
    returning: tuple[str, ...] = ()
    dry_run: bool = False


@dataclass(frozen=True, slots=True)
class Meant:
    """Which rows an update or a delete means, and what must hold for it to be done. An empty key is none."""

    key: Mapping[str, BoundValue]
    filter: Filter | None = None
    expected: Mapping[str, BoundValue] | None = None
    max_affected: int = 0
    allow_unfiltered: bool = False
    include_deleted: bool = False


@dataclass(frozen=True, slots=True)
class UpdateRows:
    """New values for the rows that are meant."""

    table: TableName
    meant: Meant
    values: Mapping[str, BoundValue]
    returning: tuple[str, ...] = ()
    dry_run: bool = False


@dataclass(frozen=True, slots=True)
class DeleteRows:
    """Rows to delete, or to mark as deleted."""

    table: TableName
    meant: Meant
    returning: tuple[str, ...] = ()
    dry_run: bool = False


class Inserted(NamedTuple):
    """Rows that were inserted or changed, in the order of the request's, and the positions of those left out."""

    rows: Rows
    ignored: tuple[int, ...] = ()
