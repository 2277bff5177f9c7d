"""Types and defaults of a table's columns in the database's own words.

SQLAlchemy knows not all types, and writes some its own way; and of MariaDB's defaults it finds those that a pattern
matches: not `b'10'`, nor `concat('a', 'b')`.
"""

from __future__ import annotations

import re
from dataclasses import replace

from sqlalchemy import Connection, text

from rowgate_server.core.tables import Table
from rowgate_server.engines.dialects import Dialect
from rowgate_server.engines.values import ValueType

_DECLARED = {
    Dialect.POSTGRESQL: text(
        "SELECT a.attname, pg_catalog.format_type(a.atttypid, a.atttypmod), NULL, '' "
        "FROM pg_catalog.pg_attribute a JOIN pg_catalog.pg_class c ON c.oid = a.attrelid "
        "JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace "
        "WHERE n.nspname = :schema AND c.relname = :table AND a.attnum > 0 AND NOT a.attisdropped"
    ),
    Dialect.MYSQL: text(
        "SELECT column_name, column_type, column_default, extra FROM information_schema.columns "
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


_ON_UPDATE = re.compile(r"\bon update (.*)", re.IGNORECASE)


def completed(table: Table, connection: Connection, dialect: Dialect) -> Table:
    """The table, each type as its database writes it, and MariaDB's defaults too."""
    rows = connection.execute(_DECLARED[dialect], {"schema": table.schema, "table": table.name})
    mariadb = bool(getattr(connection.dialect, "is_mariadb", False))
    told = {str(name): (str(kind), default, str(extra)) for name, kind, default, extra in rows}
    columns = []
    for column in table.columns:
        if column.name in told:
            declared, default, extra = told[column.name]
            kind = _CELLS.get((dialect, declared), column.type)
            default = _default(default, extra) if mariadb else column.default
            columns.append(replace(column, database_type=declared, type=kind, default=default))
        else:
            columns.append(column)
    return replace(table, columns=tuple(columns))


def _default(default: str | None, extra: str) -> str | None:
    """As CREATE TABLE has it. MariaDB says NULL where a column that may be NULL has none."""
    update = _ON_UPDATE.search(extra)
    if default is None or default == "NULL":
        default = None
    return f"{default or 'NULL'} ON UPDATE {update[1]}" if update else default
