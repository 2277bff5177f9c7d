from __future__ import annotations

import copy
import pickle
from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Decimal
from enum import IntEnum, StrEnum
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest
from google.protobuf.struct_pb2 import NULL_VALUE
from hypothesis import given
from hypothesis import strategies as st
from unit.client.scripted import ScriptedGateway, answer

import rowgate
from rowgate import ColumnType, Interval, Json, TemporalText
from rowgate._decode import decode
from rowgate._encode import encode
from rowgate.v1.result_pb2 import Column, Row
from rowgate.v1.value_pb2 import Value, ValueList

_fixed_zones = st.integers(-23 * 60, 23 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes)))
_text = st.text(st.characters(exclude_categories=["Cs"]))
_scalars = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**63), 2**64 - 1),
    st.floats(allow_nan=False),
    st.decimals(allow_nan=False),
    _text,
    _text.map(Json),
    st.binary(),
    st.dates(),
    st.times(),
    st.times(timezones=_fixed_zones),
    st.datetimes(),
    st.datetimes(timezones=_fixed_zones),
    st.uuids(),
    st.builds(Interval, st.integers(), st.integers(), st.integers()),
)
_values = st.recursive(_scalars, lambda members: st.lists(members, max_size=4), max_leaves=8)


def over_the_wire(value: Any) -> Any:
    return decode(Value.FromString(encode(value).SerializeToString()))


@given(_values)
def test_every_value_comes_back_as_it_was(value: Any) -> None:
    back = over_the_wire(value)
    assert back == value
    assert type(back) is type(value)


@given(st.decimals(allow_nan=False))
def test_a_decimal_keeps_its_scale(value: Decimal) -> None:
    assert over_the_wire(value).as_tuple() == value.as_tuple()


@given(st.datetimes(timezones=_fixed_zones))
def test_an_aware_datetime_keeps_its_offset(value: datetime) -> None:
    assert over_the_wire(value).utcoffset() == value.utcoffset()


def test_nan_stays_nan() -> None:
    assert str(over_the_wire(float("nan"))) == "nan"
    assert over_the_wire(Decimal("NaN")).is_nan()


class _Number(IntEnum):
    TWO = 2


class _Word(StrEnum):
    HI = "hi"


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (None, Value(null_value=NULL_VALUE)),
        (True, Value(bool_value=True)),
        (_Number.TWO, Value(int_value=2)),
        (2**63 - 1, Value(int_value=2**63 - 1)),
        (-(2**63), Value(int_value=-(2**63))),
        (2**63, Value(uint_value=2**63)),
        (2**64 - 1, Value(uint_value=2**64 - 1)),
        (Decimal("-12.30"), Value(decimal_value="-12.30")),
        (_Word.HI, Value(string_value="hi")),
        (bytearray(b"\x00\xff"), Value(bytes_value=b"\x00\xff")),
        (memoryview(b"abcdef")[::2], Value(bytes_value=b"ace")),
        (date(1, 1, 1), Value(date_value="0001-01-01")),
        (datetime(2024, 1, 31, 23, 59, 59), Value(datetime_value="2024-01-31T23:59:59.000000")),
        (datetime(2024, 1, 31, tzinfo=UTC), Value(timestamp_value="2024-01-31T00:00:00.000000+00:00")),
        (
            datetime(2024, 10, 27, 2, 30, fold=1, tzinfo=ZoneInfo("Europe/Berlin")),
            Value(timestamp_value="2024-10-27T02:30:00.000000+01:00"),
        ),
        (time(23, 59), Value(time_value="23:59:00.000000")),
        (timedelta(days=1, hours=-2), Value(interval_value="PT22H")),
        (timedelta(days=-1, microseconds=-1), Value(interval_value="P-1DT-0.000001S")),
        (UUID(int=1), Value(uuid_value="00000000-0000-0000-0000-000000000001")),
        (Json('{"a": 1}'), Value(json_value='{"a": 1}')),
        (TemporalText("0000-00-00", ColumnType.DATE), Value(date_value="0000-00-00")),
        (TemporalText("infinity", ColumnType.TIMESTAMP), Value(timestamp_value="infinity")),
        ((1, None), Value(list_value=ValueList(values=[Value(int_value=1), Value(null_value=NULL_VALUE)]))),
    ],
)
def test_a_python_value_picks_the_arm(value: Any, expected: Value) -> None:
    assert encode(value) == expected


@pytest.mark.parametrize(
    ("value", "problem"),
    [
        (2**64, "beyond 64 bits: send it as a decimal.Decimal"),
        (-(2**63) - 1, "beyond 64 bits"),
        ("secret \ud800", "lone surrogate"),
        ({"a": 1}, "a dict can't be sent: spread named values with"),
        ({1}, "a set can't be sent: a list can"),
        (object(), "a object can't be sent"),
        ([1, {2}], "a set can't be sent"),
        (time(1, tzinfo=ZoneInfo("Europe/Berlin")), "the time's zone has no one offset"),
    ],
)
async def test_a_value_that_can_not_be_sent_is_refused_and_not_shown(
    db: rowgate.Client, gateway: ScriptedGateway, value: Any, problem: str
) -> None:
    with pytest.raises(rowgate.InvalidParameter, match=problem) as caught:
        await db.query("select :v", v=value)
    error = caught.value
    assert (error.reason, error.metadata["parameter"], error.outcome) == ("INVALID_PARAMETER", "v", "NOT_RUN")
    assert error.field_violations[0].field == "params[v]"
    assert "secret" not in str(error)
    assert gateway.received == []


async def test_a_positional_parameter_is_named_by_its_place(db: rowgate.Client) -> None:
    with pytest.raises(rowgate.InvalidParameter) as caught:
        await db.query("select ?, ?", 1, 2**64)
    assert caught.value.field_violations[0].field == "positional_params[1]"


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (Value(date_value="2024-01-31"), date(2024, 1, 31)),
        (Value(time_value="23:59:59.000001"), time(23, 59, 59, 1)),
        (Value(time_value="23:59:59.000000-05:00"), time(23, 59, 59, tzinfo=timezone(timedelta(hours=-5)))),
        (Value(datetime_value="2024-01-31T23:59:59.120000"), datetime(2024, 1, 31, 23, 59, 59, 120000)),
        (Value(timestamp_value="2024-01-31T23:59:59.000000+00:00"), datetime(2024, 1, 31, 23, 59, 59, tzinfo=UTC)),
        (Value(interval_value="P1Y2M3DT4H5M6.700000S"), Interval(14, 3, 14_706_700_000)),
    ],
)
def test_what_python_can_hold_becomes_its_own_type(value: Value, expected: Any) -> None:
    back = decode(value)
    assert back == expected
    assert type(back) is type(expected)


@pytest.mark.parametrize(
    "value",
    [
        Value(date_value="0000-00-00"),
        Value(date_value="2024-02-00"),
        Value(date_value="+10000-01-01"),
        Value(date_value="-0044-03-15"),
        Value(date_value="infinity"),
        Value(time_value="-838:59:59.000000"),
        Value(time_value="24:00:00.000000"),
        Value(datetime_value="0000-00-00T00:00:00.000000"),
        Value(datetime_value="2024-01-31T23:59:59.1234567"),
        Value(datetime_value="-infinity"),
        Value(timestamp_value="+12024-01-31T23:59:59.000000+00:00"),
        Value(interval_value="infinity"),
    ],
)
def test_what_python_can_not_hold_stays_text_and_can_be_sent_back(value: Value) -> None:
    text = decode(value)
    assert isinstance(text, TemporalText)
    assert f"{text.type.lower()}_value" == value.WhichOneof("kind")
    assert encode(text) == value


def test_a_time_of_mysql_can_be_read_as_a_duration() -> None:
    duration = timedelta(hours=838, minutes=59, seconds=59, microseconds=500_000)
    assert TemporalText("838:59:59.500000", ColumnType.TIME).as_timedelta() == duration
    assert TemporalText("-838:59:59.500000", ColumnType.TIME).as_timedelta() == -duration
    with pytest.raises(ValueError, match="is no duration"):
        TemporalText("0000-00-00", ColumnType.DATE).as_timedelta()


def test_temporal_text_survives_copying_and_has_a_temporal_type() -> None:
    text = TemporalText("24:00:00.000000", ColumnType.TIME)
    for twin in (copy.deepcopy(text), pickle.loads(pickle.dumps(text))):
        assert (twin, twin.type) == (text, ColumnType.TIME)
    with pytest.raises(ValueError, match="the type of a TemporalText"):
        TemporalText("1", ColumnType.INT)


@given(st.builds(Interval, st.integers(), st.integers(), st.integers()))
def test_an_interval_and_its_text_are_the_same(interval: Interval) -> None:
    assert Interval.parse(str(interval)) == interval


@pytest.mark.parametrize(
    ("interval", "text"),
    [
        (Interval(), "PT0S"),
        (Interval(months=-14, days=3), "P-1Y-2M3D"),
        (Interval(microseconds=-3_661_500_000), "PT-1H-1M-1.500000S"),
        (Interval(days=1, microseconds=6_000_000), "P1DT6S"),
    ],
)
def test_an_interval_is_written_as_iso_8601(interval: Interval, text: str) -> None:
    assert str(interval) == text


@pytest.mark.parametrize("text", ["", "P", "PT", "P1", "1D", "P1DT", "PT1.1234567S", "P1H", "P1D "])
def test_what_is_no_interval_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="not an ISO 8601 duration"):
        Interval.parse(text)


@given(st.timedeltas())
def test_a_timedelta_is_an_interval_without_months(duration: timedelta) -> None:
    interval = over_the_wire(duration)
    assert interval.as_timedelta() == duration
    assert interval.days * interval.microseconds >= 0


def test_months_are_no_timedelta() -> None:
    with pytest.raises(ValueError, match="have no one length"):
        Interval(months=1).as_timedelta()


def test_weeks_are_read() -> None:
    assert Interval.parse("P2W1D") == Interval(days=15)


def test_json_is_text_until_it_is_read() -> None:
    document = decode(Value(json_value='{"b":1.10, "a":[null]}'))
    assert document == '{"b":1.10, "a":[null]}'
    assert document.loads(parse_float=Decimal) == {"b": Decimal("1.10"), "a": [None]}
    assert encode(Json.dumps({"ä": [1, None]})) == Value(json_value='{"ä":[1,null]}')
    with pytest.raises(ValueError, match="not JSON compliant"):
        Json.dumps(float("nan"))


@pytest.mark.parametrize(
    "value", [Value(), Value(decimal_value="1,5"), Value(uuid_value="x"), Value(list_value=ValueList(values=[Value()]))]
)
async def test_a_value_that_makes_no_sense_is_an_error_of_its_own(
    db: rowgate.Client, gateway: ScriptedGateway, value: Value
) -> None:
    gateway.will(answer(Row(values=[value]), columns=[Column(name="a")]))
    with pytest.raises(rowgate.ProtocolError):
        await db.query("select 1")
