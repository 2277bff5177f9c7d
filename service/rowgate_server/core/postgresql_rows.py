"""What the rows of a PostgreSQL table are read and written by, in one query: the first call on a table waits for it.

SQLAlchemy's Inspector asks ten times for the same. It still tells all else of a table (GetTable); what both tell is the
same, and tested to be.
"""

from __future__ import annotations

import json
import re
from typing import Any

from sqlalchemy import Connection, text
from sqlalchemy.exc import NoSuchTableError

from rowgate_server.core.tables import Index, IndexPart, Key, Table, TableColumn, TableKind
from rowgate_server.core.tree.types import value_type
from rowgate_server.engines.dialects import Dialect

_QUERY = """
SELECT json_build_object(
  'view', c.relkind IN ('v', 'm'),
  'schema', current_schema(),
  'heirs', c.relkind <> 'p' AND EXISTS (SELECT 1 FROM pg_catalog.pg_inherits h WHERE h.inhparent = c.oid),
  'columns', (
    SELECT json_agg(json_build_array(
      a.attname, pg_catalog.format_type(a.atttypid, a.atttypmod),
      CASE WHEN t.typcategory = 'A' THEN -1 WHEN t.typbasetype <> 0 THEN
        (SELECT coalesce(nullif(b.typbasetype, 0), b.oid)::bigint FROM pg_catalog.pg_type b WHERE b.oid = t.typbasetype)
      ELSE t.oid::bigint END,
      t.oid::bigint, a.atttypmod, NOT a.attnotnull AND NOT t.typnotnull, a.attidentity::text, a.attgenerated <> '',
      pg_catalog.pg_get_expr(d.adbin, d.adrelid),
      (SELECT json_agg(e.enumlabel ORDER BY e.enumsortorder) FROM pg_catalog.pg_enum e WHERE e.enumtypid = t.oid)
    ) ORDER BY a.attnum)
    FROM pg_catalog.pg_attribute a JOIN pg_catalog.pg_type t ON t.oid = a.atttypid
    LEFT JOIN pg_catalog.pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
    WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped),
  'keys', (
    SELECT json_agg(json_build_array(k.contype, k.conname, k.condeferrable, (
      SELECT json_agg(a.attname ORDER BY m.place)
      FROM unnest(k.conkey) WITH ORDINALITY AS m (attnum, place)
      JOIN pg_catalog.pg_attribute a ON a.attrelid = k.conrelid AND a.attnum = m.attnum
    )) ORDER BY k.conname)
    FROM pg_catalog.pg_constraint k WHERE k.conrelid = c.oid AND k.contype IN ('p', 'u')),
  'indexes', (
    SELECT json_agg(json_build_array(r.relname, i.indisunique, i.indpred IS NOT NULL, (
      SELECT json_agg(json_build_array(
        a.attname, pg_catalog.pg_get_indexdef(i.indexrelid, m.place::int, true), i.indoption[m.place - 1] & 1 = 1
      ) ORDER BY m.place)
      FROM unnest(i.indkey::int2[]) WITH ORDINALITY AS m (attnum, place)
      LEFT JOIN pg_catalog.pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = m.attnum
      WHERE m.place <= i.indnkeyatts
    )))
    FROM pg_catalog.pg_index i JOIN pg_catalog.pg_class r ON r.oid = i.indexrelid
    WHERE i.indrelid = c.oid AND NOT i.indisprimary AND NOT EXISTS (
      SELECT 1 FROM pg_catalog.pg_constraint k WHERE k.conindid = i.indexrelid AND k.contype IN ('p', 'u', 'x')))
)::text
FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE c.relname = :name AND {place} AND c.relkind IN ('r', 'p', 'v', 'm', 'f') LIMIT 1
"""
_VISIBLE = text(_QUERY.replace("{place}", "pg_catalog.pg_table_is_visible(c.oid)"))
_OF_A_SCHEMA = text(_QUERY.replace("{place}", "n.nspname = :schema"))

_CHARACTERS, _BITS, _NUMERIC = frozenset({1042, 1043}), frozenset({1560, 1562}), 1700
_TIMES, _INTERVAL = frozenset({1083, 1114, 1184, 1266}), 1186
_INTEGERS = frozenset({20, 21, 23})
"""Types by their numbers, which PostgreSQL never changes."""
_HEADER, _NO_PRECISION = 4, 0xFFFF
_SEQUENCE = re.compile(r"nextval\('[^']+'")


def read_rows_table(connection: Connection, name: str, schema: str | None) -> Table:
    """The table without comments, foreign keys and checks.

    Raises:
        NoSuchTableError: it is not there.
    """
    query = connection.execute(_VISIBLE if schema is None else _OF_A_SCHEMA, _values(name, schema)).scalar()
    found = json.loads(query) if query else {}
    if not found.get("columns"):
        raise NoSuchTableError(name)
    keys = [(kind, Key(key, tuple(columns)), late) for kind, key, late, columns in found["keys"] or ()]
    unique = tuple(key for kind, key, _ in keys if kind == "u")
    primary = next((key for kind, key, _ in keys if kind == "p"), None)
    indexes = tuple(sorted(map(_index, found["indexes"] or ()), key=lambda index: index.name))
    told = {key.columns for _, key, _ in keys} | {tuple(part.text for part in index.parts) for index in indexes}
    return Table(
        name=name,
        schema=schema or found["schema"] or "",
        kind=TableKind.VIEW if found["view"] else TableKind.TABLE,
        comment="",
        columns=tuple(_column(*column) for column in found["columns"]),
        primary_key=primary,
        foreign_keys=(),
        unique_constraints=unique,
        indexes=indexes,
        checks=(),
        # A table that others inherit from shows their rows too, and its keys know nothing of those.
        untold=frozenset(told) if found["heirs"] else frozenset(),
        deferrable=frozenset(key.columns for _, key, late in keys if late),
    )


def _values(name: str, schema: str | None) -> dict[str, str]:
    return {"name": name} if schema is None else {"name": name, "schema": schema}


def _column(
    name: str,
    declared: str,
    told: int,
    number: int,
    modifier: int,
    nullable: bool,
    identity: str,
    generated: bool,
    expression: str | None,
    labels: list[str] | None,
) -> TableColumn:
    counted = identity != "" or (
        number in _INTEGERS and not generated and _SEQUENCE.match(expression or "") is not None
    )
    length, precision, scale = _sizes(number, modifier)
    return TableColumn(
        name=name,
        type=value_type(Dialect.POSTGRESQL, declared, told),
        database_type=declared,
        nullable=nullable,
        default=None if counted or generated else expression,
        autoincrement=counted,
        generated=generated,
        always_counted=identity == "a",
        generation_expression=(expression or "") if generated else "",
        length=length,
        precision=precision,
        scale=scale,
        labels=tuple(labels or ()),
    )


def _sizes(number: int, modifier: int) -> tuple[int | None, int | None, int | None]:
    """Length, precision and scale, out of what PostgreSQL keeps of a type's parentheses; -1: there are none."""
    length: int | None = None
    precision: int | None = None
    scale: int | None = None
    if modifier < 0:
        pass
    elif number in _CHARACTERS:
        length = modifier - _HEADER
    elif number in _BITS:
        length = modifier
    elif number in _TIMES:
        precision = modifier
    elif number == _INTERVAL and modifier & 0xFFFF != _NO_PRECISION:
        precision = modifier & 0xFFFF
    elif number == _NUMERIC:
        packed = modifier - _HEADER
        precision, scale = packed >> 16 & 0xFFFF, ((packed & 0x7FF) ^ 0x400) - 0x400
    return length, precision, scale


def _index(told: Any) -> Index:
    name, unique, partial, parts = told
    return Index(
        name,
        tuple(
            IndexPart(expression if column is None else column, expression=column is None, descending=descending)
            for column, expression, descending in parts
        ),
        unique=unique,
        partial=partial,
    )
