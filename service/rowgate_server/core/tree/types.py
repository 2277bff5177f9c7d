"""Which arm of Value a column's cells use, by what the information schema says of its type."""

from __future__ import annotations

from typing import Any

from rowgate_server.engines.dialects import Dialect
from rowgate_server.engines.dialects.postgresql.types import TYPES
from rowgate_server.engines.values import ValueType

_ARRAY = -1

_MYSQL: dict[str, ValueType] = {
    **dict.fromkeys(("tinyint", "smallint", "mediumint", "int", "integer", "bigint", "year"), ValueType.INT),
    "bit": ValueType.UINT,
    **dict.fromkeys(("decimal", "numeric"), ValueType.DECIMAL),
    **dict.fromkeys(("float", "double", "real"), ValueType.DOUBLE),
    "date": ValueType.DATE,
    "time": ValueType.TIME,
    "datetime": ValueType.DATETIME,
    "timestamp": ValueType.TIMESTAMP,
    "json": ValueType.JSON,
    **dict.fromkeys(("binary", "varbinary", "tinyblob", "blob", "mediumblob", "longblob"), ValueType.BYTES),
    **dict.fromkeys(
        (
            *("geometry", "point", "linestring", "polygon", "geometrycollection", "geomcollection"),
            *("multipoint", "multilinestring", "multipolygon"),
        ),
        ValueType.BYTES,
    ),
}


def value_type(dialect: Dialect, database_type: str, told: Any) -> ValueType:
    """The type of a column's cells.

    Args:
        dialect: whose types they are.
        database_type: as CREATE TABLE has it.
        told: MySQL's DATA_TYPE; the number of PostgreSQL's type, or of the type that a domain is made of, or -1 for
            an array.
    """
    if dialect is Dialect.SQLITE:
        return ValueType.DYNAMIC
    if dialect is Dialect.POSTGRESQL:
        return ValueType.LIST if told == _ARRAY else TYPES.get(told, ValueType.STRING)
    found = _MYSQL.get(str(told).lower(), ValueType.STRING)
    return ValueType.UINT if found is ValueType.INT and "unsigned" in database_type else found
