"""What a column's declared type is, in terms of no engine: read from the words of each."""

from __future__ import annotations

import re
from enum import Enum
from typing import NamedTuple

from rowgate_server.core.tables import TableColumn
from rowgate_server.engines.dialects import Dialect
from rowgate_server.engines.values import ValueType


class Family(Enum):
    """Kinds of types that more engines than one have."""

    INTEGER = 1
    DECIMAL = 2
    FLOAT = 3
    BOOLEAN = 4
    CHAR = 5
    VARCHAR = 6
    TEXT = 7
    BYTES = 8
    DATE = 9
    TIME = 10
    DATETIME = 11
    TIMESTAMP = 12
    JSON = 13
    UUID = 14
    ENUM = 15


class Kind(NamedTuple):
    """A type.

    Attributes:
        family: which kind.
        size: bits of numbers, digits of decimals, characters of texts, fractional digits of times; None: not bounded,
            or as the engine has it.
        scale: a decimal's digits after the point.
        unsigned: whether a number has no sign.
        fixed: whether shorter values are filled up: texts with blanks, bytes with zeros.
    """

    family: Family
    size: int | None = None
    scale: int | None = None
    unsigned: bool = False
    fixed: bool = False


_MYSQL_INTEGERS = {"tinyint": 8, "smallint": 16, "mediumint": 24, "int": 32, "integer": 32, "bigint": 64}
_MYSQL = {
    "bool": Kind(Family.BOOLEAN),
    "boolean": Kind(Family.BOOLEAN),
    "bit": Kind(Family.INTEGER, 1, unsigned=True),
    "year": Kind(Family.INTEGER, 16),
    **dict.fromkeys(("decimal", "numeric", "dec", "fixed"), Kind(Family.DECIMAL, 10, 0)),
    "float": Kind(Family.FLOAT, 32),
    **dict.fromkeys(("double", "double precision", "real"), Kind(Family.FLOAT, 64)),
    "char": Kind(Family.CHAR, 1, fixed=True),
    "varchar": Kind(Family.VARCHAR),
    **dict.fromkeys(("tinytext", "text", "mediumtext", "longtext"), Kind(Family.TEXT)),
    **dict.fromkeys(("tinyblob", "blob", "mediumblob", "longblob", "varbinary"), Kind(Family.BYTES)),
    "binary": Kind(Family.BYTES, 1, fixed=True),
    "date": Kind(Family.DATE),
    "time": Kind(Family.TIME, 0),
    "datetime": Kind(Family.DATETIME, 0),
    "timestamp": Kind(Family.TIMESTAMP, 0),
    "json": Kind(Family.JSON),
    "uuid": Kind(Family.UUID),
    "enum": Kind(Family.ENUM),
}
_POSTGRESQL = {
    **dict.fromkeys(("smallint", "int2", "smallserial"), Kind(Family.INTEGER, 16)),
    **dict.fromkeys(("integer", "int", "int4", "serial"), Kind(Family.INTEGER, 32)),
    **dict.fromkeys(("bigint", "int8", "bigserial"), Kind(Family.INTEGER, 64)),
    "oid": Kind(Family.INTEGER, 32, unsigned=True),
    **dict.fromkeys(("numeric", "decimal"), Kind(Family.DECIMAL)),
    **dict.fromkeys(("real", "float4"), Kind(Family.FLOAT, 32)),
    **dict.fromkeys(("double precision", "float8", "float"), Kind(Family.FLOAT, 64)),
    **dict.fromkeys(("boolean", "bool"), Kind(Family.BOOLEAN)),
    **dict.fromkeys(("character", "char"), Kind(Family.CHAR, 1, fixed=True)),
    **dict.fromkeys(("character varying", "varchar"), Kind(Family.VARCHAR)),
    **dict.fromkeys(("text", "bpchar"), Kind(Family.TEXT)),
    "bytea": Kind(Family.BYTES),
    "date": Kind(Family.DATE),
    **dict.fromkeys(("time without time zone", "time"), Kind(Family.TIME, 6)),
    **dict.fromkeys(("timestamp without time zone", "timestamp"), Kind(Family.DATETIME, 6)),
    **dict.fromkeys(("timestamp with time zone", "timestamptz"), Kind(Family.TIMESTAMP, 6)),
    **dict.fromkeys(("json", "jsonb"), Kind(Family.JSON)),
    "uuid": Kind(Family.UUID),
}
# Whatever their names, its integers have 64 bits and its floats are doubles; what it calls CHAR is filled up with
# nothing, and what it calls TIMESTAMP has no zone.
_SQLITE = {
    **dict.fromkeys(
        (*_MYSQL_INTEGERS, "int2", "int4", "int8", "unsigned big int", "big int"), Kind(Family.INTEGER, 64)
    ),
    **dict.fromkeys(("decimal", "numeric"), Kind(Family.DECIMAL)),
    **dict.fromkeys(("real", "double", "double precision", "float"), Kind(Family.FLOAT, 64)),
    **dict.fromkeys(("boolean", "bool"), Kind(Family.BOOLEAN)),
    **dict.fromkeys(
        ("char", "character", "nchar", "varchar", "character varying", "nvarchar", "varying character"),
        Kind(Family.VARCHAR),
    ),
    **dict.fromkeys(("text", "clob", "longtext", "mediumtext", "tinytext"), Kind(Family.TEXT)),
    **dict.fromkeys(("blob", "binary", "varbinary", "bytea", "longblob"), Kind(Family.BYTES)),
    "date": Kind(Family.DATE),
    "time": Kind(Family.TIME, 6),
    **dict.fromkeys(("datetime", "timestamp"), Kind(Family.DATETIME, 6)),
    **dict.fromkeys(("json", "jsonb"), Kind(Family.JSON)),
    "uuid": Kind(Family.UUID),
}
_NAMES = {
    Dialect.MYSQL: {**{name: Kind(Family.INTEGER, bits) for name, bits in _MYSQL_INTEGERS.items()}, **_MYSQL},
    Dialect.POSTGRESQL: _POSTGRESQL,
    Dialect.SQLITE: _SQLITE,
}
_BY_VALUE = {
    ValueType.BOOL: Kind(Family.BOOLEAN),
    ValueType.INT: Kind(Family.INTEGER, 64),
    ValueType.UINT: Kind(Family.INTEGER, 64, unsigned=True),
    ValueType.DECIMAL: Kind(Family.DECIMAL),
    ValueType.DOUBLE: Kind(Family.FLOAT, 64),
    ValueType.STRING: Kind(Family.TEXT),
    ValueType.BYTES: Kind(Family.BYTES),
    ValueType.DATE: Kind(Family.DATE),
    ValueType.TIME: Kind(Family.TIME, 6),
    ValueType.DATETIME: Kind(Family.DATETIME, 6),
    ValueType.TIMESTAMP: Kind(Family.TIMESTAMP, 6),
    ValueType.JSON: Kind(Family.JSON),
    ValueType.UUID: Kind(Family.UUID),
}
_SIZED = frozenset({
    *(Family.DECIMAL, Family.CHAR, Family.VARCHAR, Family.TIME, Family.DATETIME, Family.TIMESTAMP),
})  # fmt: skip
_BITS_OF_SINGLES = 24
"""Of a mantissa, as FLOAT takes them."""
_SIZES = re.compile(r"\((\d+)(?:\s*,\s*(-?\d+))?\)")
_ATTRIBUTE = re.compile(r"\b(?:unsigned|signed|zerofill)\b")
_LABELS = re.compile(r"\(\s*'.*\)", re.DOTALL)


def kind_of(column: TableColumn, source: Dialect) -> Kind | None:
    """What the column's type is; None for one that only its own engine has.

    Args:
        column: with its type as the engine writes it, or only with what its cells are.
        source: whose words these are.
    """
    written = column.database_type.strip().lower()
    if not written:
        return _unnamed(column)
    if column.labels:
        # Of a SET, a cell may have several.
        return None if written.startswith("set") else Kind(Family.ENUM)
    sizes = _SIZES.search(written)
    attributes = _ATTRIBUTE.findall(written) if source is not Dialect.POSTGRESQL else []
    name = _ATTRIBUTE.sub("", _SIZES.sub("", _LABELS.sub("", written)))
    found = _NAMES[source].get(" ".join(name.split()))
    if found is None or found.family is Family.ENUM:
        return None
    found = found._replace(unsigned=found.unsigned or "unsigned" in attributes or "zerofill" in attributes)
    return found if sizes is None else _sized(found, name.strip(), int(sizes[1]), int(sizes[2] or 0))


def _sized(kind: Kind, name: str, size: int, scale: int) -> Kind:
    if kind.family is Family.FLOAT and name == "float":
        # FLOAT(53) is a double; FLOAT(7, 4) has digits, not bits.
        return kind._replace(size=64 if size > _BITS_OF_SINGLES and not scale else kind.size)
    if name in ("bit", "binary"):
        return kind._replace(size=size)
    if kind.family not in _SIZED:
        return kind  # INT(11) is as wide as INT
    return kind._replace(size=size, scale=scale if kind.family is Family.DECIMAL else None)


def _unnamed(column: TableColumn) -> Kind | None:
    if column.labels:
        return Kind(Family.ENUM)
    kind = _BY_VALUE.get(column.type)
    if kind is None:
        return None
    if kind.family is Family.TEXT and column.length:
        return Kind(Family.VARCHAR, column.length)
    if kind.family in _SIZED and column.precision is not None:
        return kind._replace(size=column.precision, scale=column.scale or 0)
    return kind
