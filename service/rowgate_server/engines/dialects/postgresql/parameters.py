"""Which type each parameter takes.

PostgreSQL infers a type for every `$n`, and asyncpg sends each in that type's binary form. A value goes as the type
that the statement gives it where that is exact; where it is not, or where PostgreSQL could only guess (`text` for
`select $1`), the placeholder is written with a cast, and the statement prepared once more:

- text for a parameter of another type goes as `$1::text::date`, so the database reads it by its own rules, and a list
  of texts for an array of another type as `$1::text[]::inet[]`;
- any other value goes as its own type, `$1::bigint`, and the database decides about the combination.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Callable, Sequence
from typing import Any

from rowgate_server.engines import isotime
from rowgate_server.engines.dialects.postgresql import types
from rowgate_server.engines.values import NO_MEMBERS, BoundStatement, BoundValue, ValueType
from rowgate_server.errors import Reason, RowgateError

_INT64 = 2**63
_RANGES = {types.INT2: 2**15, types.INT4: 2**31, types.INT8: _INT64}
_EXACT_IN_DOUBLE = 2**53
_FLOAT4 = struct.Struct("<f")
_MOST_VALUES = 32_767
"""asyncpg's own limit; the protocol's is twice as much."""
_MOST_MEMBERS = 1_000_000
"""asyncpg takes up to half a second to lay out so many, while nobody else is served."""
_MONEY = {types.MONEY, types.MONEYS}
"""A decimal becomes one, but is not compared with one."""
_TEXTS = {types.TEXT, types.VARCHAR, types.BPCHAR, types.NAME, types.UNKNOWN}
_OWN_TYPES: dict[ValueType, tuple[str, int]] = {
    ValueType.BOOL: ("boolean", types.BOOL),
    ValueType.INT: ("bigint", types.INT8),
    ValueType.DOUBLE: ("double precision", types.FLOAT8),
    ValueType.DECIMAL: ("numeric", types.NUMERIC),
    ValueType.STRING: ("text", types.TEXT),
    ValueType.BYTES: ("bytea", types.BYTEA),
    ValueType.DATE: ("date", types.DATE),
    ValueType.TIME: ("time", types.TIME),
    ValueType.DATETIME: ("timestamp", types.TIMESTAMP),
    ValueType.TIMESTAMP: ("timestamptz", types.TIMESTAMPTZ),
    ValueType.JSON: ("json", types.JSON),
    ValueType.UUID: ("uuid", types.UUID),
    ValueType.INTERVAL: ("interval", types.INTERVAL),
}


class NeedsCastError(Exception):
    """The value does not go, exactly, as the type the statement gives its parameter."""


def check_number(statement: BoundStatement) -> None:
    """Refuse more values than asyncpg sends.

    Raises:
        RowgateError: INVALID_PARAMETER.
    """
    if len(statement.values) > _MOST_VALUES:
        raise RowgateError(
            Reason.INVALID_PARAMETER,
            f"the statement has {len(statement.values)} values, and on PostgreSQL {_MOST_VALUES} are the most",
            limit=f"{_MOST_VALUES} values",
            hint="an array is one value: write = any(:ids)",
        )
    if (count := members(statement.values)) > _MOST_MEMBERS:
        raise RowgateError(
            Reason.INVALID_PARAMETER,
            f"the statement's lists have {count:,} members, and {_MOST_MEMBERS:,} are the most",
            limit=f"{_MOST_MEMBERS:,} members",
            hint="send them in several statements",
        )


def without_empty_lists(statement: BoundStatement, kinds: Sequence[Any]) -> BoundStatement:
    """Each list without members becomes a query without rows, of the type that the statement gives such a member."""
    fragments = [statement.fragments[0]]
    values: list[BoundValue] = []
    for value, kind, fragment in zip(statement.values, kinds, statement.fragments[1:], strict=True):
        if value == NO_MEMBERS:
            fragments[-1] += f"select null::{_quoted(kind)} where false{fragment}"
        else:
            values.append(value)
            fragments.append(fragment)
    return BoundStatement(tuple(fragments), tuple(values))


def members(values: Sequence[BoundValue]) -> int:
    """How many members the lists among them have."""
    return sum(_count(value.value) for value in values if value.type is ValueType.LIST)


def _count(members: Sequence[BoundValue]) -> int:
    if members and members[0].type is ValueType.LIST:  # a further dimension
        return sum(_count(member.value) for member in members if member.type is ValueType.LIST)
    return len(members)


def convert_all(statement: BoundStatement, kinds: Sequence[Any]) -> tuple[list[Any], list[str] | None]:
    """The values for asyncpg, and the casts to write if any value does not fit its type (None: all do).

    Raises:
        RowgateError: one is malformed; it says which.
    """
    arguments: list[Any] = []
    casts = [""] * len(kinds)
    for index, (value, kind) in enumerate(zip(statement.values, kinds, strict=True)):
        try:
            arguments.append(convert(value, kind))
        except NeedsCastError:
            casts[index] = cast(value, kind)
        except RowgateError as error:
            raise error.of_value(index) from None
    return arguments, casts if any(casts) else None


def convert(value: BoundValue, kind: Any) -> Any:
    """The value as asyncpg wants it for a parameter of that type.

    Raises:
        NeedsCastError: it does not fit that type exactly.
        RowgateError: it is malformed.
    """
    if value.type is ValueType.NULL:
        return None
    if kind.kind == "array":
        return _array(value, kind)
    if kind.kind != "scalar":
        raise NeedsCastError
    if kind.oid in _TEXTS:
        return _only(ValueType.STRING)(value)
    converter = _CONVERTERS.get(kind.oid)
    if converter is None:
        raise NeedsCastError
    return converter(value)


def cast(value: BoundValue, kind: Any | None) -> str:
    """The cast to write behind a placeholder whose value did not go as `kind` (None: not inferred)."""
    own = own_type(value)[0]
    if kind is None or kind.oid in _TEXTS:
        return f"::{own}"
    read_by_the_database = value.type is ValueType.STRING or (own == "text[]" and kind.kind == "array")
    return f"::{own}::{_quoted(kind)}" if read_by_the_database or kind.oid in _MONEY else f"::{own}"


def own_type(value: BoundValue) -> tuple[str, int]:
    """Name and OID of the type that the value has of itself."""
    if value.type is ValueType.NULL:
        return "text", types.TEXT
    if value.type is ValueType.UINT:
        return ("bigint", types.INT8) if value.value < _INT64 else ("numeric", types.NUMERIC)
    if value.type is ValueType.LIST:
        members = [member for member in value.value if member.type is not ValueType.NULL]
        name, _ = own_type(members[0]) if members else ("text", types.TEXT)
        return (name if name.endswith("[]") else f"{name}[]"), 0
    return _OWN_TYPES[value.type]


def _quoted(kind: Any) -> str:
    # Quoted in full: a bare `char` would be another type, and a caller's type may have any name.
    name, suffix = (kind.name.removesuffix("[]"), "[]") if kind.kind == "array" else (kind.name, "")
    parts = (kind.schema, name)
    return ".".join('"' + part.replace('"', '""') + '"' for part in parts) + suffix


def _array(value: BoundValue, kind: Any) -> list[Any]:
    if value.type is not ValueType.LIST:
        raise NeedsCastError
    oid = _MEMBER_OIDS.get(kind.name.removesuffix("[]"))
    if oid is None or kind.schema != "pg_catalog":
        raise NeedsCastError
    converter = _only(ValueType.STRING) if oid in _TEXTS else _CONVERTERS[oid]
    return _members(value.value, converter)


def _members(members: Sequence[BoundValue], converter: Callable[[BoundValue], Any]) -> list[Any]:
    converted: list[Any] = []
    for member in members:
        if member.type is ValueType.NULL:
            converted.append(None)
        elif member.type is ValueType.LIST:
            converted.append(_members(member.value, converter))
        else:
            converted.append(converter(member))
    return converted


def _only(*accepted: ValueType) -> Callable[[BoundValue], Any]:
    def convert_exactly(value: BoundValue) -> Any:
        if value.type not in accepted:
            raise NeedsCastError
        return value.value

    return convert_exactly


def _integer(oid: int) -> Callable[[BoundValue], int]:
    bound = _RANGES[oid]

    def convert_integer(value: BoundValue) -> int:
        if value.type not in (ValueType.INT, ValueType.UINT) or not -bound <= value.value < bound:
            raise NeedsCastError
        return int(value.value)

    return convert_integer


def _oid(value: BoundValue) -> int:
    if value.type not in (ValueType.INT, ValueType.UINT) or not 0 <= value.value < 2**32:
        raise NeedsCastError
    return int(value.value)


def _numeric(value: BoundValue) -> str:
    if value.type not in (ValueType.INT, ValueType.UINT, ValueType.DECIMAL):
        raise NeedsCastError
    return str(value.value)


def _double(value: BoundValue) -> float:
    if value.type in (ValueType.INT, ValueType.UINT) and abs(value.value) <= _EXACT_IN_DOUBLE:
        return float(value.value)
    return float(_only(ValueType.DOUBLE)(value))


def _real(value: BoundValue) -> float:
    number = _double(value)
    try:
        (nearest,) = _FLOAT4.unpack(_FLOAT4.pack(number))
    except OverflowError:
        raise NeedsCastError from None
    if nearest != number and not math.isnan(number):
        raise NeedsCastError
    return number


def _temporal(accepted: ValueType, expected: str, parse: Callable[[str], Any]) -> Callable[[BoundValue], Any]:
    def convert_temporal(value: BoundValue) -> Any:
        if value.type is not accepted:
            raise NeedsCastError
        try:
            return parse(value.value)
        except ValueError as error:
            raise RowgateError(Reason.INVALID_PARAMETER, f"a parameter is not {expected}: {error}") from None

    return convert_temporal


def _zoneless(parsed: tuple[int, int | None]) -> tuple[int]:
    if parsed[1] is not None:
        raise ValueError("it has an offset")
    return (parsed[0],)


def _zoned(parsed: tuple[int, int | None]) -> tuple[int]:
    micros, offset = parsed
    if offset is not None:
        return (isotime.utc_micros(micros, offset),)
    if -_INT64 < micros < _INT64 - 1:
        raise ValueError("it has no offset")
    return (micros,)  # infinity


def _time_zoned(parsed: tuple[int, int | None]) -> tuple[int, int]:
    if parsed[1] is None:
        raise ValueError("it has no offset")
    return (parsed[0], -parsed[1])


_CONVERTERS: dict[int, Callable[[BoundValue], Any]] = {
    types.BOOL: _only(ValueType.BOOL),
    types.BYTEA: _only(ValueType.BYTES),
    types.INT2: _integer(types.INT2),
    types.INT4: _integer(types.INT4),
    types.INT8: _integer(types.INT8),
    types.OID: _oid,
    types.FLOAT4: _real,
    types.FLOAT8: _double,
    types.NUMERIC: _numeric,
    types.JSON: _only(ValueType.JSON),
    types.JSONB: _only(ValueType.JSON),
    types.UUID: _only(ValueType.UUID),
    types.DATE: _temporal(ValueType.DATE, "an ISO 8601 date", lambda text: (isotime.days_from_date(text),)),
    types.TIME: _temporal(
        ValueType.TIME, "an ISO 8601 time of day", lambda text: _zoneless(isotime.micros_from_time(text))
    ),
    types.TIMETZ: _temporal(
        ValueType.TIME, "an ISO 8601 time of day", lambda text: _time_zoned(isotime.micros_from_time(text))
    ),
    types.TIMESTAMP: _temporal(
        ValueType.DATETIME,
        "an ISO 8601 date and time without a zone",
        lambda text: _zoneless(isotime.micros_from_datetime(text)),
    ),
    types.TIMESTAMPTZ: _temporal(
        ValueType.TIMESTAMP,
        "an ISO 8601 date and time with an offset",
        lambda text: _zoned(isotime.micros_from_datetime(text)),
    ),
    types.INTERVAL: _temporal(ValueType.INTERVAL, "an ISO 8601 duration", isotime.parts_from_interval),
}

_MEMBER_OIDS: dict[str, int] = {
    "bool": types.BOOL,
    "bytea": types.BYTEA,
    "int2": types.INT2,
    "int4": types.INT4,
    "int8": types.INT8,
    "oid": types.OID,
    "float4": types.FLOAT4,
    "float8": types.FLOAT8,
    "numeric": types.NUMERIC,
    "json": types.JSON,
    "jsonb": types.JSONB,
    "uuid": types.UUID,
    "date": types.DATE,
    "time": types.TIME,
    "timetz": types.TIMETZ,
    "timestamp": types.TIMESTAMP,
    "timestamptz": types.TIMESTAMPTZ,
    "interval": types.INTERVAL,
    "text": types.TEXT,
    "varchar": types.VARCHAR,
    "bpchar": types.BPCHAR,
    "name": types.NAME,
}
