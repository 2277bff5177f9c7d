"""A value goes as the type that the statement gives it only where that is exact; else a cast says what it is."""

from __future__ import annotations

import re
from typing import Any

import asyncpg
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from rowgate_server.engines import isotime
from rowgate_server.engines.dialects.postgresql import parameters, types
from rowgate_server.engines.dialects.postgresql.parameters import NeedsCastError, cast, convert, own_type
from rowgate_server.engines.values import NULL, BoundStatement, BoundValue, ValueType
from rowgate_server.errors import Reason, RowgateError

V = ValueType


def kind(oid: int, name: str = "t", form: str = "scalar", schema: str = "pg_catalog") -> asyncpg.Type:
    return asyncpg.Type(oid, name, form, schema)


def array(name: str, schema: str = "pg_catalog") -> asyncpg.Type:
    return kind(1, f"{name}[]", "array", schema)


def converted(value_type: ValueType, value: Any, to: asyncpg.Type) -> Any:
    return convert(BoundValue(value_type, value), to)


MOOD = kind(100_001, "mood", "enum", "public")
COMPOSITE = kind(100_002, "pair", "composite", "public")
RANGE = kind(3904, "int4range", "range")
INET = kind(869, "inet")
KINDS = [
    *(kind(oid) for oid in (types.BOOL, types.BYTEA, types.INT2, types.INT4, types.INT8, types.OID)),
    *(kind(oid) for oid in (types.FLOAT4, types.FLOAT8, types.NUMERIC, types.TEXT, types.VARCHAR, types.NAME)),
    *(kind(oid) for oid in (types.JSON, types.JSONB, types.UUID, types.DATE, types.TIME, types.TIMETZ)),
    *(kind(oid) for oid in (types.TIMESTAMP, types.TIMESTAMPTZ, types.INTERVAL)),
    *(MOOD, COMPOSITE, RANGE, INET, array("int4"), array("text"), array("mood", "public")),
]
LONG = "123e4567-e89b-12d3-a456-426614174000"


@pytest.mark.parametrize(
    ("value_type", "value", "oid", "expected"),
    [
        (V.BOOL, True, types.BOOL, True),
        (V.BYTES, b"\x00'", types.BYTEA, b"\x00'"),
        (V.STRING, "it's", types.TEXT, "it's"),
        (V.STRING, "x", types.VARCHAR, "x"),
        (V.STRING, "x", types.BPCHAR, "x"),
        (V.STRING, "x", types.NAME, "x"),
        (V.STRING, "x", types.UNKNOWN, "x"),
        (V.DECIMAL, "-12.30", types.NUMERIC, "-12.30"),
        (V.INT, 5, types.NUMERIC, "5"),
        (V.UINT, 2**64 - 1, types.NUMERIC, "18446744073709551615"),
        (V.DOUBLE, 0.1, types.FLOAT8, 0.1),
        (V.INT, 2**53, types.FLOAT8, float(2**53)),
        (V.UINT, 7, types.OID, 7),
        (V.JSON, '{"a": 1.0}', types.JSON, '{"a": 1.0}'),
        (V.JSON, "[]", types.JSONB, "[]"),
        (V.UUID, LONG, types.UUID, LONG),
        (V.DATE, "2000-01-02", types.DATE, (1,)),
        (V.DATE, "-infinity", types.DATE, (-(2**31),)),
        (V.TIME, "00:00:01", types.TIME, (1_000_000,)),
        (V.TIME, "00:00:01+01:00", types.TIMETZ, (1_000_000, -3600)),
        (V.DATETIME, "2000-01-01T00:00:01", types.TIMESTAMP, (1_000_000,)),
        (V.DATETIME, "infinity", types.TIMESTAMP, (2**63 - 1,)),
        (V.TIMESTAMP, "2000-01-01T01:00:00+01:00", types.TIMESTAMPTZ, (0,)),
        (V.TIMESTAMP, "-infinity", types.TIMESTAMPTZ, (-(2**63),)),
        (V.INTERVAL, "P1M2DT0.5S", types.INTERVAL, (1, 2, 500_000)),
    ],
)
def test_a_value_goes_as_its_own_type(value_type: ValueType, value: Any, oid: int, expected: Any) -> None:
    result = converted(value_type, value, kind(oid))
    assert result == expected
    assert type(result) is type(expected)


@pytest.mark.parametrize("to", KINDS)
def test_null_goes_as_anything(to: asyncpg.Type) -> None:
    assert convert(NULL, to) is None


@pytest.mark.parametrize(("oid", "bits"), [(types.INT2, 16), (types.INT4, 32), (types.INT8, 64)])
@given(data=st.data())
def test_integers_go_as_what_holds_them(oid: int, bits: int, data: st.DataObject) -> None:
    half = 2 ** (bits - 1)
    ends = st.sampled_from([-half, half - 1, half, -half - 1])
    number = data.draw(st.one_of(st.integers(-(2**63), 2**64 - 1), ends))
    if -half <= number < half:
        assert converted(V.INT, number, kind(oid)) == number
        assert converted(V.UINT, number, kind(oid)) == number
    else:
        with pytest.raises(NeedsCastError):
            converted(V.INT, number, kind(oid))


@given(st.integers(-(2**63), 2**64 - 1))
@example(2**53 + 1)
@example(-(2**53) - 1)
def test_an_integer_goes_as_a_double_only_where_every_neighbour_is_exact_too(number: int) -> None:
    if abs(number) <= 2**53:
        assert int(converted(V.INT, number, kind(types.FLOAT8))) == number
    else:
        with pytest.raises(NeedsCastError):
            converted(V.INT, number, kind(types.FLOAT8))


@pytest.mark.parametrize("number", [-1, 2**32])
def test_an_oid_has_32_bits_and_no_sign(number: int) -> None:
    with pytest.raises(NeedsCastError):
        converted(V.INT, number, kind(types.OID))


VALUES: list[tuple[ValueType, Any, set[int]]] = [
    (V.BOOL, True, {types.BOOL}),
    (V.DOUBLE, 1.0, {types.FLOAT4, types.FLOAT8}),
    (V.DECIMAL, "1.5", {types.NUMERIC}),
    (V.STRING, "2024-01-31", {types.TEXT, types.VARCHAR, types.NAME}),
    (V.BYTES, b"x", {types.BYTEA}),
    (V.DATE, "2024-01-31", {types.DATE}),
    (V.TIME, "12:00:00", {types.TIME}),
    (V.DATETIME, "2024-01-31T12:00:00", {types.TIMESTAMP}),
    (V.TIMESTAMP, "2024-01-31T12:00:00Z", {types.TIMESTAMPTZ}),
    (V.JSON, "{}", {types.JSON, types.JSONB}),
    (V.UUID, LONG, {types.UUID}),
    (V.INTERVAL, "P1D", {types.INTERVAL}),
    (V.LIST, [], {array("int4").oid}),
]


@pytest.mark.parametrize(("value_type", "value", "goes_as"), VALUES)
@pytest.mark.parametrize("to", KINDS, ids=lambda to: f"{to.name}-{to.oid}")
def test_a_value_never_goes_as_a_type_that_would_change_it(
    value_type: ValueType, value: Any, goes_as: set[int], to: asyncpg.Type
) -> None:
    if to.oid in goes_as and to.schema == "pg_catalog":
        converted(value_type, value, to)
    elif (value_type, to.oid) == (V.TIME, types.TIMETZ):
        with pytest.raises(RowgateError, match="it has no offset"):
            converted(value_type, value, to)
    else:
        with pytest.raises(NeedsCastError):
            converted(value_type, value, to)


@pytest.mark.parametrize(
    ("value_type", "value", "own"),
    [
        (V.NULL, None, "text"),
        (V.BOOL, False, "boolean"),
        (V.INT, 1, "bigint"),
        (V.UINT, 2**63 - 1, "bigint"),
        (V.UINT, 2**63, "numeric"),
        (V.DOUBLE, 1.0, "double precision"),
        (V.DECIMAL, "1", "numeric"),
        (V.STRING, "x", "text"),
        (V.BYTES, b"", "bytea"),
        (V.DATE, "2024-01-31", "date"),
        (V.TIME, "12:00", "time"),
        (V.DATETIME, "2024-01-31T12:00", "timestamp"),
        (V.TIMESTAMP, "2024-01-31T12:00Z", "timestamptz"),
        (V.JSON, "{}", "json"),
        (V.UUID, LONG, "uuid"),
        (V.INTERVAL, "P1D", "interval"),
        (V.LIST, [], "text[]"),
        (V.LIST, [NULL, BoundValue(V.INT, 1)], "bigint[]"),
        (V.LIST, [BoundValue(V.LIST, [BoundValue(V.DATE, "2024-01-31")])], "date[]"),
    ],
)
def test_what_does_not_go_is_cast_to_its_own_type(value_type: ValueType, value: Any, own: str) -> None:
    bound = BoundValue(value_type, value)
    assert own_type(bound)[0] == own
    assert cast(bound, None) == f"::{own}"
    if value_type is not V.STRING:
        assert cast(bound, kind(types.INT4, "int4")) == f"::{own}"


def test_text_for_another_type_is_read_by_the_database() -> None:
    text = BoundValue(V.STRING, "x")
    assert cast(text, kind(types.TEXT, "text")) == "::text"
    assert cast(text, kind(types.DATE, "date")) == '::text::"pg_catalog"."date"'
    assert cast(text, kind(18, "char")) == '::text::"pg_catalog"."char"', "a bare char is another type"
    assert cast(text, array("int4")) == '::text::"pg_catalog"."int4"[]'
    assert cast(text, MOOD) == '::text::"public"."mood"'


NAMES = st.text(
    st.sampled_from("\"'.[];- )$:aA\n\\") | st.characters(codec="utf-8", exclude_characters="\0"),
    min_size=1,
    max_size=12,
)


@given(NAMES, NAMES, st.sampled_from(["scalar", "enum", "composite", "array"]))
@example('a"; drop table x; --', 'b" ""', "enum")
@example("public", "x[]", "enum")
def test_no_name_of_a_type_gets_out_of_its_quotes(schema: str, name: str, form: str) -> None:
    full = f"{name}[]" if form == "array" else name
    written = cast(BoundValue(V.STRING, "x"), kind(100_000, full, form, schema))
    match = re.fullmatch(r'::text::"((?:[^"]|"")+)"\."((?:[^"]|"")+)"(\[\])?', written, re.DOTALL)
    assert match is not None
    assert [part.replace('""', '"') for part in match.groups()[:2]] == [schema, name]
    assert (match[3] is not None) is (form == "array")


def test_arrays_go_member_by_member() -> None:
    members = [BoundValue(V.INT, 1), NULL, BoundValue(V.UINT, 2)]
    nested = BoundValue(V.LIST, [BoundValue(V.LIST, members), BoundValue(V.LIST, [])])
    assert convert(BoundValue(V.LIST, members), array("int8")) == [1, None, 2]
    assert convert(nested, array("int8")) == [[1, None, 2], []]
    assert converted(V.LIST, [BoundValue(V.DATE, "2000-01-02")], array("date")) == [(1,)]
    assert converted(V.LIST, [BoundValue(V.STRING, "x")], array("varchar")) == ["x"]


@pytest.mark.parametrize(
    ("value", "to"),
    [
        (BoundValue(V.STRING, "{1}"), array("int4")),
        (BoundValue(V.LIST, [BoundValue(V.STRING, "1")]), array("int4")),
        (BoundValue(V.LIST, [BoundValue(V.INT, 2**31)]), array("int4")),
        (BoundValue(V.LIST, [BoundValue(V.STRING, "sad")]), array("mood", "public")),
        (BoundValue(V.LIST, [BoundValue(V.INT, 1)]), array("int4", "public")),  # a caller's own int4
        (BoundValue(V.LIST, []), kind(types.TEXT)),
    ],
)
def test_arrays_that_do_not_go_exactly_need_a_cast(value: BoundValue, to: asyncpg.Type) -> None:
    with pytest.raises(NeedsCastError):
        convert(value, to)


TEMPORAL = [
    (V.DATE, types.DATE),
    (V.TIME, types.TIME),
    (V.TIME, types.TIMETZ),
    (V.DATETIME, types.TIMESTAMP),
    (V.TIMESTAMP, types.TIMESTAMPTZ),
    (V.INTERVAL, types.INTERVAL),
]


@given(st.sampled_from(TEMPORAL), st.text(st.sampled_from("0123456789-:T+.P'; sEcReT"), max_size=20))
def test_malformed_dates_and_times_are_refused_without_repeating_them(target: tuple[ValueType, int], text: str) -> None:
    value_type, oid = target
    value = f"{text}sEcReT"
    with pytest.raises(RowgateError) as caught:
        converted(value_type, value, kind(oid))
    assert caught.value.reason is Reason.INVALID_PARAMETER
    assert "sEcReT" not in caught.value.message
    assert not caught.value.metadata


@pytest.mark.parametrize(
    ("value_type", "text", "oid", "words"),
    [
        (V.TIME, "12:00Z", types.TIME, "it has an offset"),
        (V.TIME, "12:00", types.TIMETZ, "it has no offset"),
        (V.DATETIME, "2024-01-31T12:00Z", types.TIMESTAMP, "it has an offset"),
        (V.TIMESTAMP, "2024-01-31T12:00", types.TIMESTAMPTZ, "it has no offset"),
        (V.DATE, "2024-02-30", types.DATE, "no such day"),
        (V.DATE, "+9999999-01-01", types.DATE, "beyond"),
        (V.DATETIME, "+294277-01-09T04:00:54.775807", types.TIMESTAMP, "beyond"),
        (V.TIMESTAMP, "+294277-01-09T03:00:54.775807-01:00", types.TIMESTAMPTZ, "beyond"),
        (V.INTERVAL, "1 day", types.INTERVAL, "not an ISO 8601 duration"),
    ],
)
def test_a_refusal_says_what_is_wrong(value_type: ValueType, text: str, oid: int, words: str) -> None:
    with pytest.raises(RowgateError, match=words):
        converted(value_type, text, kind(oid))


@given(st.datetimes(), st.integers(-86_399, 86_399))
def test_a_timestamp_goes_as_its_moment_in_utc(moment: Any, seconds: int) -> None:
    text = moment.isoformat(timespec="microseconds")
    (local,) = converted(V.DATETIME, text, kind(types.TIMESTAMP))
    (utc,) = converted(V.TIMESTAMP, text + isotime.offset_from_seconds(seconds), kind(types.TIMESTAMPTZ))
    assert local - utc == seconds * 1_000_000


def test_members_of_every_dimension_count() -> None:
    flat = BoundValue(ValueType.LIST, [BoundValue(ValueType.INT, 1)] * 3)
    nested = BoundValue(ValueType.LIST, [flat, NULL, BoundValue(ValueType.LIST, [flat, flat])])
    assert parameters.members([flat, BoundValue(ValueType.INT, 1), NULL, nested]) == 12
    assert parameters.members([BoundValue(ValueType.LIST, [])]) == 0


@pytest.mark.parametrize("more", [0, 1])
def test_so_many_members_as_would_hold_up_everybody_are_refused(more: int) -> None:
    half = BoundValue(ValueType.LIST, [NULL] * 500_000)
    values = (half, half, BoundValue(ValueType.LIST, [NULL] * more))
    statement = BoundStatement(("select ", ", ", ", ", ""), values)
    if not more:
        parameters.check_number(statement)
        return
    with pytest.raises(RowgateError) as caught:
        parameters.check_number(statement)
    assert caught.value.reason is Reason.INVALID_PARAMETER
    assert caught.value.metadata["limit"] == "1,000,000 members"
