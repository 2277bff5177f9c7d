"""Many rows with the same columns, column by column: what a fast insert of thousands of them is made of.

Whatever is not plain here (cells of several kinds in a column, a value that is refused) goes row by row instead, which
knows more and takes ten times as long.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from rowgate_server.core.crud.batches import most_rows
from rowgate_server.core.crud.kept_forms import as_it_is_kept
from rowgate_server.core.crud.row_values import RowValues
from rowgate_server.core.crud.unfit import UnfitError
from rowgate_server.core.crud.unnested import arrays_of, unnested
from rowgate_server.core.known_table import KnownTable
from rowgate_server.core.policy.needs import Operation
from rowgate_server.core.tables import TableColumn
from rowgate_server.engines.values import NULL, AnyStatement, BoundRows, BoundValue, ValueType

_Column: TypeAlias = tuple[ValueType, list[Any]]
_HEX, _WIDEST = 2, 8
_WIDTH = 12


@dataclass(frozen=True, slots=True)
class RowColumns:
    """Rows that all have the same columns.

    Attributes:
        names: of the columns.
        kinds: of each column's cells.
        cells: of each column; None is NULL.
    """

    names: tuple[str, ...]
    kinds: tuple[ValueType, ...]
    cells: tuple[list[Any], ...]

    def __len__(self) -> int:
        return len(self.cells[0])

    def rows(self) -> list[RowValues]:
        """The same row by row."""
        columns = [
            [NULL if cell is None else BoundValue(kind, cell) for cell in cells]
            for kind, cells in zip(self.kinds, self.cells, strict=True)
        ]
        return [dict(zip(self.names, row, strict=True)) for row in zip(*columns, strict=True)]

    def parts(self, table: KnownTable) -> Iterator[RowColumns]:
        """As many rows in each as a statement takes."""
        widths = [_widths(kind, cells) for kind, cells in zip(self.kinds, self.cells, strict=True)]
        mean, longest = (sum(each) for each in zip(*widths, strict=True))
        values = 1 if arrays_of(table, self.names) else len(self.names)
        step = most_rows(table.dialect, values, mean, longest)
        for start in range(0, len(self), step):
            yield RowColumns(self.names, self.kinds, tuple(cells[start : start + step] for cells in self.cells))

    def given(self) -> tuple[str, ...]:
        """The columns that all rows have a value for."""
        return self.names

    def keys(self, names: Sequence[str]) -> list[tuple[Any, ...]]:
        """The cells of some columns."""
        places = [self.names.index(name) for name in names]
        return list(zip(*(self.cells[place] for place in places), strict=True))

    def apart(self, table: KnownTable) -> str | None:
        """A column by which no two rows are the same, and that comes back as it was given: a number, or short text."""
        for name, kind, cells in zip(self.names, self.kinds, self.cells, strict=True):
            cheap = _CHEAP.match(table.columns[name].base_type) and _widths(kind, cells)[1] <= _SHORT
            if cheap and len(set(cells)) == len(cells):
                return name
        return None

    def bound(self, table: KnownTable, before: str, behind: str) -> AnyStatement:
        """The statement that has them between two pieces of text."""
        arrays = arrays_of(table, self.names)
        if arrays is not None:
            return unnested((before, behind), arrays, self.kinds, self.cells)
        return BoundRows((before, behind), self.kinds, self.cells)


def plan_columns(table: KnownTable, given: RowColumns) -> RowColumns | None:
    """The rows as the table's columns hold them, in the table's order; None where not all of that is plain."""
    found = dict(zip(given.names, zip(given.kinds, given.cells, strict=True), strict=True))
    made: dict[str, _Column] = {}
    for name, column in table.columns.items():
        # What may not be written stays among what was found, and that goes row by row, to be refused.
        if table.access is not None and name not in table.access.columns(Operation.INSERT):
            continue
        if name not in found:
            continue
        kind, cells = found.pop(name)
        fitting = _fitting(table, column, kind, cells) if column.writable else None
        if fitting is None or (not column.nullable and None in fitting[1]):
            return None
        made[name] = fitting
    if found:
        return None
    return RowColumns(tuple(made), tuple(kind for kind, _ in made.values()), tuple(cells for _, cells in made.values()))


def _fitting(table: KnownTable, column: TableColumn, kind: ValueType, cells: list[Any]) -> _Column | None:
    """A column's cells as it holds them; None where one does not fit, or they do not stay of one kind.

    Each value is looked at but once, of whole numbers, doubles and texts only those that could be too large, and of
    decimals and dates only those that are not written as they are kept.
    """
    coerce = table.coercers[column.name]
    try:
        if None not in cells:
            extremes = [BoundValue(kind, cell) for cell in _extremes(column, kind, cells)]
            if extremes and all(coerce(value) == value for value in extremes):
                return kind, cells
        each = set(cells)
        as_kept = as_it_is_kept(column, kind, table.dialect)
        odd = each if as_kept is None else {cell for cell in each if cell is None or not as_kept.match(cell)}
        if not odd:
            return kind, cells
        made = {cell: coerce(NULL if cell is None else BoundValue(kind, cell)) for cell in odd}
    except UnfitError:
        return None
    kinds = {value.type for value in made.values() if value is not NULL}
    if len(odd) < len(each):
        kinds.add(kind)
    if len(kinds) > 1:
        return None
    contents = dict(zip(each, each, strict=True)) | {cell: value.value for cell, value in made.items()}
    return (kinds.pop() if kinds else kind), [contents[cell] for cell in cells]


def _extremes(column: TableColumn, kind: ValueType, cells: list[Any]) -> tuple[Any, ...]:
    """Cells that all others fit with; none where that can't be told of such a column."""
    declared = column.database_type.lower()
    if kind in _WHOLE and _INTEGER.match(declared):
        return min(cells), max(cells)
    if kind is ValueType.DOUBLE and column.scale is None and declared.startswith("double"):
        return (min(cells), max(cells)) if all(map(math.isfinite, cells)) else ()
    if kind is ValueType.STRING and not column.labels and _TEXT.match(declared):
        text = "".join(cells)
        # A byte counts where an engine counts bytes, and U+0000 where PostgreSQL refuses it.
        if text.isascii() and "\0" not in text:
            return (max(cells, key=len),)
    return ()


def _widths(kind: ValueType, cells: list[Any]) -> tuple[int, int]:
    """Bytes of a cell, on the average and at the most. A byte may be written as two digits, a character as eight."""
    if kind in _LENGTHLESS:
        return _WIDTH, _WIDTH
    lengths = list(map(len, cells)) if None not in cells else [0 if cell is None else len(cell) for cell in cells]
    return _WIDTH + _HEX * sum(lengths) // len(lengths), _WIDTH + _WIDEST * max(lengths)


_CHEAP = re.compile(r"(?:small|big)?int(?:eger)?\b|text\b|character varying\b")
_SHORT = 1024
_WHOLE = (ValueType.INT, ValueType.UINT)
_LENGTHLESS = frozenset({ValueType.NULL, ValueType.BOOL, ValueType.DOUBLE, *_WHOLE})
_INTEGER = re.compile(r"(?:tiny|small|medium|big)?int(?:eger)?\b")
# Not MySQL's CHAR, which drops blanks at the end of any.
_TEXT = re.compile(r"varchar\b|character varying\b|(?:tiny|medium|long)?text\b")
