"""What goes into a column, and what is refused: by table, and by properties over whatever hypothesis thinks of."""

from __future__ import annotations

import math
import struct
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rowgate_server.core.crud.coercion import coerce
from rowgate_server.core.tables import TableColumn
from rowgate_server.engines.dialects import Dialect
from rowgate_server.engines.values import NULL, BoundValue, ValueType
from rowgate_server.errors import Outcome, Reason, RowgateError

MY, PG, LITE = Dialect.MYSQL, Dialect.POSTGRESQL, Dialect.SQLITE
INVALID, RANGE = Reason.INVALID_PARAMETER, Reason.VALUE_OUT_OF_RANGE


def column(kind: str, database_type: str, **sizes: Any) -> TableColumn:
    return TableColumn("price", ValueType[kind.upper()], database_type, nullable=True, **sizes)


def lite(database_type: str) -> TableColumn:
    return column("dynamic", database_type)


def value(kind: str, content: Any) -> BoundValue:
    return BoundValue(ValueType[kind.upper()], content)


def refusal(target: TableColumn, given_value: BoundValue, dialect: Dialect) -> RowgateError:
    with pytest.raises(RowgateError) as caught:
        coerce(target, given_value, "values.price", dialect)
    return caught.value


TINY = column("int", "tinyint(4)")
BIG = column("int", "bigint(20)")
MONEY = column("decimal", "decimal(5, 2)", precision=5, scale=2)
NAME = column("string", "varchar(64)", length=64)
MOOD = column("string", "enum('sad','ok')", labels=("sad", "ok"))
TAGS = column("string", "set('a','b c','d')", labels=("a", "b c", "d"))
BINARY = column("bytes", "binary(4)", length=4)
SECONDS = column("datetime", "datetime")
MILLIS = column("datetime", "datetime(3)", precision=3)
PG_TIMESTAMP = column("timestamp", "timestamp with time zone")

EXACT: list[tuple[TableColumn, BoundValue, Dialect, BoundValue]] = [
    (TINY, value("int", -128), MY, value("int", -128)),
    (TINY, value("bool", True), MY, value("int", 1)),
    (TINY, value("double", 3.0), MY, value("int", 3)),
    (TINY, value("decimal", "3.00"), MY, value("int", 3)),
    (column("uint", "bigint(20) unsigned"), value("uint", 2**64 - 1), MY, value("uint", 2**64 - 1)),
    (column("uint", "bit(5)", length=5), value("bytes", b"\x1f"), MY, value("uint", 31)),
    (column("int", "year(4)"), value("int", 2155), MY, value("int", 2155)),
    (column("int", "smallint"), value("int", 32767), PG, value("int", 32767)),
    (column("int", "oid"), value("int", 2**32 - 1), PG, value("int", 2**32 - 1)),
    (column("bool", "boolean"), value("int", 1), PG, value("bool", True)),
    (column("double", "double"), value("int", 2**53), MY, value("double", float(2**53))),
    (column("double", "double precision"), value("decimal", "0.1"), PG, value("double", 0.1)),
    (column("double", "double precision"), value("decimal", "Infinity"), PG, value("double", math.inf)),
    (column("double", "float"), value("double", 0.5), MY, value("double", 0.5)),
    (column("double", "float"), value("double", 0.1), MY, value("double", 0.10000000149011612)),
    (column("double", "double(10, 2)", scale=2), value("double", 1.25), MY, value("double", 1.25)),
    (MONEY, value("int", 7), MY, value("decimal", "7")),
    (MONEY, value("string", "-12.30"), MY, value("decimal", "-12.30")),
    (MONEY, value("string", "1.2e2"), PG, value("decimal", "120")),
    (MONEY, value("double", 0.1), PG, value("decimal", "0.1")),
    (MONEY, value("decimal", "999.990000"), PG, value("decimal", "999.990000")),
    (MONEY, value("decimal", "NaN"), PG, value("decimal", "NaN")),
    (column("decimal", "numeric"), value("decimal", "-Infinity"), PG, value("decimal", "-Infinity")),
    (column("decimal", "numeric(3, -2)", precision=3, scale=-2), value("int", 12300), PG, value("decimal", "12300")),
    (column("decimal", "numeric(2, 4)", precision=2, scale=4), value("decimal", "0.0012"), PG,
     value("decimal", "0.0012")),
    (column("decimal", "decimal(5, 2) unsigned", precision=5, scale=2), value("decimal", "-0.00"), MY,
     value("decimal", "-0.00")),
    (NAME, value("string", "🦆" * 64), MY, value("string", "🦆" * 64)),
    (column("string", "longtext"), value("json", "[1]"), MY, value("string", "[1]")),
    (column("string", "uuid"), value("string", "123E4567E89B12D3A456426614174000"), MY,
     value("uuid", "123e4567-e89b-12d3-a456-426614174000")),
    (column("string", "bit(5)", length=5), value("string", "10101"), PG, value("string", "10101")),
    (MOOD, value("string", "sad"), MY, value("string", "sad")),
    (TAGS, value("string", "d,a,d"), MY, value("string", "a,d")),
    (TAGS, value("string", ""), MY, value("string", "")),
    (column("string", "mood", labels=("sad",)), value("string", "sad"), PG, value("string", "sad")),
    (BINARY, value("bytes", b"x"), MY, value("bytes", b"x\0\0\0")),
    (column("bytes", "bytea"), value("bytes", b"x"), PG, value("bytes", b"x")),
    (column("date", "date"), value("string", "2024-01-31"), MY, value("date", "2024-01-31")),
    (column("date", "date"), value("date", "2024-00-00"), MY, value("date", "2024-00-00")),
    (column("date", "date"), value("string", "-infinity"), PG, value("date", "-infinity")),
    (column("time", "time"), value("string", "-27:30"), MY, value("time", "-27:30:00.000000")),
    (column("time", "time"), value("interval", "P1DT2H"), MY, value("time", "26:00:00.000000")),
    (column("time", "time without time zone"), value("string", "23:59:59.5"), PG, value("time", "23:59:59.5")),
    (column("time", "time with time zone"), value("time", "12:00:00+02"), PG, value("time", "12:00:00+02")),
    (SECONDS, value("string", "2024-01-31 12:00:00"), MY, value("datetime", "2024-01-31T12:00:00.000000")),
    (SECONDS, value("date", "2024-01-31"), MY, value("datetime", "2024-01-31T00:00:00.000000")),
    (SECONDS, value("string", "2024-01-31"), MY, value("datetime", "2024-01-31T00:00:00.000000")),
    (SECONDS, value("datetime", "0000-00-00T00:00:00"), MY, value("datetime", "0000-00-00T00:00:00.000000")),
    (MILLIS, value("datetime", "2024-01-31T12:00:00.789"), MY, value("datetime", "2024-01-31T12:00:00.789000")),
    (column("datetime", "timestamp(0) without time zone", precision=0), value("string", "infinity"), PG,
     value("datetime", "infinity")),
    (column("timestamp", "timestamp"), value("string", "2024-01-31T01:00:00+02:00"), MY,
     value("timestamp", "2024-01-30T23:00:00.000000+00:00")),
    (column("timestamp", "timestamp"), value("timestamp", "0000-00-00T00:00:00Z"), MY,
     value("timestamp", "0000-00-00T00:00:00.000000+00:00")),
    (PG_TIMESTAMP, value("timestamp", "infinity"), PG, value("timestamp", "infinity")),
    (column("json", "jsonb"), value("string", ' {"a": 1e400}'), PG, value("json", ' {"a": 1e400}')),
    (column("json", "json"), value("json", "9" * 5000), PG, value("json", "9" * 5000)),
    (column("uuid", "uuid"), value("string", "123e4567-e89b-12d3-a456-426614174000"), PG,
     value("uuid", "123e4567-e89b-12d3-a456-426614174000")),
    (column("interval", "interval"), value("string", "P1M2DT3.5S"), PG, value("interval", "P1M2DT3.5S")),
    (column("interval", "interval day"), value("interval", "P1M2D"), PG, value("interval", "P1M2D")),
    (column("list", "numeric(5, 2)[]"),
     value("list", [value("int", 1), NULL, value("list", [value("string", "1.25")])]), PG,
     value("list", [value("decimal", "1"), NULL, value("list", [value("decimal", "1.25")])])),
    (column("list", "inet[]"), value("list", [value("string", "::1")]), PG,
     value("list", [value("string", "::1")])),
    (lite("int"), value("int", 2**63 - 1), LITE, value("int", 2**63 - 1)),
    (lite("unsigned big int"), value("uint", 2**63 - 1), LITE, value("int", 2**63 - 1)),
    (lite("varchar(3)"), value("string", "日本語"), LITE, value("string", "日本語")),
    (lite("text"), value("datetime", "2024-01-31T00:00:00"), LITE, value("datetime", "2024-01-31T00:00:00")),
    (lite("text"), value("decimal", "0.10"), LITE, value("decimal", "0.10")),
    (lite(""), value("bytes", b"x"), LITE, value("bytes", b"x")),
    (lite("blob"), value("bytes", b"x"), LITE, value("bytes", b"x")),
    (lite("varbinary(2)"), value("bytes", b"xx"), LITE, value("bytes", b"xx")),
    (lite("real"), value("int", 3), LITE, value("double", 3.0)),
    (lite("double precision"), value("double", math.inf), LITE, value("double", math.inf)),
    (lite("decimal(5, 2)"), value("string", "12.30"), LITE, value("double", 12.3)),
    (lite("numeric"), value("decimal", "9223372036854775807"), LITE, value("int", 2**63 - 1)),
    (lite("boolean"), value("bool", True), LITE, value("int", 1)),
    (lite("date"), value("string", "2024-01-31"), LITE, value("string", "2024-01-31")),
    (lite("datetime"), value("string", "2024-01-31 00:00:00+02:00"), LITE,
     value("string", "2024-01-31 00:00:00+02:00")),
    (lite("timestamp"), value("int", 1_700_000_000), LITE, value("int", 1_700_000_000)),
    (lite("json"), value("json", "{}"), LITE, value("json", "{}")),
    (lite("uuid"), value("string", "123E4567-E89B-12D3-A456-426614174000"), LITE,
     value("string", "123E4567-E89B-12D3-A456-426614174000")),
    (lite("geometry"), value("bytes", b"x"), LITE, value("bytes", b"x")),
]  # fmt: skip

REFUSED: list[tuple[TableColumn, BoundValue, Dialect, Reason]] = [
    (TINY, value("string", "12"), MY, INVALID),
    (TINY, value("bytes", b"1"), MY, INVALID),
    (TINY, value("int", 300), MY, RANGE),
    (TINY, value("int", -129), MY, RANGE),
    (BIG, value("double", 3.7), MY, RANGE),
    (BIG, value("double", math.nan), MY, RANGE),
    (BIG, value("double", math.inf), MY, RANGE),
    (BIG, value("decimal", "3.7"), MY, RANGE),
    (BIG, value("decimal", "NaN"), PG, RANGE),
    (BIG, value("uint", 2**63), MY, RANGE),
    (column("int", "mediumint(9)"), value("int", 2**23), MY, RANGE),
    (column("int", "integer(11)"), value("int", 2**31), MY, RANGE),
    (column("int", "integer"), value("int", 2**31), PG, RANGE),
    (column("uint", "smallint(5) unsigned"), value("int", -1), MY, RANGE),
    (column("uint", "smallint(5) unsigned"), value("int", 2**16), MY, RANGE),
    (column("uint", "bit(5)", length=5), value("int", 32), MY, RANGE),
    (column("int", "year(4)"), value("int", 24), MY, RANGE),
    (column("int", "oid"), value("int", -1), PG, RANGE),
    (column("bool", "boolean"), value("int", 2), PG, INVALID),
    (column("bool", "boolean"), value("string", "true"), PG, INVALID),
    (column("double", "double"), value("string", "1"), MY, INVALID),
    (column("double", "double"), value("bool", True), MY, INVALID),
    (column("double", "double"), value("int", 2**53 + 1), MY, RANGE),
    (column("double", "double"), value("double", math.inf), MY, RANGE),
    (column("double", "double unsigned"), value("double", -0.5), MY, RANGE),
    (column("double", "double"), value("decimal", "0.12345678901234567890"), PG, RANGE),
    (column("double", "double"), value("decimal", "1" + "0" * 400), PG, RANGE),
    (column("double", "real"), value("double", 1e-60), PG, RANGE),
    (column("double", "real"), value("double", 1e300), PG, RANGE),
    (column("double", "double(10, 2)", scale=2), value("double", 0.125), MY, RANGE),
    (MONEY, value("decimal", "1000"), MY, RANGE),
    (MONEY, value("decimal", "0.125"), PG, RANGE),
    (MONEY, value("decimal", "NaN"), MY, RANGE),
    (MONEY, value("decimal", "Infinity"), PG, RANGE),
    (MONEY, value("string", "12,30"), MY, INVALID),
    (MONEY, value("string", " 1"), MY, INVALID),
    (MONEY, value("string", "1_0"), MY, INVALID),
    (MONEY, value("string", "\u0661"), MY, INVALID),
    (MONEY, value("string", "sNaN"), PG, INVALID),
    (MONEY, value("string", "1e9999999"), PG, RANGE),
    (MONEY, value("bool", True), MY, INVALID),
    (column("decimal", "decimal(5, 2) unsigned", precision=5, scale=2), value("decimal", "-1"), MY, RANGE),
    (column("decimal", "numeric(3, -2)", precision=3, scale=-2), value("int", 12350), PG, RANGE),
    (column("decimal", "numeric(2, 4)", precision=2, scale=4), value("decimal", "0.0123"), PG, RANGE),
    (NAME, value("string", "x" * 70), MY, RANGE),
    (NAME, value("string", "x" * 64 + " "), PG, RANGE),
    (NAME, value("int", 1), MY, INVALID),
    (NAME, value("bytes", b"x"), MY, INVALID),
    (column("string", "tinytext"), value("string", "é" * 128), MY, RANGE),
    (column("string", "text"), value("string", "🦆" * 16_384), MY, RANGE),
    (column("string", "varchar(5) character set utf8mb3", length=5), value("string", "🦆"), MY, RANGE),
    (column("string", "varchar(5) character set ascii", length=5), value("string", "é"), MY, RANGE),
    (column("string", "text"), value("string", "a\0b"), PG, INVALID),
    (column("string", "uuid"), value("string", "no"), MY, INVALID),
    (MOOD, value("string", "glad"), MY, RANGE),
    (MOOD, value("string", "SAD"), MY, RANGE),
    (MOOD, value("string", ""), MY, RANGE),
    (MOOD, value("int", 1), MY, INVALID),
    (TAGS, value("string", "a,z"), MY, RANGE),
    (TAGS, value("string", "a,"), MY, RANGE),
    (column("string", "mood", labels=("sad",)), value("string", "glad"), PG, RANGE),
    (BINARY, value("bytes", b"12345"), MY, RANGE),
    (column("bytes", "tinyblob"), value("bytes", b"x" * 256), MY, RANGE),
    (BINARY, value("string", "x"), MY, INVALID),
    (column("date", "date"), value("string", "2024-02-30"), MY, INVALID),
    (column("date", "date"), value("date", "yesterday"), PG, INVALID),
    (column("date", "date"), value("date", "infinity"), MY, RANGE),
    (column("date", "date"), value("date", "0000-00-00"), PG, INVALID),
    (column("date", "date"), value("datetime", "2024-01-31T00:00:00"), PG, INVALID),
    (column("date", "date"), value("int", 20240131), MY, INVALID),
    (column("time", "time"), value("time", "12:00:00.5"), MY, RANGE),
    (column("time", "time(6)", precision=6), value("time", "839:00:00"), MY, RANGE),
    (column("time", "time"), value("interval", "P1M"), MY, RANGE),
    (column("time", "time"), value("time", "12:60:00"), MY, INVALID),
    (column("time", "time"), value("time", "noon"), MY, INVALID),
    (column("time", "time without time zone"), value("time", "-01:00:00"), PG, INVALID),
    (column("time", "time without time zone"), value("time", "12:00:00+02"), PG, INVALID),
    (column("time", "time with time zone"), value("time", "12:00:00"), PG, INVALID),
    (SECONDS, value("datetime", "2024-01-31T12:00:00.5"), MY, RANGE),
    (SECONDS, value("datetime", "0000-00-00T00:00:00.5"), MY, RANGE),
    (SECONDS, value("datetime", "0000-00-00T25:00:00"), MY, INVALID),
    (SECONDS, value("datetime", "2024-00-00Tx"), MY, INVALID),
    (SECONDS, value("datetime", "2024-02-30T00:00:00"), MY, INVALID),
    (SECONDS, value("datetime", "+12024-02-03T00:00:00"), MY, RANGE),
    (SECONDS, value("string", "2024-01-31T12:00:00Z"), MY, INVALID),
    (SECONDS, value("timestamp", "2024-01-31T12:00:00Z"), MY, INVALID),
    (column("datetime", "timestamp(0) without time zone", precision=0), value("datetime", "2024-01-31T12:00:00.5"),
     PG, RANGE),
    (PG_TIMESTAMP, value("datetime", "2024-01-31T12:00:00"), PG, INVALID),
    (PG_TIMESTAMP, value("string", "2024-01-31T12:00:00"), PG, INVALID),
    (column("timestamp", "timestamp(3) with time zone", precision=3),
     value("timestamp", "2024-01-31T12:00:00.0001Z"), PG, RANGE),
    (column("timestamp", "timestamp"), value("timestamp", "1970-01-01T00:00:00Z"), MY, RANGE),
    (column("timestamp", "timestamp"), value("timestamp", "2106-02-07T06:28:16Z"), MY, RANGE),
    (column("timestamp", "timestamp"), value("timestamp", "+20240-01-31T12:00:00Z"), MY, RANGE),
    (column("json", "jsonb"), value("string", "{a: 1}"), PG, INVALID),
    (column("json", "json"), value("json", "NaN"), PG, INVALID),
    (column("json", "json"), value("int", 1), PG, INVALID),
    (column("uuid", "uuid"), value("string", "{123e4567-e89b-12d3-a456-426614174000}"), PG, INVALID),
    (column("interval", "interval"), value("string", "1 day"), PG, INVALID),
    (column("interval", "interval day"), value("interval", "P1DT1S"), PG, RANGE),
    (column("interval", "interval (2)", precision=2), value("interval", "PT0.125S"), PG, RANGE),
    (column("interval", "interval"), value("interval", "P99999999999D"), PG, RANGE),
    (column("list", "integer[]"), value("int", 1), PG, INVALID),
    (column("list", "integer[]"), value("list", [value("string", "1")]), PG, INVALID),
    (column("list", "varchar(2)[]"), value("list", [value("string", "abc")]), PG, RANGE),
    (lite("int"), value("string", "12"), LITE, INVALID),
    (lite("bigint"), value("double", 3.7), LITE, RANGE),
    (lite("tinyint"), value("int", 300), LITE, RANGE),
    (lite("int unsigned"), value("int", -1), LITE, RANGE),
    (lite("varchar(64)"), value("string", "x" * 70), LITE, RANGE),
    (lite("text"), value("int", 12), LITE, INVALID),
    (lite("text"), value("bytes", b"x"), LITE, INVALID),
    (lite("blob"), value("string", "x"), LITE, INVALID),
    (lite("varbinary(2)"), value("bytes", b"xxx"), LITE, RANGE),
    (lite("real"), value("string", "1"), LITE, INVALID),
    (lite("real"), value("double", math.nan), LITE, RANGE),
    (lite("decimal(5, 2)"), value("decimal", "1234.5"), LITE, RANGE),
    (lite("decimal(30, 10)"), value("decimal", "12345678901234567890.5"), LITE, RANGE),
    (lite("decimal"), value("bool", True), LITE, INVALID),
    (lite("numeric"), value("string", "x"), LITE, INVALID),
    (lite("numeric"), value("double", math.nan), LITE, RANGE),
    (lite("boolean"), value("string", "true"), LITE, INVALID),
    (lite("date"), value("string", "2024-02-30"), LITE, INVALID),
    (lite("datetime"), value("string", "noon"), LITE, INVALID),
    (lite("json"), value("string", "{"), LITE, INVALID),
    (lite("json"), value("string", "12"), LITE, INVALID),
    (lite("uuid"), value("string", "x"), LITE, INVALID),
    (lite("geometry"), value("string", "0012"), LITE, INVALID),
    (lite("geometry"), value("list", []), LITE, INVALID),
]  # fmt: skip


@pytest.mark.parametrize(("target", "given_value", "dialect", "expected"), EXACT)
def test_exact_values_become_the_columns_own(
    target: TableColumn, given_value: BoundValue, dialect: Dialect, expected: BoundValue
) -> None:
    assert coerce(target, given_value, "f", dialect) == expected


@pytest.mark.parametrize(("target", "given_value", "dialect", "reason"), REFUSED)
def test_other_values_are_refused(
    target: TableColumn, given_value: BoundValue, dialect: Dialect, reason: Reason
) -> None:
    assert refusal(target, given_value, dialect).reason is reason


def test_a_refusal_names_column_field_and_reason_and_not_the_value() -> None:
    error = refusal(NAME, value("string", "hunter2" * 10), MY)
    assert error.field == "values.price"
    assert error.metadata["column"] == "price"
    assert error.outcome == Outcome.NOT_RUN
    assert error.message == "the value does not go into column price (varchar(64)), which holds 64 characters"


@pytest.mark.parametrize("dialect", list(Dialect))
def test_null_is_null_in_every_column(dialect: Dialect) -> None:
    for kind in ValueType:
        assert coerce(column(kind.name, "integer"), NULL, "f", dialect) == NULL


@given(st.integers(-(2**63), 2**64 - 1))
def test_a_whole_number_goes_into_tinyint_if_and_only_if_it_fits(number: int) -> None:
    given_value = value("int" if number < 2**63 else "uint", number)
    if -128 <= number <= 127:
        assert coerce(TINY, given_value, "f", MY).value == number
    else:
        assert refusal(TINY, given_value, MY).reason is RANGE


@given(st.floats())
def test_a_double_goes_into_bigint_only_as_the_same_number(number: float) -> None:
    if math.isfinite(number) and number.is_integer() and -(2**63) <= number < 2**63:
        assert coerce(BIG, value("double", number), "f", MY).value == number
    else:
        assert refusal(BIG, value("double", number), MY).reason is RANGE


@given(st.floats(allow_nan=False))
def test_a_double_goes_into_real_as_the_nearest_number_unless_that_is_none(number: float) -> None:
    try:
        nearest = struct.unpack("<f", struct.pack("<f", number))[0]
    except OverflowError:
        nearest = None
    real = column("double", "real")
    if nearest is not None and bool(nearest) == bool(number):
        assert coerce(real, value("double", number), "f", PG).value == nearest
    else:
        assert refusal(real, value("double", number), PG).reason is RANGE


@given(st.decimals(allow_nan=False, allow_infinity=False, min_value=-(10**12), max_value=10**12))
def test_a_decimal_keeps_its_number_or_is_refused(number: Decimal) -> None:
    text = format(number, "f")
    fits = abs(number) < 1000 and number * 100 == (number * 100).to_integral_value()
    if fits:
        assert Decimal(coerce(MONEY, value("decimal", text), "f", PG).value) == number
    else:
        assert refusal(MONEY, value("decimal", text), PG).reason is RANGE


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_text_goes_as_it_is_or_not_at_all(text: str) -> None:
    for target, dialect in ((NAME, MY), (lite("varchar(64)"), LITE)):
        if len(text) <= 64:
            assert coerce(target, value("string", text), "f", dialect).value == text
        else:
            assert refusal(target, value("string", text), dialect).reason is RANGE


KINDS: dict[ValueType, st.SearchStrategy[Any]] = {
    ValueType.BOOL: st.booleans(),
    ValueType.INT: st.integers(-(2**63), 2**63 - 1),
    ValueType.UINT: st.integers(0, 2**64 - 1),
    ValueType.DOUBLE: st.floats(),
    ValueType.BYTES: st.binary(),
    **dict.fromkeys((ValueType.STRING, ValueType.JSON), st.text(st.characters(exclude_categories=["Cs"]))),
    ValueType.DECIMAL: st.decimals(allow_nan=False, allow_infinity=False, places=3).map(lambda n: format(n, "f")),
    **dict.fromkeys(
        (ValueType.DATE, ValueType.TIME, ValueType.DATETIME, ValueType.TIMESTAMP, ValueType.INTERVAL),
        st.text("0123456789-+:.TPZ ", max_size=30) | st.datetimes().map(str) | st.dates().map(str),
    ),
    ValueType.UUID: st.uuids().map(str),
}


def values_of(kind: ValueType) -> st.SearchStrategy[BoundValue]:
    return KINDS[kind].map(lambda content: BoundValue(kind, content))


VALUES = st.sampled_from(list(KINDS)).flatmap(values_of)
TARGETS = [(case[0], case[2]) for case in [*EXACT, *REFUSED]]


def made_or_refused(target: tuple[TableColumn, Dialect], given_value: BoundValue) -> BoundValue | RowgateError:
    try:
        return coerce(target[0], given_value, "f", target[1])
    except RowgateError as error:
        return error


@given(st.sampled_from(TARGETS), VALUES)
def test_any_value_is_made_the_columns_or_refused_and_never_breaks(
    target: tuple[TableColumn, Dialect], given_value: BoundValue
) -> None:
    made = made_or_refused(target, given_value)
    if isinstance(made, RowgateError):
        assert made.reason in (INVALID, RANGE)
        assert made.metadata["column"] == "price"
    else:
        # What was made is the column's own: it goes in again as it is.
        assert made_or_refused(target, made) == made
