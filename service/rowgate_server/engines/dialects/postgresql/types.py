"""PostgreSQL's types by OID: which ValueType their cells are, and codecs that keep them exact.

asyncpg's own decoders lose: an infinite timestamp becomes year 9999, a month 30 days, JSON and UUID become objects.
Ours take the wire's counts (format "tuple") or PostgreSQL's own text, neither of which a session setting changes.
OIDs are those of `pg_type.dat`; they are fixed for built-in types.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from rowgate_server.engines import isotime
from rowgate_server.engines.dialects.postgresql.origins import Field, Origin, Origins
from rowgate_server.engines.results import Column, Columns
from rowgate_server.engines.values import ValueType

BOOL, BYTEA, INT8, INT2, INT4, TEXT, OID, JSON, FLOAT4, FLOAT8 = 16, 17, 20, 21, 23, 25, 26, 114, 700, 701
UNKNOWN, BPCHAR, VARCHAR, NAME = 705, 1042, 1043, 19
DATE, TIME, TIMESTAMP, TIMESTAMPTZ, INTERVAL, TIMETZ = 1082, 1083, 1114, 1184, 1186, 1266
NUMERIC, UUID, JSONB = 1700, 2950, 3802
MONEY, MONEYS = 790, 791

TYPES: dict[int, ValueType] = {
    BOOL: ValueType.BOOL,
    BYTEA: ValueType.BYTES,
    INT2: ValueType.INT,
    INT4: ValueType.INT,
    INT8: ValueType.INT,
    OID: ValueType.INT,
    FLOAT4: ValueType.DOUBLE,
    FLOAT8: ValueType.DOUBLE,
    NUMERIC: ValueType.DECIMAL,
    JSON: ValueType.JSON,
    JSONB: ValueType.JSON,
    UUID: ValueType.UUID,
    DATE: ValueType.DATE,
    TIME: ValueType.TIME,
    TIMETZ: ValueType.TIME,
    TIMESTAMP: ValueType.DATETIME,
    TIMESTAMPTZ: ValueType.TIMESTAMP,
    INTERVAL: ValueType.INTERVAL,
}
"""Every other scalar is STRING, in PostgreSQL's own text."""

_CLOCKS = (TIME, TIMETZ, TIMESTAMP, TIMESTAMPTZ)
_MOST_FRACTION = 6
_UNMODIFIED, _HEADER = -1, 4

_OF_ANY_WIDTH = frozenset({BYTEA, JSON, JSONB})
_OF_DECLARED_WIDTH = frozenset({BPCHAR, VARCHAR})
_NARROW = 1024
"""Characters."""

# Types that asyncpg decodes into objects of its own, and whose text is exact.
_AS_TEXT = {
    "numeric": NUMERIC,
    "json": JSON,
    "jsonb": JSONB,
    "uuid": UUID,
    "bit": 1560,
    "varbit": 1562,
    "inet": 869,
    "cidr": 650,
    "macaddr": 829,
    "macaddr8": 774,
    "point": 600,
    "lseg": 601,
    "path": 602,
    "box": 603,
    "polygon": 604,
    "line": 628,
    "circle": 718,
    "char": 18,
    "tid": 27,
    "txid_snapshot": 2970,
    "pg_snapshot": 5038,
    "pg_lsn": 3220,
    "xid": 28,
    "cid": 29,
    "xid8": 5069,
    "anyarray": 2277,
    "int4range": 3904,
    "numrange": 3906,
    "tsrange": 3908,
    "tstzrange": 3910,
    "daterange": 3912,
    "int8range": 3926,
    "int4multirange": 4451,
    "nummultirange": 4532,
    "tsmultirange": 4533,
    "tstzmultirange": 4534,
    "datemultirange": 4535,
    "int8multirange": 4536,
    "record": 2249,
}


class _Codec(NamedTuple):
    name: str
    decode: Callable[[tuple[Any, ...]], str]
    encode: Callable[[Any], tuple[int, ...]]


def _timestamptz_text(parts: tuple[int]) -> str:
    text = isotime.datetime_from_micros(parts[0])
    return text if text.endswith("infinity") else text + "+00:00"


def _counts(counts: tuple[int, ...]) -> tuple[int, ...]:
    return counts


_AS_COUNTS: dict[int, _Codec] = {
    DATE: _Codec("date", lambda parts: isotime.date_from_days(parts[0]), _counts),
    TIME: _Codec("time", lambda parts: isotime.time_from_micros(parts[0]), _counts),
    # The wire counts seconds west of UTC.
    TIMETZ: _Codec(
        "timetz",
        lambda parts: isotime.time_from_micros(parts[0]) + isotime.offset_from_seconds(-parts[1]),
        _counts,
    ),
    TIMESTAMP: _Codec("timestamp", lambda parts: isotime.datetime_from_micros(parts[0]), _counts),
    TIMESTAMPTZ: _Codec("timestamptz", _timestamptz_text, _counts),
    INTERVAL: _Codec("interval", lambda parts: isotime.interval_from_parts(*parts), _counts),
}


def install_codecs(connection: Any, json_decoder: Callable[[str], Any] = str) -> None:
    """Give an asyncpg connection our codecs.

    `set_type_codec` would ask the server about each type; the OIDs of built-in types need no asking.
    """
    settings = connection._protocol.get_settings()
    for name, oid in _AS_TEXT.items():
        decoder = json_decoder if oid in (JSON, JSONB) else str
        settings.add_python_codec(oid, name, "pg_catalog", [], "scalar", str, decoder, "text")
    for oid, codec in _AS_COUNTS.items():
        settings.add_python_codec(oid, codec.name, "pg_catalog", [], "scalar", codec.encode, codec.decode, "tuple")


# asyncpg takes them for arrays of themselves.
_VECTORS = {22: "int2vector", 30: "oidvector"}


def columns(attributes: Sequence[Any], fields: Sequence[Field], origins: Origins, *, nulls: bool) -> Columns:
    """The columns that a prepared statement's attributes and its RowDescription describe.

    Args:
        attributes: asyncpg's, of each column.
        fields: the RowDescription's; none where it was not heard.
        origins: where the fields come from.
        nulls: whether the statement may have NULLs where its tables have none.
    """
    if len(fields) != len(attributes):
        return Columns(map(column, attributes))
    return Columns(
        column(attribute, field.modifier, origins.get(field), nulls=nulls)
        for attribute, field in zip(attributes, fields, strict=True)
    )


def column(attribute: Any, modifier: int = _UNMODIFIED, origin: Origin | None = None, *, nulls: bool = True) -> Column:
    """The column that an attribute of a prepared statement describes, with its type modifier and its origin."""
    kind = attribute.type
    precision, scale = _digits(kind.oid, modifier)
    name = _VECTORS.get(kind.oid) or kind.name
    table, nullable = origin or ("", None)
    if nulls and not nullable:
        nullable = None
    return Column(attribute.name, value_type(kind), name, nullable, precision, scale, table)


def are_narrow(attributes: Sequence[Any], fields: Sequence[Field]) -> bool:
    """Whether no cell of such columns can be larger than a few kilobytes."""
    return len(fields) == len(attributes) and all(map(_is_narrow, attributes, fields))


def _is_narrow(attribute: Any, field: Field) -> bool:
    kind, modifier = attribute.type, field.modifier
    if kind.oid in _OF_DECLARED_WIDTH:
        return _UNMODIFIED < modifier <= _HEADER + _NARROW
    if kind.oid == NUMERIC:
        return modifier != _UNMODIFIED
    return kind.kind == "scalar" and kind.oid in TYPES and kind.oid not in _OF_ANY_WIDTH


def _digits(oid: int, modifier: int) -> tuple[int | None, int | None]:
    """Precision and scale as they were declared, which the modifier tells."""
    if modifier == _UNMODIFIED:
        return None, None
    if oid == NUMERIC:
        # The scale is a number of eleven bits with a sign.
        modifier -= _HEADER
        return modifier >> 16 & 0xFFFF, ((modifier & 0x7FF) ^ 1024) - 1024
    if oid in _CLOCKS:
        return modifier, None
    # An interval's upper half says which fields it has; all ones in the lower one say that no precision is declared.
    fraction = modifier & 0xFFFF
    return (fraction if oid == INTERVAL and fraction <= _MOST_FRACTION else None), None


def value_type(kind: Any) -> ValueType:
    """Which ValueType the values of an asyncpg type are."""
    return ValueType.LIST if kind.kind == "array" else TYPES.get(kind.oid, ValueType.STRING)


class Members(NamedTuple):
    """Those of an array.

    Attributes:
        type: what each of them is, or of theirs; DYNAMIC where only they tell.
        arrays: each is an array of its own, as long as it likes: of arrays of vectors, and of domains over arrays.
    """

    type: ValueType
    arrays: bool = False


_UNKNOWN_MEMBERS = Members(ValueType.DYNAMIC)
_VECTORS_OF = {1006: Members(ValueType.INT, arrays=True), 1013: Members(ValueType.INT, arrays=True)}
"""Of int2vector[] and oidvector[]. asyncpg calls these, and vectors themselves, by one name."""


def members_of(kind: Any, own_members: Mapping[int, Members]) -> Members:
    """What the members of an array are.

    Args:
        kind: the array's type.
        own_members: what the members of arrays of callers' own types are, as far as it is known, by the array's OID.
    """
    if (vectors := _VECTORS_OF.get(kind.oid)) is not None:
        return vectors
    # A caller's own type may have a built-in type's name.
    known = _MEMBER_TYPES.get(kind.name.removesuffix("[]")) if kind.schema == "pg_catalog" else None
    return known or own_members.get(kind.oid, _UNKNOWN_MEMBERS)


_MEMBER_TYPES: dict[str, Members] = {
    "bool": Members(ValueType.BOOL),
    "bytea": Members(ValueType.BYTES),
    "text": Members(ValueType.STRING),
    "varchar": Members(ValueType.STRING),
    "bpchar": Members(ValueType.STRING),
    "int2": Members(ValueType.INT),
    "int4": Members(ValueType.INT),
    "int8": Members(ValueType.INT),
    "oid": Members(ValueType.INT),
    "float4": Members(ValueType.DOUBLE),
    "float8": Members(ValueType.DOUBLE),
    "numeric": Members(ValueType.DECIMAL),
    "json": Members(ValueType.JSON),
    "jsonb": Members(ValueType.JSON),
    "uuid": Members(ValueType.UUID),
    "date": Members(ValueType.DATE),
    "time": Members(ValueType.TIME),
    "timetz": Members(ValueType.TIME),
    "timestamp": Members(ValueType.DATETIME),
    "timestamptz": Members(ValueType.TIMESTAMP),
    "interval": Members(ValueType.INTERVAL),
}
