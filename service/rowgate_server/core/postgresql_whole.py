"""What there is to a PostgreSQL table besides what its rows are written by, in one query: constraints, indexes, more.

SQLAlchemy's Inspector tells neither when a constraint is checked nor how an index is built, and says nothing of what it
does not know. What no field of a description is for is told in the database's own words.
"""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

from sqlalchemy import Connection, text

from rowgate_server.core.tables import Check, Deferral, ForeignKey, Index, IndexPart, Key, ReferentialAction, Table

_QUERY = text("""
SELECT CAST(json_build_object(
  'unlogged', c.relpersistence = 'u',
  'collations', (
    SELECT json_object_agg(a.attname, CASE WHEN l.collnamespace = n0.oid THEN l.collname
      ELSE pg_catalog.concat('"', replace(n1.nspname, '"', '""'), '"."', replace(l.collname, '"', '""'), '"') END)
    FROM pg_catalog.pg_attribute a JOIN pg_catalog.pg_type y ON y.oid = a.atttypid
    JOIN pg_catalog.pg_collation l ON l.oid = a.attcollation JOIN pg_catalog.pg_namespace n1 ON n1.oid = l.collnamespace
    WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped AND a.attcollation <> y.typcollation),
  'virtual', (
    SELECT json_agg(a.attname) FROM pg_catalog.pg_attribute a WHERE a.attrelid = c.oid AND a.attgenerated = 'v'),
  'constraints', (
    SELECT json_agg(json_build_array(
      k.contype, k.conname, k.condeferrable, k.condeferred,
      (SELECT json_agg(a.attname ORDER BY m.place) FROM unnest(k.conkey) WITH ORDINALITY AS m (attnum, place)
       JOIN pg_catalog.pg_attribute a ON a.attrelid = k.conrelid AND a.attnum = m.attnum),
      CASE WHEN k.contype = 'c' THEN pg_catalog.pg_get_expr(k.conbin, k.conrelid, true) END,
      rn.nspname, r.relname,
      (SELECT json_agg(a.attname ORDER BY m.place) FROM unnest(k.confkey) WITH ORDINALITY AS m (attnum, place)
       JOIN pg_catalog.pg_attribute a ON a.attrelid = k.confrelid AND a.attnum = m.attnum),
      k.confdeltype, k.confupdtype,
      coalesce(CAST(to_jsonb(i) ->> 'indnullsnotdistinct' AS boolean), false),
      CASE WHEN k.contype IN ('x', 't') OR k.confmatchtype = 'f' OR NOT k.convalidated
        OR (k.contype = 'c' AND k.connoinherit) OR to_jsonb(k) ->> 'confdelsetcols' IS NOT NULL
        OR (k.contype IN ('p', 'u') AND i.indnatts > i.indnkeyatts)
        OR NOT coalesce(CAST(to_jsonb(k) ->> 'conenforced' AS boolean), true)
      THEN pg_catalog.format('CONSTRAINT %I %s', k.conname, pg_catalog.pg_get_constraintdef(k.oid, true)) END
    ) ORDER BY k.conname)
    FROM pg_catalog.pg_constraint k LEFT JOIN pg_catalog.pg_class r ON r.oid = k.confrelid
    LEFT JOIN pg_catalog.pg_namespace rn ON rn.oid = r.relnamespace
    LEFT JOIN pg_catalog.pg_index i ON i.indexrelid = k.conindid AND k.contype IN ('p', 'u')
    WHERE k.conrelid = c.oid AND k.contype IN ('p', 'u', 'f', 'c', 'x')),
  'indexes', (
    SELECT json_agg(json_build_array(
      r.relname, nullif(m.amname, 'btree'), pg_catalog.pg_get_expr(i.indpred, i.indrelid, true),
      coalesce(CAST(to_jsonb(i) ->> 'indnullsnotdistinct' AS boolean), false),
      (SELECT json_agg(a.attname ORDER BY p.place)
       FROM unnest(CAST(i.indkey AS int2[])) WITH ORDINALITY AS p (attnum, place)
       JOIN pg_catalog.pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = p.attnum
       WHERE p.place > i.indnkeyatts),
      (SELECT json_agg(json_build_array(
        CASE WHEN l.collname IS NULL OR l.oid = coalesce(a.attcollation, 100) THEN NULL
          WHEN l.collnamespace = n0.oid THEN l.collname
          ELSE pg_catalog.concat('"', replace(n1.nspname, '"', '""'), '"."', replace(l.collname, '"', '""'), '"') END,
        CASE WHEN NOT o.opcdefault THEN
          CASE WHEN o.opcnamespace = n0.oid THEN '' ELSE pg_catalog.quote_ident(n2.nspname) || '.' END
          || pg_catalog.quote_ident(o.opcname) END,
        CASE WHEN (i.indoption[p.place - 1] & 1 > 0) <> (i.indoption[p.place - 1] & 2 > 0)
          THEN i.indoption[p.place - 1] & 2 > 0 END
        ) ORDER BY p.place)
       FROM unnest(CAST(i.indkey AS int2[])) WITH ORDINALITY AS p (attnum, place)
       LEFT JOIN pg_catalog.pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = p.attnum
       JOIN pg_catalog.pg_opclass o ON o.oid = i.indclass[p.place - 1]
       JOIN pg_catalog.pg_namespace n2 ON n2.oid = o.opcnamespace
       LEFT JOIN pg_catalog.pg_collation l ON l.oid = i.indcollation[p.place - 1]
       LEFT JOIN pg_catalog.pg_namespace n1 ON n1.oid = l.collnamespace
       WHERE p.place <= i.indnkeyatts),
      CASE WHEN EXISTS (SELECT FROM pg_catalog.pg_attribute p WHERE p.attrelid = i.indexrelid
        AND p.attoptions IS NOT NULL) THEN pg_catalog.pg_get_indexdef(i.indexrelid) END))
    FROM pg_catalog.pg_index i JOIN pg_catalog.pg_class r ON r.oid = i.indexrelid
    JOIN pg_catalog.pg_am m ON m.oid = r.relam WHERE i.indrelid = c.oid AND NOT EXISTS (
      SELECT FROM pg_catalog.pg_constraint k WHERE k.conindid = i.indexrelid AND k.contype IN ('p', 'u', 'x'))),
  'besides', (
    SELECT json_agg(words) FROM (
      SELECT 'FOREIGN TABLE' WHERE c.relkind = 'f'
      UNION ALL SELECT 'PARTITION OF ' || CAST(CAST(h.inhparent AS pg_catalog.regclass) AS text)
        FROM pg_catalog.pg_inherits h WHERE h.inhrelid = c.oid AND c.relispartition
      UNION ALL SELECT 'INHERITS (' || CAST(CAST(h.inhparent AS pg_catalog.regclass) AS text) || ')'
        FROM pg_catalog.pg_inherits h WHERE h.inhrelid = c.oid AND NOT c.relispartition
      UNION ALL SELECT 'PARTITION BY ' || pg_catalog.pg_get_partkeydef(c.oid) WHERE c.relkind = 'p'
      UNION ALL SELECT 'OF ' || CAST(CAST(c.reloftype AS pg_catalog.regtype) AS text) WHERE c.reloftype <> 0
      UNION ALL SELECT 'ENABLE ROW LEVEL SECURITY' WHERE c.relrowsecurity
      UNION ALL SELECT 'POLICY ' || pg_catalog.quote_ident(p.polname)
        FROM pg_catalog.pg_policy p WHERE p.polrelid = c.oid
      UNION ALL SELECT pg_catalog.pg_get_triggerdef(t.oid)
        FROM pg_catalog.pg_trigger t WHERE t.tgrelid = c.oid AND NOT t.tgisinternal
      UNION ALL SELECT pg_catalog.pg_get_ruledef(w.oid)
        FROM pg_catalog.pg_rewrite w WHERE w.ev_class = c.oid AND w.rulename <> '_RETURN'
      UNION ALL SELECT pg_catalog.format('%I DEFAULT %s', a.attname, pg_catalog.pg_get_expr(d.adbin, d.adrelid))
        FROM pg_catalog.pg_attrdef d
        JOIN pg_catalog.pg_attribute a ON a.attrelid = d.adrelid AND a.attnum = d.adnum
        JOIN pg_catalog.pg_depend p ON p.classid = CAST('pg_catalog.pg_attrdef' AS pg_catalog.regclass)
          AND p.objid = d.oid AND p.refclassid = CAST('pg_catalog.pg_class' AS pg_catalog.regclass)
        JOIN pg_catalog.pg_class s ON s.oid = p.refobjid AND s.relkind = 'S'
        WHERE d.adrelid = c.oid AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend w WHERE w.objid = s.oid
          AND w.refobjid = c.oid AND w.refobjsubid = a.attnum AND w.deptype = 'a')
      UNION ALL SELECT pg_catalog.format('%I START WITH %s INCREMENT BY %s MINVALUE %s MAXVALUE %s%s',
          a.attname, q.seqstart, q.seqincrement, q.seqmin, q.seqmax, CASE WHEN q.seqcycle THEN ' CYCLE' ELSE '' END)
        FROM pg_catalog.pg_depend w JOIN pg_catalog.pg_sequence q ON q.seqrelid = w.objid
        JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid AND a.attnum = w.refobjsubid
        WHERE w.refobjid = c.oid AND w.deptype IN ('a', 'i') AND ((q.seqstart, q.seqincrement, q.seqmin) <> (1, 1, 1)
          OR q.seqcycle OR q.seqmax <> CASE CAST(a.atttypid AS bigint)
            WHEN 21 THEN 32767 WHEN 23 THEN 2147483647 ELSE 9223372036854775807 END)
    ) AS others (words))
) AS text)
FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
JOIN pg_catalog.pg_namespace n0 ON n0.nspname = 'pg_catalog'
WHERE n.nspname = :schema AND c.relname = :table AND c.relkind IN ('r', 'p', 'f')
""")

_ACTIONS = {
    "a": ReferentialAction.NO_ACTION,
    "r": ReferentialAction.RESTRICT,
    "c": ReferentialAction.CASCADE,
    "n": ReferentialAction.SET_NULL,
    "d": ReferentialAction.SET_DEFAULT,
}


def completed(table: Table, connection: Connection) -> Table:
    """The table, whole; a view as it is."""
    found = connection.execute(_QUERY, {"schema": table.schema, "table": table.name}).scalar()
    if not found:
        return table
    told = json.loads(found)
    collations, virtual = told["collations"] or {}, told["virtual"] or ()
    constraints = told["constraints"] or []
    indexes = {each[0]: each[1:] for each in told["indexes"] or ()}
    unsaid = [each[-1] for each in (*constraints, *indexes.values()) if each[-1]]
    keys = {kind: [each for each in constraints if each[0] == kind] for kind in "pufc"}
    primary, unique = next(map(_key, keys["p"]), None), tuple(map(_key, keys["u"]))
    return replace(
        table,
        columns=tuple(
            replace(column, collation=collations.get(column.name, ""), virtual=column.name in virtual)
            for column in table.columns
        ),
        primary_key=primary,
        unique_constraints=unique,
        foreign_keys=tuple(map(_foreign_key, keys["f"])),
        checks=tuple(Check(each[1], each[5]) for each in keys["c"]),
        indexes=tuple(_index(index, *indexes[index.name]) for index in table.indexes if index.name in indexes),
        deferrable=frozenset(key.columns for key in (primary, *unique) if key and key.deferral is not Deferral.NEVER),
        options=("UNLOGGED",) if told["unlogged"] else (),
        besides=(*unsaid, *(told["besides"] or ())),
    )


def _deferral(told: list[Any]) -> Deferral:
    deferrable, deferred = told[2:4]
    return Deferral.DEFERRED if deferred else Deferral.IMMEDIATE if deferrable else Deferral.NEVER


def _key(told: list[Any]) -> Key:
    return Key(told[1], tuple(told[4]), _deferral(told), nulls_not_distinct=told[11])


def _foreign_key(told: list[Any]) -> ForeignKey:
    return ForeignKey(
        name=told[1],
        columns=tuple(told[4]),
        referred_schema=told[6],
        referred_table=told[7],
        referred_columns=tuple(told[8]),
        on_delete=_ACTIONS[told[9]],
        on_update=_ACTIONS[told[10]],
        deferral=_deferral(told),
    )


def _index(
    index: Index,
    method: str | None,
    condition: str | None,
    nulls_not_distinct: bool,
    include: list[str] | None,
    parts: list[tuple[str | None, str | None, bool | None]],
    _definition: str | None,
) -> Index:
    return replace(
        index,
        parts=tuple(_part(part, *told) for part, told in zip(index.parts, parts, strict=True)),
        partial=condition is not None,
        condition=condition or "",
        method=method or "",
        include=tuple(include or ()),
        nulls_not_distinct=nulls_not_distinct,
    )


def _part(part: IndexPart, collation: str | None, operator_class: str | None, nulls_first: bool | None) -> IndexPart:
    return replace(part, collation=collation or "", operator_class=operator_class or "", nulls_first=nulls_first)
