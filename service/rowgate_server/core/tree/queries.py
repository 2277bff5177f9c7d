"""What each engine is asked for its tree: a few queries about all tables at once, told in rows of the same form."""

from __future__ import annotations

from typing import NamedTuple

from rowgate_server.engines.dialects import Dialect


class Queries(NamedTuple):
    """Rows come as follows; the first columns are the same on every engine.

    Attributes:
        schemas: name, is default.
        tables: schema, table, kind, comment; in the order of the code points of schema and name.
        columns: schema, table, column, database type, what else tells the type, nullable, primary key, comment; each
            table's in order.
            Without `tables`, a table without columns has a row too, and the table's kind and comment follow in each.
        routines: schema, name, kind; may name one several times.
    """

    schemas: str
    columns: str
    tables: str = ""
    routines: str = ""


_MYSQL_SYSTEM = frozenset({"information_schema", "mysql", "performance_schema", "sys"})
_MYSQL = Queries(
    schemas="SELECT schema_name, schema_name = DATABASE() FROM information_schema.schemata"
    " ORDER BY CAST(schema_name AS BINARY)",
    # No figure of the storage engine's (TABLE_ROWS): that would open each table.
    tables="SELECT table_schema, table_name, table_type, table_comment FROM information_schema.tables"
    " WHERE table_schema NOT IN ('information_schema', 'mysql', 'performance_schema', 'sys')"
    " AND table_type <> 'SEQUENCE'"
    " ORDER BY CAST(table_schema AS BINARY), CAST(table_name AS BINARY)",
    columns="SELECT table_schema, table_name, column_name, column_type, data_type,"
    " is_nullable = 'YES', column_key = 'PRI', column_comment FROM information_schema.columns"
    " WHERE table_schema NOT IN ('information_schema', 'mysql', 'performance_schema', 'sys')"
    " ORDER BY table_schema, table_name, ordinal_position",
    routines="SELECT routine_schema, routine_name, routine_type FROM information_schema.routines"
    " WHERE routine_schema NOT IN ('information_schema', 'mysql', 'performance_schema', 'sys')",
)

_POSTGRESQL = Queries(
    schemas="SELECT nspname::text, nspname = current_schema() FROM pg_catalog.pg_namespace"
    " WHERE nspname !~ '^pg_(toast|temp)' ORDER BY nspname COLLATE \"C\"",
    # One query, which sees one moment.
    columns="SELECT n.nspname::text, c.relname::text, a.attname::text,"
    " pg_catalog.format_type(a.atttypid, a.atttypmod),"
    " CASE WHEN t.typcategory = 'A' THEN -1 WHEN t.typbasetype <> 0 THEN t.typbasetype::bigint"
    " ELSE t.oid::bigint END,"
    " NOT a.attnotnull AND NOT t.typnotnull, coalesce(a.attnum = ANY (i.indkey), false), coalesce(d.description, ''),"
    " c.relkind::text, coalesce(e.description, '')"
    " FROM pg_catalog.pg_class c"
    " JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace"
    " LEFT JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped"
    " LEFT JOIN pg_catalog.pg_type t ON t.oid = a.atttypid"
    " LEFT JOIN pg_catalog.pg_index i ON i.indrelid = c.oid AND i.indisprimary"
    " LEFT JOIN pg_catalog.pg_description d ON d.objoid = c.oid AND d.objsubid = a.attnum"
    " AND d.classoid = 'pg_catalog.pg_class'::regclass"
    " LEFT JOIN pg_catalog.pg_description e ON e.objoid = c.oid AND e.objsubid = 0"
    " AND e.classoid = 'pg_catalog.pg_class'::regclass"
    " WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f') AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'"
    ' ORDER BY n.nspname COLLATE "C", c.relname COLLATE "C", a.attnum',
    routines="SELECT DISTINCT n.nspname::text, p.proname::text, p.prokind::text FROM pg_catalog.pg_proc p"
    " JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace"
    " WHERE n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'",
)

# A key of one INTEGER column is the row's number, and never NULL.
_SQLITE_COLUMNS = (
    "SELECT 'main', m.name, x.name, lower(x.type), '',"
    " NOT x.\"notnull\" AND NOT (x.pk = 1 AND upper(x.type) = 'INTEGER'"
    " AND NOT EXISTS (SELECT 1 FROM pragma_table_info(m.name) AS k WHERE k.pk = 2)),"
    " x.pk > 0, '', m.type, ''"
    " FROM main.sqlite_schema AS m, pragma_table_xinfo(m.name) AS x"
    " WHERE m.type IN ('table', 'view') AND m.name NOT LIKE 'sqlite\\_%' ESCAPE '\\' AND x.hidden <> 1 {}"
    " ORDER BY m.name, x.cid"
)
_SQLITE = Queries(
    schemas="SELECT 'main', 1",
    tables="SELECT 'main', name, type, '' FROM main.sqlite_schema"
    " WHERE type IN ('table', 'view') AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\' ORDER BY name",
    columns=_SQLITE_COLUMNS.format(""),
)

QUERIES = {Dialect.MYSQL: _MYSQL, Dialect.POSTGRESQL: _POSTGRESQL, Dialect.SQLITE: _SQLITE}

SQLITE_COLUMNS_OF_ONE = tuple(_SQLITE_COLUMNS.format("AND m.name = \0").split("\0"))
"""In two, around the name: for when a view whose table is gone fails the query about all of them."""

VIEWS = frozenset({"VIEW", "SYSTEM VIEW", "view", "v", "m"})
"""How the engines call views; everything else is a table."""

PROCEDURES = frozenset({"PROCEDURE", "p"})


def is_system(dialect: Dialect, schema: str) -> bool:
    """Whether a schema is the server's own."""
    if dialect is Dialect.MYSQL:
        return schema.lower() in _MYSQL_SYSTEM
    return dialect is Dialect.POSTGRESQL and (schema.startswith("pg_") or schema == "information_schema")
