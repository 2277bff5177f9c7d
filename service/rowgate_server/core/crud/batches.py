"""Rows to insert cut into statements: alike where they must be, and within what an engine takes in one."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from rowgate_server.core.crud.row_values import RowValues
from rowgate_server.engines.dialects import Dialect
from rowgate_server.engines.values import BoundValue

_MOST_VALUES = {Dialect.POSTGRESQL: 32_767, Dialect.SQLITE: 32_766, Dialect.MYSQL: 1_000_000}
"""What asyncpg sends with a statement, and what SQLite is built with; a statement without placeholders has no limit."""
_MOST_BYTES = 1024 * 1024
"""Far below any server's max_allowed_packet, and enough to be fast."""
_WIDTH = 16
"""Bytes that a value without a length of its own counts for."""
_HEX = 2
"""MySQL is sent text that looks like SQL, and all bytes, as two digits each."""


class Batch(NamedTuple):
    """Rows for one statement: their place in the request, the columns that they have together, and they themselves."""

    first: int
    columns: tuple[str, ...]
    rows: Sequence[RowValues]

    def ordered(self, names: Iterable[str]) -> Batch:
        """With the columns in the table's order: a message's map has none, and one text does for all of them."""
        return self._replace(columns=tuple(name for name in names if name in self.columns))

    def cells(self) -> list[list[BoundValue | None]]:
        """The values by column, None where a row has none."""
        return [[row.get(name) for name in self.columns] for row in self.rows]

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


def _size(value: BoundValue) -> int:
    content = value.value
    return _WIDTH + (_HEX * len(content) if isinstance(content, (str, bytes)) else 0)
