"""What a database tells of a statement that it does not run."""

from __future__ import annotations

from dataclasses import dataclass

from rowgate_server.engines.results import Column
from rowgate_server.engines.values import ValueType


@dataclass(frozen=True, slots=True)
class ParameterType:
    """The type of one placeholder; UNSPECIFIED is None and ""."""

    type: ValueType | None = None
    database_type: str = ""


@dataclass(frozen=True, slots=True)
class Description:
    """A statement, prepared or compiled.

    Attributes:
        columns: its result's; empty for a statement that returns no rows.
        parameters: a type for each placeholder, in order.
        writes: whether running it would write; None where the database does not tell.
    """

    columns: tuple[Column, ...]
    parameters: tuple[ParameterType, ...]
    writes: bool | None = None
