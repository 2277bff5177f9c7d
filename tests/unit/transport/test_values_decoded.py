"""Values from the wire: every arm, and what is refused."""

from __future__ import annotations

import decimal
import uuid
from typing import Any

import pytest
from google.protobuf import struct_pb2
from hypothesis import given
from hypothesis import strategies as st

from rowgate.v1.value_pb2 import Value, ValueList
from rowgate_server.engines.values import NULL, BoundValue, ValueType
from rowgate_server.errors import Reason, RowgateError
from rowgate_server.transport.codec import values as codec
from rowgate_server.transport.codec.values import Budget, decode_params, decode_positional, decode_value

A_UUID = "123e4567-e89b-12d3-a456-426614174000"
FULL_WIDTH, ARABIC = "\N{FULLWIDTH DIGIT ONE}", "\N{ARABIC-INDIC DIGIT ONE}"

ARMS = [
    (Value(bool_value=True), ValueType.BOOL, True),
    (Value(int_value=-(2**63)), ValueType.INT, -(2**63)),
    (Value(uint_value=2**64 - 1), ValueType.UINT, 2**64 - 1),
    (Value(double_value=-0.0), ValueType.DOUBLE, -0.0),
    (Value(decimal_value="-12.30"), ValueType.DECIMAL, "-12.30"),
    (Value(string_value="it's \0 日本"), ValueType.STRING, "it's \0 日本"),
    (Value(bytes_value=b"\0\xff"), ValueType.BYTES, b"\0\xff"),
    (Value(date_value="0000-00-00"), ValueType.DATE, "0000-00-00"),
    (Value(time_value="-838:59:59"), ValueType.TIME, "-838:59:59"),
    (Value(datetime_value="2024-01-31T23:59:59"), ValueType.DATETIME, "2024-01-31T23:59:59"),
    (Value(timestamp_value="2024-01-31T23:59:59Z"), ValueType.TIMESTAMP, "2024-01-31T23:59:59Z"),
    (Value(json_value='{"a": 1.0}'), ValueType.JSON, '{"a": 1.0}'),
    (Value(uuid_value=A_UUID), ValueType.UUID, A_UUID),
    (Value(interval_value="P1D"), ValueType.INTERVAL, "P1D"),
    (Value(list_value=ValueList()), ValueType.LIST, []),
]


def _refused(value: Value) -> RowgateError:
    with pytest.raises(RowgateError) as caught:
        decode_value(value, "params[x]")
    assert caught.value.field is not None
    return caught.value


@pytest.mark.parametrize(("value", "kind", "content"), ARMS, ids=[kind.name for _, kind, _ in ARMS])
def test_each_arm_becomes_its_type(value: Value, kind: ValueType, content: Any) -> None:
    found = decode_value(value, "params[x]")
    assert found == BoundValue(kind, content)
    assert type(found.value) is type(content)


def test_each_arm_is_tried() -> None:
    assert {kind for _, kind, _ in ARMS} | {ValueType.NULL, ValueType.DYNAMIC} == set(ValueType)


def test_null_is_null() -> None:
    assert decode_value(Value(null_value=struct_pb2.NULL_VALUE), "params[x]") is NULL


@pytest.mark.parametrize("empty", [Value(int_value=0), Value(string_value=""), Value(bytes_value=b"")])
def test_an_empty_value_is_no_null(empty: Value) -> None:
    assert decode_value(empty, "params[x]").type is not ValueType.NULL


def test_a_value_that_is_not_set_is_refused() -> None:
    error = _refused(Value())
    assert (error.reason, error.field) == (Reason.INVALID_PARAMETER, "params[x]")
    assert "nullValue" in error.message


def test_lists_nest_as_deep_as_protobuf_lets_them() -> None:
    value = Value(int_value=7)
    for _ in range(45):
        value = Value(list_value=ValueList(values=[value]))
    found = decode_value(Value.FromString(value.SerializeToString()), "params[x]")
    for _ in range(45):
        assert found.type is ValueType.LIST
        (found,) = found.value
    assert found == BoundValue(ValueType.INT, 7)


def test_a_fault_deep_in_a_list_is_found_by_its_path() -> None:
    inner = Value(list_value=ValueList(values=[Value(int_value=1), Value(decimal_value="one")]))
    error = _refused(Value(list_value=ValueList(values=[Value(bool_value=True), inner])))
    assert error.field == "params[x].list_value[1].list_value[1]"


# Parameters by name and by place


def test_parameters_are_decoded_under_their_names_and_in_their_order() -> None:
    values = {"b": Value(int_value=1), "a": Value(int_value=2)}
    assert decode_params(values, Budget()) == {"b": BoundValue(ValueType.INT, 1), "a": BoundValue(ValueType.INT, 2)}
    assert decode_positional(list(values.values()), Budget()) == [
        BoundValue(ValueType.INT, 1),
        BoundValue(ValueType.INT, 2),
    ]


def test_the_parameter_at_fault_is_named() -> None:
    with pytest.raises(RowgateError) as caught:
        decode_params({"good": Value(int_value=1), "bad": Value(list_value=ValueList(values=[Value()]))}, Budget())
    assert caught.value.field == "params[bad].list_value[0]"
    assert caught.value.metadata["parameter"] == "bad"
    with pytest.raises(RowgateError) as caught:
        decode_positional([Value(int_value=1), Value()], Budget())
    assert caught.value.field == "positional_params[1]"
    assert caught.value.metadata["parameter"] == "2"


# Decimals


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        ("0", "0"),
        ("-0", "-0"),
        ("007", "007"),
        ("-12.30", "-12.30"),
        ("+1.50", "1.50"),
        (".5", "0.5"),
        ("-.5", "-0.5"),
        ("5.", "5"),
        ("1e2", "100"),
        ("1.50e1", "15.0"),
        ("-1E-3", "-0.001"),
        ("9" * 1000 + "." + "9" * 1000, "9" * 1000 + "." + "9" * 1000),
        ("1e1000", "1" + "0" * 1000),
        ("1e-1000", "0." + "0" * 999 + "1"),
        ("NaN", "NaN"),
        ("-Infinity", "-Infinity"),
    ],
)
def test_a_decimal_is_exact_and_plain(text: str, plain: str) -> None:
    assert decode_value(Value(decimal_value=text), "params[x]") == BoundValue(ValueType.DECIMAL, plain)


@pytest.mark.parametrize(
    "text",
    [
        "", " ", "-", "+", ".", "e5", "1e", "1e+", "1.2.3", "--1", "1,5", "1_000", " 1", "1 ", "1\n", "0x10", "1/2",
        "nan", "sNaN", "-NaN", "+Infinity", "-inf", "1e999999999", "1e-999999999", "1e99999999999999999999",
        FULL_WIDTH, ARABIC, f"1e{ARABIC}", "1\x00", "1'; drop table x; --", "1" * 10_000, "1." + "1" * 10_000,
        "0e" + "0" * 10_000,
    ],
)  # fmt: skip
def test_a_decimal_of_another_form_is_refused(text: str) -> None:
    assert _refused(Value(decimal_value=text)).reason is Reason.INVALID_PARAMETER


@pytest.mark.parametrize("text", ["1e1001", "1e9999", "-1e9999", "1e-1001", "10e1000"])
def test_a_decimal_beyond_every_database_is_refused_before_it_is_written_out(text: str) -> None:
    assert _refused(Value(decimal_value=text)).reason is Reason.VALUE_OUT_OF_RANGE


@given(st.decimals(allow_nan=False, allow_infinity=False, min_value=-(10**50), max_value=10**50))
def test_a_decimal_keeps_its_value_and_its_scale(number: decimal.Decimal) -> None:
    found = decode_value(Value(decimal_value=str(number)), "params[x]").value
    assert "E" not in found.upper()
    with decimal.localcontext(prec=500):
        assert decimal.Decimal(found) == number
    assert len(found.partition(".")[2]) == max(0, -int(number.as_tuple().exponent))


@given(st.text(alphabet=st.sampled_from(f"0123456789+-.eE xN\n{FULL_WIDTH}{ARABIC}")))
def test_a_decimal_is_decoded_or_refused_and_nothing_else(text: str) -> None:
    try:
        found = decode_value(Value(decimal_value=text), "params[x]").value
    except RowgateError as error:
        assert error.reason in (Reason.INVALID_PARAMETER, Reason.VALUE_OUT_OF_RANGE)  # noqa: PT017 - or it is decoded
    else:
        assert found.isascii()
        assert decimal.Decimal(found) == decimal.Decimal(text)


@pytest.mark.parametrize("value", [Value(decimal_value="planted"), Value(uuid_value="planted")])
def test_a_refused_value_is_not_told_again(value: Value) -> None:
    error = _refused(value)
    assert "planted" not in f"{error.message} {error.metadata} {error.field}"


# UUIDs


@pytest.mark.parametrize("text", [A_UUID, A_UUID.upper(), A_UUID.replace("-", "")])
def test_a_uuid_is_written_in_one_form(text: str) -> None:
    assert decode_value(Value(uuid_value=text), "params[x]").value == A_UUID


@pytest.mark.parametrize(
    "text",
    [
        "", "x", A_UUID[:-1], A_UUID + "0", A_UUID + "\n", f"{{{A_UUID}}}", f"urn:uuid:{A_UUID}",
        A_UUID.replace("-", "", 1), "0x" + "a" * 30, "1_2" * 10 + "ab", "+" + "a" * 31, " " + "a" * 31,
        ARABIC * 32, FULL_WIDTH * 32, "-" * 36,
    ],
)  # fmt: skip
def test_a_uuid_of_another_form_is_refused(text: str) -> None:
    assert _refused(Value(uuid_value=text)).reason is Reason.INVALID_PARAMETER


@given(st.uuids())
def test_every_uuid_is_taken(found: uuid.UUID) -> None:
    assert decode_value(Value(uuid_value=str(found)), "params[x]").value == str(found)


@pytest.mark.parametrize("count", [65_535, 65_536])
def test_more_values_than_a_statement_has_places_are_not_decoded(count: int) -> None:
    # One that has no kind is refused as soon as it is looked at.
    values = [Value()] * count
    for decode in (
        lambda: decode_positional(values, Budget()),
        lambda: decode_params({str(number): value for number, value in enumerate(values)}, Budget()),
    ):
        with pytest.raises(RowgateError, match="more than 65535" if count > 65_535 else "no kind set"):
            decode()


def test_members_of_all_lists_count(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(codec, "MOST_VALUES", 10)
    inner = Value(list_value=ValueList(values=[Value(int_value=1)] * 3))
    both = Value(list_value=ValueList(values=[inner, inner]))  # eight values
    assert len(decode_positional([both, Value(int_value=1)], Budget())) == 2
    for values in ([both, Value(int_value=1), Value(int_value=1)], [both, inner]):
        with pytest.raises(RowgateError) as caught:
            decode_positional(values, Budget())
        assert caught.value.reason is Reason.INVALID_PARAMETER
        assert caught.value.metadata["limit"] == "10 values"
    budget = Budget()
    decode_positional([both], budget)
    with pytest.raises(RowgateError):
        decode_params({"a": inner}, budget)
