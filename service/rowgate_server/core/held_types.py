"""What PostgreSQL's columns hold where their type only has a name: domains, ranges, records, and arrays of them.

A domain of a domain over `numeric(5, 2)` rounds as that does; a value is made what the column holds by the type that it
comes down to.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from sqlalchemy import Connection, text

from rowgate_server.core.tables import Table, TableColumn
from rowgate_server.engines.values import ValueType

# A money's digits are those of the server's lc_monetary.
_HELD = text("""
WITH RECURSIVE held(name, number, oid, modifier, within, list) AS (
  SELECT a.attname, 0::smallint, a.atttypid, a.atttypmod, '', ''
  FROM pg_catalog.pg_attribute a JOIN pg_catalog.pg_class c ON c.oid = a.attrelid
    JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
  WHERE n.nspname = :schema AND c.relname = :table AND a.attnum > 0 AND NOT a.attisdropped
  UNION
  SELECT h.name, m.number, m.oid, m.modifier, h.within || m.within, h.list || m.list
  FROM held h JOIN pg_catalog.pg_type t ON t.oid = h.oid CROSS JOIN LATERAL (
    SELECT h.number, t.typbasetype, t.typtypmod, '', '' WHERE t.typtype = 'd'
    UNION ALL
    SELECT h.number, e.oid, h.modifier, '', '[]' FROM pg_catalog.pg_type e
    WHERE e.oid = t.typelem AND e.typarray = t.oid
    UNION ALL
    SELECT h.number, r.rngsubtype, -1, 'range of ', '' FROM pg_catalog.pg_range r
    WHERE t.oid IN (r.rngtypid, (pg_catalog.to_jsonb(r) ->> 'rngmultitypid')\\:\\:pg_catalog.oid)
    UNION ALL
    SELECT a.attnum, a.atttypid, a.atttypmod, 'record of ', '' FROM pg_catalog.pg_attribute a
    WHERE t.typtype = 'c' AND a.attrelid = t.typrelid AND a.attnum > 0 AND NOT a.attisdropped
  ) m(number, oid, modifier, within, list)
)
SELECT h.name, h.within || pg_catalog.format_type(h.oid, h.modifier)
  || CASE WHEN h.oid = 'pg_catalog.money'\\:\\:pg_catalog.regtype
     THEN '(19,' || pg_catalog.scale((1\\:\\:pg_catalog.money)\\:\\:numeric) || ')' ELSE '' END
  || h.list,
  ARRAY(SELECT l.enumlabel FROM pg_catalog.pg_enum l WHERE l.enumtypid = h.oid ORDER BY l.enumsortorder)\\:\\:text[]
FROM held h JOIN pg_catalog.pg_type t ON t.oid = h.oid
WHERE t.typtype IN ('b', 'e', 'p')
  AND NOT EXISTS (SELECT FROM pg_catalog.pg_type e WHERE e.oid = t.typelem AND e.typarray = t.oid)
ORDER BY h.name, h.number
""")

# Types that are what they are called.
_PLAIN = re.compile(
    r"(?:smallint|integer|bigint|boolean|text|bytea|uuid|jsonb?|date|real|double precision|inet|cidr"
    r"|(?:numeric|character|character varying)(?:\([\d, -]+\))?"
    r"|(?:time|timestamp)(?:\(\d\))? with(?:out)? time zone|interval(?:\(\d\))?)(?:\[\])?\Z"
)
_SIZES = re.compile(r"\((\d+)(?:, ?(-?\d+))?\)")
_PREFIXES = ("range of ", "record of ")


def completed(table: Table, connection: Connection) -> Table:
    """The table, with what its columns hold."""
    if all(_PLAIN.match(column.database_type) for column in table.columns):
        return table
    held: dict[str, list[tuple[str, tuple[str, ...]]]] = {}
    for name, kind, labels in connection.execute(_HELD, {"schema": table.schema, "table": table.name}):
        held.setdefault(str(name), []).append((str(kind), tuple(map(_text_of, labels))))
    return replace(table, columns=tuple(_column(column, held.get(column.name, ())) for column in table.columns))


def _text_of(label: Any) -> str:
    """The driver tells members of arrays as values."""
    return str(getattr(label, "value", label))


def _column(column: TableColumn, held: Sequence[tuple[str, tuple[str, ...]]]) -> TableColumn:
    kinds = tuple(kind for kind, _ in held)
    if kinds and not kinds[0].startswith(_PREFIXES):
        column = replace(column, labels=held[0][1])
    if not kinds or kinds == (column.database_type,):
        return column
    column = replace(column, held=kinds)
    if kinds[0].endswith("[]"):
        column = replace(column, type=ValueType.LIST)
    sizes = _SIZES.search(kinds[0])
    if sizes is None or kinds[0].startswith(_PREFIXES):
        return column
    size, scale = int(sizes[1]), int(sizes[2]) if sizes[2] else None
    if kinds[0].startswith(("character", "bit")):
        return replace(column, length=size)
    return replace(column, precision=size, scale=scale)
