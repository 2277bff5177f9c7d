"""The reading requests of TableService, as the core takes them; a writing one has `TableName` in it too."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import NamedTuple

from rowgate_server.core.crud.filters import Filter
from rowgate_server.engines.results import Column, Row, Stats
from rowgate_server.engines.routing import PRIMARY, Reading
from rowgate_server.engines.values import BoundValue


class TableName(NamedTuple):
    """Which table; an empty database or schema is the default one.

    `call_timeout`: seconds that the call has left. `reading`: where a call that reads goes.
    """

    database: str
    schema: str
    table: str
    call_timeout: float | None = None
    reading: Reading = PRIMARY


class CountMode(Enum):
    """Whether rows are counted, and how exactly."""

    NONE = 1
    EXACT = 2
    ESTIMATED = 3


class Nulls(Enum):
    """Where NULLs go. SMALLEST: first when ascending, last when descending."""

    SMALLEST = 0
    FIRST = 1
    LAST = 2


class Order(NamedTuple):
    """One column of an order."""

    column: str
    descending: bool = False
    nulls: Nulls = Nulls.SMALLEST


@dataclass(frozen=True, slots=True)
class ListRows:
    """Which rows, in which order, and which page of them."""

    table: TableName
    columns: tuple[str, ...] = ()
    filter: Filter | None = None
    order_by: tuple[Order, ...] = ()
    page_size: int = 0
    page_token: str = ""
    count: CountMode = CountMode.NONE
    include_deleted: bool = False


@dataclass(frozen=True, slots=True)
class GetRow:
    """One row, by the columns of a unique key."""

    table: TableName
    key: Mapping[str, BoundValue]
    columns: tuple[str, ...] = ()
    include_deleted: bool = False


@dataclass(frozen=True, slots=True)
class CountRows:
    """Which rows to count."""

    table: TableName
    filter: Filter | None = None
    count: CountMode = CountMode.EXACT
    include_deleted: bool = False


class Rows(NamedTuple):
    """Rows that were read or written, and the column by which deleted ones were left out ("": none were)."""

    columns: tuple[Column, ...]
    rows: list[Row]
    stats: Stats
    soft_delete_column: str = ""


class Page(NamedTuple):
    """One page of rows; an empty token: the last one. `total` None: they were not counted."""

    found: Rows
    next_page_token: str = ""
    total: int | None = None
    estimated: bool = False


class Count(NamedTuple):
    """How many rows there are."""

    number: int
    estimated: bool
    stats: Stats
    soft_delete_column: str = ""
