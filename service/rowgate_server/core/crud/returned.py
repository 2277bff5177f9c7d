"""Rows that an INSERT returned, put into the order of the rows that it was given.

No engine but MariaDB promises an order. A row is known again by what it was given: by its primary key, or else by all
of its columns that come back as they went in. Rows with the same values are as good as one another.
"""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Sequence
from typing import Any

from rowgate_server.core.known_table import KnownTable
from rowgate_server.core.tables import TableColumn
from rowgate_server.engines.dialects import Dialect
from rowgate_server.engines.results import Row
from rowgate_server.engines.values import ValueType

_COME_BACK = frozenset({
    *(ValueType.BOOL, ValueType.INT, ValueType.UINT, ValueType.UUID),
    *(ValueType.DATE, ValueType.DATETIME, ValueType.TIMESTAMP),
})  # fmt: skip
_LONGEST_TEXT = 255
_PADDED, _VARYING = ("char", "binary"), "character varying"


def telling_columns(table: KnownTable, count: int, given: Sequence[str]) -> tuple[str, ...]:
    """The columns by which rows are known again; empty where there is one row, or the order is sure.

    Args:
        table: where they go.
        count: how many they are.
        given: the columns that all of them have a value for.
    """
    if count == 1 or table.dialect is Dialect.MYSQL:
        return ()
    if table.primary_key is not None and set(given).issuperset(table.primary_key.columns):
        return table.primary_key.columns
    return tuple(name for name in given if _comes_back(table.columns[name]))


def _comes_back(column: TableColumn) -> bool:
    if column.type is ValueType.STRING:
        padded = column.base_type.startswith(_PADDED) and not column.base_type.startswith(_VARYING)
        return not padded and column.length is not None and column.length <= _LONGEST_TEXT
    return column.type in _COME_BACK or column.type is ValueType.DYNAMIC


def in_order(
    returned: Sequence[Row], columns: Sequence[str], names: Sequence[str], given: Sequence[tuple[Any, ...]]
) -> list[Row]:
    """The returned rows in the order of the given ones.

    Args:
        returned: the rows.
        columns: their columns.
        names: those that tell the rows apart.
        given: the cells of these of each row that was given, which are as many.
    """
    places = [columns.index(name) for name in names]
    told = [tuple([row[place] for place in places]) for row in returned]
    if given == told:
        return list(returned)
    found: defaultdict[Any, deque[Row]] = defaultdict(deque)
    for key, row in zip(told, returned, strict=True):
        found[key].append(row)
    ordered = [found[key].popleft() for key in given if found[key]]
    # A trigger may have changed what was given: then nothing tells the rows apart.
    return ordered if len(ordered) == len(returned) else list(returned)
