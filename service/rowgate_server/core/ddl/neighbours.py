"""What stands in the way of a table that is to be made or dropped: one of its name, those that refer to it."""

from __future__ import annotations

from sqlalchemy import Inspector, text
from sqlalchemy.engine import Connection

from rowgate_server.core.ddl.expressions import quoted
from rowgate_server.engines.database import Database
from rowgate_server.engines.deadline import Deadline
from rowgate_server.engines.dialects import Dialect

_REFERRING = {
    Dialect.MYSQL: "SELECT DISTINCT table_schema, table_name FROM information_schema.key_column_usage"
    " WHERE referenced_table_schema = :schema AND referenced_table_name = :table"
    " AND NOT (table_schema = :schema AND table_name = :table)",
    Dialect.POSTGRESQL: "SELECT DISTINCT fn.nspname, f.relname FROM pg_catalog.pg_constraint k"
    " JOIN pg_catalog.pg_class f ON f.oid = k.conrelid JOIN pg_catalog.pg_namespace fn ON fn.oid = f.relnamespace"
    " JOIN pg_catalog.pg_class c ON c.oid = k.confrelid JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace"
    " WHERE k.contype = 'f' AND n.nspname = :schema AND c.relname = :table AND k.conrelid <> k.confrelid",
    # To SQLite a table that is not there may be referred to, and a key to one that is gone stops every write.
    Dialect.SQLITE: "SELECT DISTINCT '', m.name"
    " FROM {place}.sqlite_master m, pragma_foreign_key_list(m.name, :schema) k WHERE m.type = 'table'"
    ' AND lower(k."table") = lower(:table) AND lower(m.name) <> lower(:table)',
}
_NAMED = "SELECT name FROM {place}.sqlite_master WHERE name = :table COLLATE NOCASE AND type IN ('table', 'view')"


async def referring_tables(database: Database, schema: str, table: str, deadline: Deadline) -> list[tuple[str, str]]:
    """The other tables that have a foreign key to this one, each with its schema.

    Raises:
        RowgateError: what the database has against being asked.
    """

    def read(inspector: Inspector) -> list[tuple[str, str]]:
        rows = _ask(inspector, _REFERRING[database.dialect], schema, table)
        return sorted((of or schema, name) for of, name in rows)

    return await database.reflect(read, deadline)


async def stored_name(database: Database, schema: str, table: str, deadline: Deadline) -> str | None:
    """The name of a SQLite table as it is kept: there `Orders` and `orders` are one.

    Raises:
        RowgateError: what the database has against being asked.
    """

    def read(inspector: Inspector) -> str | None:
        rows = _ask(inspector, _NAMED, schema or "main", table)
        return rows[0][0] if rows else None

    return await database.reflect(read, deadline)


def _ask(inspector: Inspector, query: str, schema: str, table: str) -> list[tuple[str, ...]]:
    connection = inspector.bind
    if not isinstance(connection, Connection):
        raise TypeError("the database is asked on a connection")
    place = quoted(schema, Dialect.SQLITE).replace(":", "\\:")
    values = {name: value for name, value in (("schema", schema), ("table", table)) if f":{name}" in query}
    rows = connection.execute(text(query.replace("{place}", place)), values)
    return [tuple(map(str, row)) for row in rows]
