"""The values that cross the engine boundary: bound parameters going in, typed cells coming out.

Cells come out in the form that is cheapest to encode exactly, told by their column's `ValueType`:

| type | Python form |
|---|---|
| BOOL | bool |
| INT, UINT | int |
| DOUBLE | float |
| STRING, JSON, UUID | str |
| DECIMAL, DATE, TIME, DATETIME, TIMESTAMP, INTERVAL | str, in the form that `value.proto` gives |
| BYTES | bytes |
| LIST | list of `BoundValue` or None |
| DYNAMIC | None, int, float, str or bytes, told by the Python type of each cell (SQLite) |

NULL is None in every column.
"""

from __future__ import annotations

from enum import IntEnum
from typing import Any, NamedTuple


class ValueType(IntEnum):
    """Which arm of the wire's Value; the numbers are those of `ColumnType` in `result.proto`."""

    NULL = 0
    BOOL = 1
    INT = 2
    UINT = 3
    DOUBLE = 4
    DECIMAL = 5
    STRING = 6
    BYTES = 7
    DATE = 8
    TIME = 9
    DATETIME = 10
    TIMESTAMP = 11
    JSON = 12
    UUID = 13
    INTERVAL = 14
    LIST = 15
    DYNAMIC = 16


class BoundValue(NamedTuple):
    """A parameter, or a member of an array: what it is, and the value in the Python form of its type."""

    type: ValueType
    value: Any


NULL = BoundValue(ValueType.NULL, None)

NO_MEMBERS = BoundValue(ValueType.LIST, ())
"""Stands in `x in (...)` for a list without members. PostgreSQL only, where what is written there needs a type."""


class BoundStatement(NamedTuple):
    """One SQL statement cut at its placeholders, with a value for each.

    `fragments` has one member more than `values`; the statement is fragments[0] values[0] fragments[1] ...
    Each dialect joins them with its driver's own placeholder, so no driver ever looks for placeholders in SQL text.
    """

    fragments: tuple[str, ...]
    values: tuple[BoundValue, ...]
