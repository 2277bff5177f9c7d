"""The type of a column to be made: the engine's own as it is written, another engine's mapped or refused.

A type is mapped to one that holds the same values, or refuses those that it can't hold: nothing is rounded or cut.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from rowgate_server.core.ddl.expressions import literal
from rowgate_server.core.tables import TableColumn
from rowgate_server.engines.dialects import Dialect
from rowgate_server.engines.values import ValueType
from rowgate_server.errors import Outcome, Reason, RowgateError

_WRITTEN = re.compile(
    r"[a-z_][\w]*(?: [a-z][\w]*)*(?: ?\((?:\d+(?: ?, ?-?\d+)?|'(?:[^'\\]|'')*'(?:, ?'(?:[^'\\]|'')*')*)\))?"
    r"(?: [a-z_][\w]*)*(?:\[\d*\])*\Z",
    re.IGNORECASE,
)
_NAMED = re.compile(r"(?P<name>[a-z]\w*(?: (?:varying|precision))?)", re.IGNORECASE)
_MOST_DIGITS = {Dialect.MYSQL: 65, Dialect.POSTGRESQL: 1000, Dialect.SQLITE: 1000}


class _Names(NamedTuple):
    """How an engine writes a type; None: it has none. `{}` is where length or fraction go."""

    mysql: str | None
    postgresql: str | None
    sqlite: str | None

    def of(self, dialect: Dialect) -> str | None:
        return {Dialect.MYSQL: self.mysql, Dialect.POSTGRESQL: self.postgresql, Dialect.SQLITE: self.sqlite}[dialect]


_INT16 = _Names("smallint", "smallint", "smallint")
_INT32 = _Names("int", "integer", "integer")
_INT64 = _Names("bigint", "bigint", "bigint")
_UINT64 = _Names("bigint unsigned", "numeric(20,0)", "decimal(20,0)")
_TEXT = _Names("longtext", "text", "text")
_BYTES = _Names("longblob", "bytea", "blob")
_CHAR = _Names("char({})", "char({})", "char({})")
_VARCHAR = _Names("varchar({})", "varchar({})", "varchar({})")
_DOUBLE = _Names("double", "double precision", "double")
_FLOAT = _Names("float", "real", "float")
_DATETIME = _Names("datetime{}", "timestamp{}", "datetime{}")
_TIMESTAMP = _Names("timestamp{}", "timestamp{} with time zone", "timestamp{}")

_BY_NAME: dict[str, _Names] = {
    "tinyint": _Names("tinyint", "smallint", "tinyint"),
    "smallint": _INT16,
    "int2": _INT16,
    "mediumint": _Names("mediumint", "integer", "mediumint"),
    **dict.fromkeys(("int", "integer", "int4"), _INT32),
    **dict.fromkeys(("bigint", "int8"), _INT64),
    "year": _INT16,
    **dict.fromkeys(("bool", "boolean"), _Names("tinyint(1)", "boolean", "boolean")),
    **dict.fromkeys(("char", "character", "bpchar"), _CHAR),
    **dict.fromkeys(("varchar", "character varying", "nvarchar"), _VARCHAR),
    **dict.fromkeys(("text", "tinytext", "mediumtext", "longtext", "clob"), _TEXT),
    **dict.fromkeys(("blob", "tinyblob", "mediumblob", "longblob", "bytea", "binary", "varbinary"), _BYTES),
    **dict.fromkeys(("double", "double precision", "float8"), _DOUBLE),
    **dict.fromkeys(("float", "real", "float4"), _FLOAT),
    "date": _Names("date", "date", "date"),
    "time": _Names("time{}", "time{}", "time{}"),
    "datetime": _DATETIME,
    **dict.fromkeys(("json", "jsonb"), _Names("json", "json", "text")),
    "uuid": _Names("char(36)", "uuid", "char(36)"),
}
_WIDER = {
    "tinyint": _INT16,
    "smallint": _INT32,
    "mediumint": _INT32,
    "int": _INT64,
    "integer": _INT64,
    "bigint": _UINT64,
}
_WIDE = {_INT16: _INT64, _INT32: _INT64, _BY_NAME["tinyint"]: _INT64, _BY_NAME["mediumint"]: _INT64, _FLOAT: _DOUBLE}
_BY_VALUE: dict[ValueType, _Names] = {
    ValueType.BOOL: _BY_NAME["bool"],
    ValueType.INT: _INT64,
    ValueType.UINT: _UINT64,
    ValueType.DOUBLE: _DOUBLE,
    ValueType.STRING: _TEXT,
    ValueType.BYTES: _BYTES,
    ValueType.DATE: _BY_NAME["date"],
    ValueType.TIME: _BY_NAME["time"],
    ValueType.DATETIME: _DATETIME,
    ValueType.TIMESTAMP: _TIMESTAMP,
    ValueType.JSON: _BY_NAME["json"],
    ValueType.UUID: _BY_NAME["uuid"],
}


def written_type(column: TableColumn, source: Dialect, target: Dialect, field: str) -> str:
    """The type as CREATE TABLE takes it.

    Raises:
        RowgateError: INVALID_REQUEST for what is no type, or is one that the engine has no match for.
    """
    written = column.database_type.strip()
    if written and source is target:
        if not _WRITTEN.match(written):
            raise _refused(column, "is written as no type is", field)
        return written
    if column.type is ValueType.DECIMAL or re.match(r"(?:decimal|numeric)\b", written, re.IGNORECASE):
        return _decimal(column, target, field)
    names = _names(column, written, source, field)
    found = names.of(target)
    if found is None:
        raise _refused(column, "has no match on this engine", field)
    return _filled(found, names, column, source, target)


def label_check(column: TableColumn, source: Dialect, target: Dialect, name: str) -> str:
    """The condition that takes an ENUM's place on another engine; empty for other columns."""
    if source is target or not column.labels:
        return ""
    return f"{name} IN ({', '.join(literal(label, target) for label in column.labels)})"


def _names(column: TableColumn, written: str, source: Dialect, field: str) -> _Names:
    if column.labels:
        if written.lower().startswith("set"):
            raise _refused(column, "is a SET, which no other engine has", field)
        return _TEXT if source is not Dialect.MYSQL else _VARCHAR
    names = _named(column, written, source) if written else _unnamed(column)
    if names in (_CHAR, _VARCHAR) and not column.length:
        names = _TEXT
    if names is None:
        raise _refused(column, "has no match on this engine", field)
    return names


def _unnamed(column: TableColumn) -> _Names | None:
    """The type of a column that tells only what its cells are."""
    return _VARCHAR if column.type is ValueType.STRING and column.length else _BY_VALUE.get(column.type)


def _named(column: TableColumn, written: str, source: Dialect) -> _Names | None:
    found = _NAMED.match(written)
    word = found["name"].lower() if found else ""
    if word == "timestamp":
        return _TIMESTAMP if column.type is ValueType.TIMESTAMP else _DATETIME
    if "unsigned" in written.lower():
        return _WIDER.get(word)
    if "[" in written or (word == "time" and "with time zone" in written.lower()):
        return None
    names = _BY_NAME.get(word)
    # SQLite's integers have 64 bits whatever they are called, and so have its floats.
    return _WIDE.get(names, names) if names is not None and source is Dialect.SQLITE else names


def _filled(found: str, names: _Names, column: TableColumn, source: Dialect, target: Dialect) -> str:
    if names in (_CHAR, _VARCHAR):
        length = column.length or max((len(label) for label in column.labels), default=1)
        # A row of MySQL's has 65,535 bytes, and a character up to four.
        if target is Dialect.MYSQL and length > 16_000:  # noqa: PLR2004 - see above
            return "longtext"
        return found.format(length)
    # MySQL keeps whole seconds where it is told nothing, the others microseconds.
    fraction = column.precision
    if target is Dialect.MYSQL and fraction is None and not (column.database_type and source is Dialect.MYSQL):
        fraction = 6
    return found.format("" if fraction is None else f"({fraction})")


def _decimal(column: TableColumn, target: Dialect, field: str) -> str:
    word = "numeric" if target is Dialect.POSTGRESQL else "decimal"
    if column.precision is None:
        if target is Dialect.MYSQL:
            raise _refused(column, "has no precision, which this engine needs", field)
        return word
    if column.precision > _MOST_DIGITS[target]:
        raise _refused(column, "has more digits than this engine keeps", field)
    return f"{word}({column.precision},{column.scale or 0})"


def _refused(column: TableColumn, words: str, field: str) -> RowgateError:
    return RowgateError(
        Reason.INVALID_REQUEST,
        f"the column's type {words}",
        field=field,
        outcome=Outcome.NOT_RUN,
        column=column.name,
        hint="give the engine's own database_type to each column, and leave engine out",
    )
