"""One pure function: a column and a value -> the value that the column holds exactly, or an error that says why not.

A number goes into a column of another kind of number where it is the same number there, text into a column of dates,
UUIDs, JSON or decimals where it is written as one of those. Nothing is rounded, cut or guessed: text is no whole
number, bytes are no text, a date and time without a zone is no point in time. What PostgreSQL alone knows (an
address, an enum) is left to it where it refuses what it does not hold, whatever its settings.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace

from rowgate_server.core.crud import numbers, postgresql_texts, texts, times
from rowgate_server.core.crud.affinity import sqlite_coercer
from rowgate_server.core.crud.numbers import Coercer
from rowgate_server.core.crud.unfit import UnfitError, wrong
from rowgate_server.core.tables import TableColumn
from rowgate_server.engines.dialects import Dialect
from rowgate_server.engines.values import NULL, BoundValue, ValueType
from rowgate_server.errors import Outcome, RowgateError

_WIDTHS = {
    "tinyint": 8,
    "smallint": 16,
    "mediumint": 24,
    "integer": 32,
    "int": 32,
    "bigint": 64,
}
_OCTETS = {
    **dict.fromkeys(("tinytext", "tinyblob"), 2**8 - 1),
    **dict.fromkeys(("text", "blob"), 2**16 - 1),
    **dict.fromkeys(("mediumtext", "mediumblob"), 2**24 - 1),
    **dict.fromkeys(("longtext", "longblob"), 2**32 - 1),
}
_ENCODINGS = {"utf8mb3": "utf-8", "utf8": "utf-8", "ascii": "ascii"}
"""MySQL's latin1 is neither Python's latin-1 nor its cp1252; the strict mode of a write refuses what it has not."""
_CHARACTER_SET = re.compile(r"\bcharacter set (\w+)")
_WORD = re.compile(r'"?(\w+)')
_LIST = "[]"
_SIZES = re.compile(r"\((\d+)(?:, ?(-?\d+))?\)")
_NOT_FINITE = frozenset({"NaN", "Infinity", "-Infinity"})

_MEMBERS: dict[str, ValueType] = {
    **dict.fromkeys(("smallint", "integer", "bigint", "oid"), ValueType.INT),
    **dict.fromkeys(("real", "double", "float"), ValueType.DOUBLE),
    **dict.fromkeys(("character", "varchar", "bpchar", "text"), ValueType.STRING),
    "boolean": ValueType.BOOL,
    "numeric": ValueType.DECIMAL,
    "bytea": ValueType.BYTES,
    "date": ValueType.DATE,
    "time": ValueType.TIME,
    "timestamp": ValueType.DATETIME,
    "uuid": ValueType.UUID,
    "json": ValueType.JSON,
    "jsonb": ValueType.JSON,
    "interval": ValueType.INTERVAL,
}
"""What the members of PostgreSQL's arrays are; those of other types are left to it."""


def coerce(column: TableColumn, value: BoundValue, field: str, dialect: Dialect) -> BoundValue:
    """The value as the column holds it; NULL is NULL in every column.

    Args:
        column: where it goes, or what it is compared with.
        value: what the caller gave.
        field: where in the request that was, for the error.
        dialect: the engine's.

    Raises:
        RowgateError: INVALID_PARAMETER or VALUE_OUT_OF_RANGE, with the column's name and the reason.
    """
    try:
        return coercer(column, dialect)(value)
    except UnfitError as error:
        raise unfit(column, error, field) from None


def unfit(column: TableColumn, error: UnfitError, field: str) -> RowgateError:
    """The error that a caller is told."""
    kind = f" ({column.database_type})" if column.database_type else ""
    return RowgateError(
        error.reason,
        f"the value does not go into column {column.name}{kind}, which {error.text}",
        field=field,
        outcome=Outcome.NOT_RUN,
        column=column.name,
    )


def coercer(column: TableColumn, dialect: Dialect) -> Coercer:
    """What `coerce` does for one column, made once for many values; raises UnfitError."""
    if dialect is Dialect.SQLITE:
        convert = sqlite_coercer(column.database_type)
    else:
        column = replace(column, database_type=column.base_type)
        convert = _BY_TYPE[column.type](column, dialect is Dialect.MYSQL)

    def coerce_value(value: BoundValue) -> BoundValue:
        return NULL if value.type is ValueType.NULL else convert(value)

    return coerce_value


def _word(column: TableColumn) -> str:
    """The type's first word."""
    match = _WORD.match(column.database_type)
    return match[1] if match else ""


def _unsigned(column: TableColumn) -> bool:
    return " unsigned" in column.database_type


def _integer(column: TableColumn, mysql: bool) -> Coercer:
    word = _word(column)
    if word == "year" and mysql:
        return numbers.year
    if word == "bit":
        return numbers.bits(column.length or 1)
    if word == "oid":
        return numbers.integer(0, 2**32 - 1)
    width = _WIDTHS.get(word, 64)
    if column.type is ValueType.UINT:
        return numbers.integer(0, 2**width - 1)
    return numbers.integer(-(2 ** (width - 1)), 2 ** (width - 1) - 1)


def _double(column: TableColumn, mysql: bool) -> Coercer:
    return numbers.double(
        single=_word(column) in ("float", "real") if mysql else _word(column) == "real",
        unsigned=_unsigned(column),
        scale=column.scale,
        finite=mysql,
    )


def _decimal(column: TableColumn, mysql: bool) -> Coercer:
    not_finite = _NOT_FINITE
    if mysql:
        not_finite = frozenset()
    elif column.precision is not None:
        not_finite = frozenset({"NaN"})  # only a numeric without a precision holds the others
    return numbers.decimal(column.precision, column.scale, unsigned=_unsigned(column), not_finite=not_finite)


def _text(column: TableColumn, mysql: bool) -> Coercer:
    word = _word(column)
    if column.labels:
        return texts.label_set(column.labels) if mysql and word == "set" else texts.label(column.labels)
    if mysql and word == "uuid":
        return texts.identifier
    if not mysql and (special := postgresql_texts.coercer(column.held or (column.database_type,), _member_coercer)):
        return special
    character_set = _CHARACTER_SET.search(column.database_type)
    return texts.text(
        characters=column.length,
        octets=_OCTETS.get(word) if mysql else None,
        encoding=_ENCODINGS.get(character_set[1], "") if character_set else "",
        zeros=mysql,
        trimmed=mysql and word == "char",
    )


def _octets(column: TableColumn, mysql: bool) -> Coercer:
    word = _word(column)
    longest = column.length if column.length is not None else _OCTETS.get(word)
    return texts.octets(longest if mysql else None, padded=mysql and word == "binary")


def _fraction(column: TableColumn, mysql: bool) -> int:
    """Digits of a second: where none are named, MySQL keeps none, PostgreSQL all."""
    if column.precision is not None:
        return column.precision
    return 0 if mysql else 6


def _time(column: TableColumn, mysql: bool) -> Coercer:
    if mysql:
        return times.duration(_fraction(column, mysql))
    return times.time_of_day(_fraction(column, mysql), zoned="with time zone" in column.database_type)


def _json(column: TableColumn, mysql: bool) -> Coercer:
    """MySQL and `jsonb` keep what a document says, MariaDB and `json` its text."""
    word = _word(column)
    return texts.parsed_document if word == "jsonb" or (mysql and word == "json") else texts.document


def _interval(column: TableColumn, mysql: bool) -> Coercer:
    words = re.findall(r"[a-z]+", column.database_type)
    return times.interval(_fraction(column, mysql), words[-1] if len(words) > 1 else "")


def _list(column: TableColumn) -> Coercer:
    """Each member as the column of its own that it would be; NULLs and lists of lists among them."""
    text = column.database_type.removesuffix(_LIST)
    kinds = tuple(kind.removesuffix(_LIST) for kind in column.held) or (text,)
    special = texts.label(column.labels) if column.labels else postgresql_texts.coercer(kinds, _member_coercer)
    member = special or _member_coercer(text) or _any

    def convert(value: BoundValue) -> BoundValue:
        if value.type is not ValueType.LIST:
            raise wrong("takes lists")
        return BoundValue(ValueType.LIST, [convert_member(each) for each in value.value])

    def convert_member(value: BoundValue) -> BoundValue:
        if value.type is ValueType.NULL:
            return value
        return convert(value) if value.type is ValueType.LIST else member(value)

    return convert


def _member_coercer(text: str) -> Coercer | None:
    """What a type of PostgreSQL's takes, by its text; None for one that is left to it."""
    word = match[1] if (match := _WORD.match(text)) else ""
    kind = _MEMBERS.get(word)
    if kind is None:
        return None
    if kind is ValueType.DATETIME and "with time zone" in text:
        kind = ValueType.TIMESTAMP
    sizes = _SIZES.search(text)
    size = int(sizes[1]) if sizes else None
    textual = kind is ValueType.STRING
    member = TableColumn(
        name="",
        type=kind,
        database_type=text,
        nullable=True,
        length=size if textual else None,
        precision=None if textual else size,
        scale=int(sizes[2]) if sizes and sizes[2] else None,
    )
    return coercer(member, Dialect.POSTGRESQL)


def _any(value: BoundValue) -> BoundValue:
    return value


_BY_TYPE: dict[ValueType, Callable[[TableColumn, bool], Coercer]] = {
    ValueType.NULL: lambda _, __: _any,
    ValueType.DYNAMIC: lambda _, __: _any,
    ValueType.BOOL: lambda _, __: numbers.boolean,
    ValueType.INT: _integer,
    ValueType.UINT: _integer,
    ValueType.DOUBLE: _double,
    ValueType.DECIMAL: _decimal,
    ValueType.STRING: _text,
    ValueType.BYTES: _octets,
    ValueType.DATE: lambda _, mysql: times.date(mysql=mysql),
    ValueType.TIME: _time,
    ValueType.DATETIME: lambda column, mysql: times.datetime(_fraction(column, mysql), mysql=mysql),
    ValueType.TIMESTAMP: lambda column, mysql: times.timestamp(_fraction(column, mysql), mysql=mysql),
    ValueType.JSON: _json,
    ValueType.UUID: lambda _, __: texts.identifier,
    ValueType.INTERVAL: _interval,
    ValueType.LIST: lambda column, _: _list(column),
}
