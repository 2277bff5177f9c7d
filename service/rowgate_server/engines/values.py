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
| LIST | `Array` |
| DYNAMIC | None, int, float, str or bytes, told by the Python type of each cell (SQLite) |

NULL is None in every column.
"""

from __future__ import annotations

from enum import IntEnum
from itertools import chain
from typing import Any, NamedTuple, TypeAlias


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

TYPE_OF_FORM: dict[type, ValueType] = {
    bool: ValueType.BOOL,
    int: ValueType.INT,
    float: ValueType.DOUBLE,
    str: ValueType.STRING,
    bytes: ValueType.BYTES,
}
"""What a value is where only its Python form tells."""


class Array(NamedTuple):
    """A cell of LIST. An object for each member would take longer to make than all else takes together.

    Attributes:
        type: what every member is; DYNAMIC: the Python form of each tells.
        members: in the Python form of their type, None for NULL; or, of more than one dimension, lists of such.
    """

    type: ValueType
    members: list[Any]

    def total(self) -> int:
        """How many members there are, those that are lists and theirs."""
        return _total(self.members)

    def bound(self) -> BoundValue:
        """The same as a parameter."""
        return BoundValue(ValueType.LIST, [self._bound(member) for member in self.members])

    def _bound(self, member: Any) -> BoundValue:
        if member is None:
            return NULL
        if isinstance(member, list):
            return Array(self.type, member).bound()
        return BoundValue(TYPE_OF_FORM[type(member)] if self.type is ValueType.DYNAMIC else self.type, member)


NO_MEMBERS = BoundValue(ValueType.LIST, ())
"""Stands in `x in (...)` for a list without members. PostgreSQL only, where what is written there needs a type."""


def are_lists(members: list[Any]) -> bool:
    """Whether there are lists among them."""
    return list in set(map(type, members))


def within(members: list[Any]) -> list[Any]:
    """The members of those that are lists. To look into one list after the other takes ten times as long."""
    return list(chain.from_iterable([inner for inner in members if type(inner) is list]))


def _total(members: list[Any]) -> int:
    return len(members) + (_total(within(members)) if are_lists(members) else 0)


class BoundStatement(NamedTuple):
    """One SQL statement cut at its placeholders, with a value for each.

    `fragments` has one member more than `values`; the statement is fragments[0] values[0] fragments[1] ...
    Each dialect joins them with its driver's own placeholder, so no driver ever looks for placeholders in SQL text.
    """

    fragments: tuple[str, ...]
    values: tuple[BoundValue, ...]


class BoundRows(NamedTuple):
    """The rows of an INSERT, column by column: thousands of rows are checked and written so in a tenth of the time.

    Attributes:
        fragments: what stands before the first row's parenthesis, and what stands behind the last one's.
        types: of each column; None in its cells is NULL.
        values: the cells of each column, in the Python form of its type. All columns are as long.
    """

    fragments: tuple[str, ...]
    types: tuple[ValueType, ...]
    values: tuple[list[Any], ...]

    def spread(self) -> BoundStatement:
        """As a statement with a placeholder for each cell."""
        columns = [
            [NULL if cell is None else BoundValue(kind, cell) for cell in cells]
            for kind, cells in zip(self.types, self.values, strict=True)
        ]
        before, behind = self.fragments
        within = [", "] * (len(columns) - 1)
        fragments = [f"{before}(", *within]
        for _ in range(len(columns[0]) - 1):
            fragments += ["), (", *within]
        return BoundStatement((*fragments, f"){behind}"), tuple(chain.from_iterable(zip(*columns, strict=True))))


AnyStatement: TypeAlias = BoundStatement | BoundRows
"""What a session runs."""
