"""Counting rows and bytes against the caller's limits and the server's caps."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from operator import itemgetter
from typing import Any, NamedTuple

from rowgate_server.engines.results import Column, Row, Truncation, result_too_large
from rowgate_server.engines.values import Array, ValueType, are_lists, within

_FIXED = 8
"""Bytes that a cell of no varying length counts for."""

_WIRE_BYTES_OF_A_CELL, _WIRE_BYTES_OF_A_ROW = 24, 16
"""What a cell, and a row, may take on a driver's wire beyond what they count for: an interval of none takes 16."""

_VARYING = frozenset(
    {
        ValueType.STRING,
        ValueType.BYTES,
        ValueType.DECIMAL,
        ValueType.JSON,
        ValueType.LIST,
        ValueType.DYNAMIC,
        ValueType.INTERVAL,
        ValueType.UUID,
    }
)


class ResultLimits(NamedTuple):
    """None: no such limit. `max_*` are the caller's and cut; `cap_*` are the server's, or its role's, and fail.

    `role_*` say that those are the role's.
    """

    max_rows: int | None = None
    max_bytes: int | None = None
    cap_rows: int | None = None
    cap_bytes: int | None = None
    role_rows: bool = False
    role_bytes: bool = False

    @property
    def row_limit(self) -> int | None:
        """Rows after which nothing more is wanted, whoever says so."""
        limits = [limit for limit in (self.max_rows, self.cap_rows) if limit is not None]
        return min(limits, default=None)


def wire_bytes(cap: int, rows: int | None, columns: int) -> int:
    """Bytes off the wire after which a result counts for more than the cap, whatever its cells are.

    Args:
        cap: bytes, as `ResultMeter` counts them.
        rows: the most there can be; None where nobody says, and every counted byte may be a cell.
        columns: how many a row has.
    """
    if rows is None:
        return cap * (_WIRE_BYTES_OF_A_CELL + _WIRE_BYTES_OF_A_ROW + 1)
    return cap + rows * (columns * _WIRE_BYTES_OF_A_CELL + _WIRE_BYTES_OF_A_ROW)


class ResultMeter:
    """Takes batches of rows and says how much of each may be kept."""

    def __init__(self, columns: Sequence[Column], limits: ResultLimits) -> None:
        self._varying = [index for index, column in enumerate(columns) if column.type in _VARYING]
        self._fixed = _FIXED * (len(columns) - len(self._varying))
        self._limits = limits
        self.rows = 0
        self.bytes = 0
        self.truncation: Truncation | None = None

    def take(self, rows: Sequence[Row]) -> Sequence[Row]:
        """The rows to keep; `truncation` is set when that is not all of them.

        Raises:
            RowgateError: RESULT_TOO_LARGE, over the server's cap.
        """
        kept = self._within_rows(rows)
        size = self.size(kept)
        max_bytes = self._limits.max_bytes
        if max_bytes is not None and self.bytes + size > max_bytes:
            kept, size = self._within_bytes(kept, max_bytes)
        self.rows += len(kept)
        self.bytes += size
        self._check_caps()
        return kept

    def _within_rows(self, rows: Sequence[Row]) -> Sequence[Row]:
        max_rows = self._limits.max_rows
        if max_rows is None or self.rows + len(rows) <= max_rows:
            return rows
        self.truncation = Truncation.MAX_ROWS
        return rows[: max_rows - self.rows]

    def _within_bytes(self, rows: Sequence[Row], max_bytes: int) -> tuple[Sequence[Row], int]:
        size = 0
        for index, row in enumerate(rows):
            width = self.size((row,))
            if self.bytes + size + width > max_bytes:
                self.truncation = Truncation.MAX_BYTES
                return rows[:index], size
            size += width
        return rows, size

    def _check_caps(self) -> None:
        cap_rows, cap_bytes = self._limits.cap_rows, self._limits.cap_bytes
        if cap_rows is not None and self.rows > cap_rows:
            raise result_too_large(f"{cap_rows} rows", of_role=self._limits.role_rows)
        if cap_bytes is not None and self.bytes > cap_bytes:
            raise result_too_large(f"{cap_bytes} bytes", of_role=self._limits.role_bytes)

    def size(self, rows: Sequence[Row]) -> int:
        """What these rows count for, in bytes."""
        if not rows:
            return 0
        size = self._fixed * len(rows)
        for cells in map(itemgetter, self._varying):
            size += _total_size(map(cells, rows)) if len(rows) > 1 else cell_size(cells(rows[0]))
        return size


def _total_size(cells: Iterable[Any]) -> int:
    """The cells of a column. In C as long as they are all text, or all bytes: a tenth of the time."""
    column = list(cells)
    try:
        text = "".join(column)
    except TypeError:
        return sum(map(cell_size, column))
    return len(text) if text.isascii() else len(text.encode())


def cell_size(cell: Any) -> int:
    """Text in UTF-8, bytes as they are, numbers 8, NULL none; a list as the sum of its members."""
    if isinstance(cell, str):
        return len(cell) if cell.isascii() else len(cell.encode())
    if isinstance(cell, bytes):
        return len(cell)
    if cell is None:
        return 0
    if isinstance(cell, Array):
        return _members_size(cell.type, cell.members)
    return _FIXED


def _members_size(kind: ValueType, members: list[Any]) -> int:
    if are_lists(members):
        others = [member for member in members if type(member) is not list]
        return _members_size(kind, others) + _members_size(kind, within(members))
    return _total_size(members) if kind in _VARYING else _FIXED * (len(members) - members.count(None))
