"""Whatever a value says, its literal is one token that no sql_mode and no character set reads otherwise."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from rowgate_server.engines.dialects.mysql.literals import literal, render
from rowgate_server.engines.values import BoundStatement, BoundValue, ValueType
from rowgate_server.errors import Reason, RowgateError

# What may stand between single quotes: nothing that ends them, escapes, or is a byte of no character.
HARMLESS = r"[^\x00-\x1f\x7f'\"`\\]*"
TOKEN = re.compile(
    rf"NULL|TRUE|FALSE|-?\d+|-?\d+\.\d*|-?\d+(\.\d+)?e[+-]?\d+|(DATE|TIME|TIMESTAMP)?'{HARMLESS}'"
    r"|_(binary|utf8mb4) X'([0-9a-f]{2})*'"
)
HOSTILE = st.text(st.sampled_from("'\"\\`;-/*# \x00\x1a\n中\u00a5\uff07aX0019.:T+eE"), max_size=20)
TEXT = st.text() | HOSTILE
TEXTUAL = st.sampled_from(
    [
        *(ValueType.STRING, ValueType.JSON, ValueType.UUID, ValueType.DECIMAL, ValueType.DATE),
        *(ValueType.TIME, ValueType.DATETIME, ValueType.TIMESTAMP, ValueType.INTERVAL),
    ]
)
# Near misses: a valid text with something put into it.
VALID = [
    *("-12.30", "2024-01-31", "-838:59:59.000000", "2024-01-31T23:59:59.000000", "2024-01-31T23:59:59+02:00"),
    *("P1DT2H-3M4.500000S", "0000-00-00T00:00:00Z"),
]


@st.composite
def damaged(draw: st.DrawFn) -> str:
    text = draw(st.sampled_from(VALID))
    at = draw(st.integers(0, len(text)))
    return text[:at] + draw(HOSTILE) + text[at + draw(st.integers(0, 2)) :]


def of(value_type: ValueType, value: Any) -> str:
    return literal(BoundValue(value_type, value))


def refusal(value_type: ValueType, value: Any) -> RowgateError:
    with pytest.raises(RowgateError) as caught:
        of(value_type, value)
    return caught.value


@given(TEXTUAL, TEXT | damaged())
@example(ValueType.STRING, "中' OR 1=1 -- ")
@example(ValueType.STRING, "\\")
@example(ValueType.DATE, "2024-01-31' OR '1")
@example(ValueType.DECIMAL, "1\n")
def test_any_text_is_one_harmless_token_or_refused_without_repeating_it(value_type: ValueType, text: str) -> None:
    try:
        rendered = of(value_type, text)
    except RowgateError as error:
        assert (error.message in REFUSALS, error.metadata) == (True, {})  # noqa: PT017 - a text may be refused
    else:
        assert TOKEN.fullmatch(rendered)


@given(st.binary())
@example(b"\\' OR 1=1 -- ")
def test_bytes_are_hexadecimal_digits(octets: bytes) -> None:
    rendered = of(ValueType.BYTES, octets)
    assert re.fullmatch(r"_binary X'([0-9a-f]{2})*'", rendered)
    assert bytes.fromhex(rendered[10:-1]) == octets


@given(TEXT)
def test_text_is_what_its_literal_says(text: str) -> None:
    rendered = of(ValueType.STRING, text)
    assert TOKEN.fullmatch(rendered)
    if rendered.startswith("_utf8mb4"):
        assert bytes.fromhex(rendered[11:-1]).decode() == text
    else:
        assert rendered == f"'{text}'"
    assert rendered == of(ValueType.JSON, text) == of(ValueType.UUID, text)


def test_ordinary_text_stays_readable() -> None:
    assert of(ValueType.STRING, "Größe: 10% of 日本語 🦆") == "'Größe: 10% of 日本語 🦆'"


@given(st.floats(allow_nan=False, allow_infinity=False))
@example(-0.0)
@example(5e-324)
@example(1e22)
def test_doubles_round_trip_and_have_an_exponent(number: float) -> None:
    rendered = of(ValueType.DOUBLE, number)
    assert TOKEN.fullmatch(rendered)
    assert "e" in rendered
    assert repr(float(rendered)) == repr(number)


@pytest.mark.parametrize("number", [float("nan"), float("inf"), float("-inf")])
def test_numbers_that_mysql_has_not_are_refused(number: float) -> None:
    assert refusal(ValueType.DOUBLE, number).reason is Reason.VALUE_OUT_OF_RANGE


@given(st.integers(-(10**65) + 1, 10**65 - 1), st.integers(0, 65))
@example(0, 2)
@example(10**65 - 1, 0)
@example(1 - 10**65, 65)
def test_decimals_of_up_to_65_digits_keep_every_digit(unscaled: int, scale: int) -> None:
    text = format(Decimal((unscaled < 0, tuple(map(int, str(abs(unscaled)))), -scale)), "f")
    rendered = of(ValueType.DECIMAL, text)
    assert TOKEN.fullmatch(rendered)
    assert "." in rendered, "without a point it would be an integer"
    assert rendered.rstrip(".") == text


@pytest.mark.parametrize("text", ["1" * 66, "-" + "9" * 81, "1" * 60 + "." + "1" * 6, "0." + "0" * 65 + "1"])
def test_decimals_of_more_digits_are_refused(text: str) -> None:
    assert refusal(ValueType.DECIMAL, text).reason is Reason.VALUE_OUT_OF_RANGE


def test_leading_zeros_are_no_digits() -> None:
    assert of(ValueType.DECIMAL, "0" * 40 + "1" * 35 + "." + "2" * 30)


@pytest.mark.parametrize(
    "text", ["", ".5", "5.", "1e2", "+1", "--1", "1,5", "NaN", "Infinity", "0x10", "1 ", "\uff11", "1_0"]
)
def test_what_is_no_plain_decimal_is_refused(text: str) -> None:
    assert refusal(ValueType.DECIMAL, text).reason is Reason.INVALID_PARAMETER


@given(st.integers(-(2**63), 2**64 - 1))
def test_integers_are_written_out(number: int) -> None:
    assert of(ValueType.INT, number) == of(ValueType.UINT, number) == str(number)


def test_null_and_truth_have_words() -> None:
    assert of(ValueType.NULL, None) == "NULL"
    assert of(ValueType.BOOL, True) == "TRUE"
    assert of(ValueType.BOOL, False) == "FALSE"


@pytest.mark.parametrize(
    ("value_type", "text", "expected"),
    [
        (ValueType.DATE, "2024-01-31", "DATE'2024-01-31'"),
        (ValueType.DATE, "0000-00-00", "'0000-00-00'"),
        (ValueType.DATE, "2024-00-10", "'2024-00-10'"),
        (ValueType.DATE, "2024-10-00", "'2024-10-00'"),
        (ValueType.TIME, "23:59:59.000000", "TIME'23:59:59.000000'"),
        (ValueType.TIME, "-838:59:59", "TIME'-838:59:59'"),
        (ValueType.DATETIME, "2024-01-31T23:59:59.000000", "TIMESTAMP'2024-01-31 23:59:59.000000'"),
        (ValueType.DATETIME, "2024-01-31 23:59:59", "TIMESTAMP'2024-01-31 23:59:59'"),
        (ValueType.DATETIME, "0000-00-00T00:00:00", "'0000-00-00 00:00:00'"),
        (ValueType.TIMESTAMP, "2024-01-31T23:59:59Z", "TIMESTAMP'2024-01-31 23:59:59.000000'"),
        (ValueType.TIMESTAMP, "2024-01-01T01:00:00.5+02:00", "TIMESTAMP'2023-12-31 23:00:00.500000'"),
        (ValueType.TIMESTAMP, "0000-00-00T00:00:00.000000+00:00", "'0000-00-00 00:00:00.000000'"),
        (ValueType.TIMESTAMP, "0000-00-00T00:00:00Z", "'0000-00-00 00:00:00'"),
    ],
)
def test_dates_and_times_are_typed_unless_they_have_zeros(value_type: ValueType, text: str, expected: str) -> None:
    assert of(value_type, text) == expected


@given(st.datetimes(datetime(2, 1, 1), datetime(9998, 12, 31)), st.integers(-86_399, 86_399))
def test_a_timestamp_is_written_in_utc(moment: datetime, seconds: int) -> None:
    zoned = moment.replace(tzinfo=timezone(timedelta(seconds=seconds)))
    expected = zoned.astimezone(UTC).replace(tzinfo=None).isoformat(sep=" ", timespec="microseconds")
    assert of(ValueType.TIMESTAMP, zoned.isoformat()) == f"TIMESTAMP'{expected}'"


@pytest.mark.parametrize(
    ("value_type", "text"),
    [
        (ValueType.DATE, "2024-01-31T00:00:00"),
        (ValueType.DATE, "+10000-01-01"),
        (ValueType.DATE, "٢٠٢٤-01-31"),
        (ValueType.DATE, "infinity"),
        (ValueType.TIME, "24:00"),
        (ValueType.TIME, "1000:00:00"),
        (ValueType.TIME, "12:00:00+02:00"),
        (ValueType.DATETIME, "2024-01-31"),
        (ValueType.DATETIME, "2024-01-31T12:00:00Z"),
        (ValueType.TIMESTAMP, "2024-01-31T12:00:00"),
        (ValueType.TIMESTAMP, "2024-02-30T12:00:00Z"),
        (ValueType.TIMESTAMP, "infinity"),
        (ValueType.TIMESTAMP, "9999-12-31T23:59:59-01:00"),
        (ValueType.TIMESTAMP, "-0001-01-01T00:00:00Z"),
        (ValueType.TIMESTAMP, "0000-00-00T00:00:00+02:00"),
        (ValueType.TIMESTAMP, "0000-00-00T00:00:01Z"),
        (ValueType.INTERVAL, "1 day"),
        (ValueType.INTERVAL, "P"),
    ],
)
def test_dates_and_times_of_another_form_are_refused(value_type: ValueType, text: str) -> None:
    assert refusal(value_type, text).reason is Reason.INVALID_PARAMETER


@pytest.mark.parametrize(
    ("duration", "time"),
    [
        ("PT0S", "00:00:00.000000"),
        ("P1DT2H", "26:00:00.000000"),
        ("P-1DT1H", "-23:00:00.000000"),
        ("PT-0.000001S", "-00:00:00.000001"),
        ("P34DT22H59M59.999999S", "838:59:59.999999"),
        ("P-34DT-22H-59M-59.999999S", "-838:59:59.999999"),
    ],
)
def test_an_interval_is_written_as_a_time(duration: str, time: str) -> None:
    assert of(ValueType.INTERVAL, duration) == f"TIME'{time}'"


@pytest.mark.parametrize(
    ("value_type", "value"),
    [(ValueType.INTERVAL, "P1M"), (ValueType.INTERVAL, "P-35D"), (ValueType.INTERVAL, "PT839H"), (ValueType.LIST, [])],
)
def test_types_that_mysql_has_not_are_not_supported(value_type: ValueType, value: object) -> None:
    assert refusal(value_type, value).reason is Reason.NOT_SUPPORTED


def test_every_type_that_can_be_bound_has_a_rule() -> None:
    samples: dict[ValueType, object] = {
        **dict.fromkeys(ValueType, "1"),
        ValueType.BYTES: b"",
        ValueType.DOUBLE: 1.0,
        ValueType.INT: 1,
        ValueType.UINT: 1,
    }
    for value_type in set(ValueType) - {ValueType.DYNAMIC}:  # which is told of cells only
        try:
            of(value_type, samples[value_type])
        except RowgateError as error:
            assert error.reason in (Reason.INVALID_PARAMETER, Reason.NOT_SUPPORTED)  # noqa: PT017 - a rule may refuse


@given(st.lists(st.tuples(st.text(), st.integers()), max_size=5), st.text())
def test_a_statement_is_its_fragments_with_a_literal_between_each(pairs: list[tuple[str, int]], rest: str) -> None:
    fragments = (*(fragment for fragment, _ in pairs), rest)
    values = tuple(BoundValue(ValueType.INT, number) for _, number in pairs)
    assert render(BoundStatement(fragments, values)) == "".join(f"{text}{number}" for text, number in pairs) + rest


REFUSALS = {
    "a parameter is not a decimal number such as -12.30",
    "a parameter is not a date such as 2024-01-31",
    "a parameter is not a time such as 23:59:59.000000, up to 838:59:59",
    "a parameter is not a date and time without a zone, such as 2024-01-31T23:59:59.000000",
    "a parameter is not a date and time with an offset, such as 2024-01-31T23:59:59.000000+00:00",
    "MySQL's and MariaDB's decimals end at 65 digits",
    "a parameter is not an ISO 8601 duration such as P1DT2H",
    (
        "MySQL and MariaDB have no interval type but TIME, of up to 838:59:59 and without months; "
        "pass a number and write INTERVAL :n DAY"
    ),
}
