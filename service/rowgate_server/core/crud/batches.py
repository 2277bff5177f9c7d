"""Rows to insert cut into statements: alike where they must be, and within what an engine takes in one."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from rowgate_server.core.crud.row_values import RowValues
from rowgate_server.engines.dialects import Dialect
from rowgate_server.engines.values import BoundValue

_MOST_VALUES = {Dialect.POSTGRESQL: 32_767, Dialect.SQLITE: 32_766, Dialect.MYSQL: 1_000_000}
"""What asyncpg sends with a statement, and what SQLite is built with; a statement without placeholders has no limit."""
_MOST_BYTES = 2 * 1024 * 1024
"""Of a statement, as its rows are on the average; and at the worst, below max_allowed_packet as it comes."""
_LARGEST = 12 * 1024 * 1024
_WIDTH = 16
"""Bytes that a value without a length of its own counts for."""
_HEX = 2
"""MySQL is sent text that looks like SQL, and all bytes, as two digits each."""


@dataclass(frozen=True, slots=True)
class Batch:
    """Rows for one statement.

    Attributes:
        first: the first one's place in the request.
        columns: those that they have together.
        rows: they themselves.
    """

    first: int
    columns: tuple[str, ...]
    rows: Sequence[RowValues]

    def ordered(self, names: Iterable[str]) -> Batch:
        """With the columns in the table's order: a message's map has none, and one text does for all of them."""
        return replace(self, columns=tuple(name for name in names if name in self.columns))

    def cells(self) -> list[list[BoundValue | None]]:
        """The values by column, None where a row has none."""
        return [[row.get(name) for name in self.columns] for row in self.rows]

    def given(self) -> tuple[str, ...]:
        """The columns that all rows have a value for."""
        return tuple(name for name in self.columns if all(name in row for row in self.rows))

    def keys(self, names: Sequence[str]) -> list[tuple[Any, ...]]:
        """The cells of some columns that all rows have a value for."""
        return [tuple([row[name].value for name in names]) for row in self.rows]

    def __len__(self) -> int:
        return len(self.rows)

    def singles(self) -> Iterator[Batch]:
        """A statement for each row."""
        for index, row in enumerate(self.rows):
            yield Batch(self.first + index, tuple(row), (row,))


def batches(dialect: Dialect, rows: Sequence[RowValues], *, alike: bool = False) -> Iterator[Batch]:
    """The statements, in the rows' order.

    Args:
        dialect: whose limits hold. SQLite has no word for a column's default, so its rows are always alike.
        rows: all of them.
        alike: whether the rows of a statement must have the same columns.
    """
    alike = alike or dialect is Dialect.SQLITE
    most_values = _MOST_VALUES[dialect]
    start, size = 0, 0
    columns: dict[str, None] = {}
    for index, row in enumerate(rows):
        same = row.keys() == columns.keys()
        wider = columns if same else {**columns, **dict.fromkeys(row)}
        width = sum(map(_size, row.values()))
        count = index - start
        full = (count + 1) * len(wider) > most_values or size + width > _MOST_BYTES
        if count and (full or (alike and not same)):
            yield Batch(start, tuple(columns), rows[start:index])
            start, size, wider = index, 0, dict.fromkeys(row)
        columns = wider
        size += width
    yield Batch(start, tuple(columns), rows[start:])


def most_rows(dialect: Dialect, columns: int, mean: int, longest: int) -> int:
    """How many rows of so many columns, and of so many bytes on the average and at the most, a statement takes."""
    return max(1, min(_MOST_VALUES[dialect] // columns, _MOST_BYTES // mean, _LARGEST // longest))


def _size(value: BoundValue) -> int:
    content = value.value
    return _WIDTH + (_HEX * len(content) if isinstance(content, (str, bytes)) else 0)
