"""What SQLAlchemy's Inspector does not tell of one table: its kind, about how many rows it has, how it is made.

Asked for one table at a time: the Inspector would tell its kind by listing every view.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, text
from sqlalchemy.exc import DBAPIError

from rowgate_server.core.ddl.expressions import quoted
from rowgate_server.core.postgresql_create import CREATE_TABLE
from rowgate_server.core.tables import TableKind
from rowgate_server.engines.dialects import Dialect

_KIND = {
    Dialect.MYSQL: "SELECT table_type IN ('VIEW', 'SYSTEM VIEW') FROM information_schema.tables"
    " WHERE table_schema = {place} AND table_name = :name",
    Dialect.POSTGRESQL: "SELECT bool_or(c.relkind IN ('v', 'm')) FROM pg_catalog.pg_class c"
    " JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace WHERE c.relname = :name"
    " AND {place}"
    " AND c.relkind IN ('r', 'p', 'v', 'm', 'f')",
    Dialect.SQLITE: "SELECT type = 'view' FROM {place}.sqlite_master WHERE name = :name COLLATE NOCASE"
    " AND type IN ('table', 'view')",
}
_ROWS = {
    Dialect.MYSQL: "SELECT table_rows FROM information_schema.tables"
    " WHERE table_schema = {place} AND table_name = :name",
    # -1: never counted. A partitioned table has its parts' rows.
    Dialect.POSTGRESQL: "SELECT nullif(c.reltuples, -1)::bigint FROM pg_catalog.pg_class c"
    " JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace WHERE c.relname = :name"
    " AND {place}"
    " AND c.relkind IN ('r', 'p', 'm')",
    # ANALYZE leaves a line for each index of a table: its rows, and then others.
    Dialect.SQLITE: "SELECT max(CAST(stat AS INTEGER)) FROM {place}.sqlite_stat1 WHERE tbl = :name COLLATE NOCASE",
}
_SQLITE_COUNTED = "SELECT count(*) FROM {place}.sqlite_master WHERE name = 'sqlite_stat1'"
_CREATED = {
    Dialect.POSTGRESQL: "SELECT CASE c.relkind WHEN 'm' THEN 'CREATE MATERIALIZED VIEW ' ELSE 'CREATE VIEW ' END"
    " || pg_catalog.format('%I.%I', n.nspname, c.relname) || E' AS\\n' || pg_catalog.pg_get_viewdef(c.oid, true)"
    " FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace WHERE c.relname = :name"
    " AND {place}"
    " AND c.relkind IN ('v', 'm')",
    Dialect.SQLITE: "SELECT sql FROM {place}.sqlite_master WHERE name = :name COLLATE NOCASE"
    " AND type IN ('table', 'view')",
}


def kind_of(connection: Connection, dialect: Dialect, name: str, schema: str | None) -> TableKind:
    """Whether it is a view; a table where there is no such thing."""
    is_view = _ask(connection, dialect, _KIND[dialect], name, schema)
    return TableKind.VIEW if is_view else TableKind.TABLE


def row_estimate(connection: Connection, dialect: Dialect, name: str, schema: str | None) -> int | None:
    """What the database's statistics say; None where they say nothing."""
    if dialect is Dialect.SQLITE and not _ask(connection, dialect, _SQLITE_COUNTED, name, schema):
        return None
    found = _ask(connection, dialect, _ROWS[dialect], name, schema)
    return None if found is None else int(found)


def create_statement(connection: Connection, dialect: Dialect, name: str, schema: str | None, kind: TableKind) -> str:
    """The database's own words, of a PostgreSQL table those of its parts; empty where it has none."""
    if dialect is Dialect.MYSQL:
        place = ".".join(quoted(part, dialect) for part in (schema, name) if part)
        word = "VIEW" if kind is TableKind.VIEW else "TABLE"
        try:
            row = connection.exec_driver_sql(f"SHOW CREATE {word} {place}".replace("%", "%%")).first()
        except DBAPIError:
            return ""  # a view's takes a privilege of its own; what else is wrong will show elsewhere
        return "" if row is None else str(row[1])
    if dialect is Dialect.POSTGRESQL and kind is TableKind.TABLE:
        return str(_ask(connection, dialect, CREATE_TABLE, name, schema) or "")
    return str(_ask(connection, dialect, _CREATED[dialect], name, schema) or "")


def _ask(connection: Connection, dialect: Dialect, sql: str, name: str, schema: str | None) -> Any:
    place, values = _place(dialect, schema)
    if ":name" in sql:
        values["name"] = name
    return connection.execute(text(sql.replace("{place}", place)), values).scalar()


def _place(dialect: Dialect, schema: str | None) -> tuple[str, dict[str, str]]:
    """What stands for the schema, and its value."""
    if dialect is Dialect.SQLITE:
        return quoted(schema or "main", dialect).replace(":", "\\:"), {}
    if schema is None:
        return "DATABASE()" if dialect is Dialect.MYSQL else "pg_catalog.pg_table_is_visible(c.oid)", {}
    return ":schema" if dialect is Dialect.MYSQL else "n.nspname = :schema", {"schema": schema}
