"""The types of a table's columns in the database's own words: SQLAlchemy knows not all, and writes some its own way."""

from __future__ import annotations

from dataclasses import replace

from sqlalchemy import Connection, text

from rowgate_server.core.tables import Table, TableColumn
from rowgate_server.engines.dialects import Dialect
from rowgate_server.engines.values import ValueType

_DECLARED = {
    Dialect.POSTGRESQL: text(
        "SELECT a.attname, pg_catalog.format_type(a.atttypid, a.atttypmod) "
        "FROM pg_catalog.pg_attribute a JOIN pg_catalog.pg_class c ON c.oid = a.attrelid "
        "JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace "
        "WHERE n.nspname = :schema AND c.relname = :table AND a.attnum > 0 AND NOT a.attisdropped"
    ),
    Dialect.MYSQL: text(
        "SELECT column_name, column_type FROM information_schema.columns "
        "WHERE table_schema = :schema AND table_name = :table"
    ),
}

GEOMETRY = frozenset({
    *("geometry", "point", "linestring", "polygon"),
    *("multipoint", "multilinestring", "multipolygon", "geometrycollection", "geomcollection"),
})  # fmt: skip


_VECTORS = frozenset({"int2vector", "oidvector"})

# Cells of types that SQLAlchemy does not know.
_CELLS = {
    **{(Dialect.MYSQL, kind): ValueType.BYTES for kind in GEOMETRY},
    **{(Dialect.POSTGRESQL, kind): ValueType.LIST for kind in _VECTORS},
}


def completed(table: Table, connection: Connection, dialect: Dialect) -> Table:
    """The table, each type as its database writes it."""
    rows = connection.execute(_DECLARED[dialect], {"schema": table.schema, "table": table.name})
    declared = {str(name): str(kind) for name, kind in rows}
    return replace(
        table, columns=tuple(_column(column, declared.get(column.name), dialect) for column in table.columns)
    )


def _column(column: TableColumn, declared: str | None, dialect: Dialect) -> TableColumn:
    if declared is None:
        return column
    return replace(column, database_type=declared, type=_CELLS.get((dialect, declared), column.type))
