"""Many rows as one array a column, which PostgreSQL makes rows of: six times as fast as a placeholder for each cell.

Only where every column's type has such arrays and keeps nothing from them: as `character[]` all text would be cut to
one character, and the members of an array of arrays become rows themselves.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from rowgate_server.core.known_table import KnownTable
from rowgate_server.engines.dialects import Dialect
from rowgate_server.engines.values import NULL, BoundStatement, BoundValue, ValueType

_SIZES = re.compile(r"\(\d+(?:,-?\d+)?\)")
_VALUES, _UNNESTED = "VALUES ", "SELECT * FROM unnest("
_MOMENTS = frozenset({ValueType.DATE, ValueType.DATETIME, ValueType.TIMESTAMP})
_USUAL = frozenset("123456789")
"""How years begin that PostgreSQL reads as ISO 8601 writes them: it does so much faster than they are counted here."""
_ARRAYS = {
    **{name: name for name in ("smallint", "integer", "bigint", "oid", "real", "double precision", "numeric")},
    **{name: name for name in ("boolean", "bytea", "uuid", "json", "jsonb", "date", "interval")},
    **{
        f"{name} {zone} time zone": f"{name} {zone} time zone"
        for name in ("time", "timestamp")
        for zone in ("with", "without")
    },
    **dict.fromkeys(("text", "character", "character varying"), "text"),
}


def arrays_of(table: KnownTable, names: Iterable[str]) -> tuple[str, ...] | None:
    """The types of which these columns take arrays; None where not all of them do."""
    if table.dialect is not Dialect.POSTGRESQL:
        return None
    found = tuple(_ARRAYS.get(_SIZES.sub("", table.columns[name].base_type), "") for name in names)
    return found if all(found) else None


def unnested(
    pieces: tuple[str, str], arrays: tuple[str, ...], kinds: tuple[ValueType, ...], columns: tuple[list[Any], ...]
) -> BoundStatement:
    """The INSERT of rows that come as arrays.

    Args:
        pieces: what stands before the first row, and what behind the last.
        arrays: the types of which the arrays are.
        kinds: of each column's cells.
        columns: the cells; None is NULL.
    """
    before, behind = pieces
    fragments = [before.removesuffix(_VALUES) + _UNNESTED]
    values = []
    for array, kind, cells in zip(arrays, kinds, columns, strict=True):
        as_text = kind in _MOMENTS and all([cell is None or cell[:1] in _USUAL for cell in cells])  # noqa: C419 - faster
        fragments.append(f"::text[]::{array}[], " if as_text else f"::{array}[], ")
        sent = ValueType.STRING if as_text else kind
        values.append(BoundValue(ValueType.LIST, [NULL if cell is None else BoundValue(sent, cell) for cell in cells]))
    fragments[-1] = fragments[-1].removesuffix(", ") + f"){behind}"
    return BoundStatement(tuple(fragments), tuple(values))
