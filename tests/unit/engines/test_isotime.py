from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta, timezone

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from rowgate_server.engines import isotime

EPOCH = datetime(2000, 1, 1)
MICROSECOND = timedelta(microseconds=1)
# Every day and moment that PostgreSQL can store: https://www.postgresql.org/docs/current/datatype-datetime.html
DAYS = st.integers(-2_451_545, 2_145_031_948)
MICROS = st.integers(-211_813_488_000_000_000, 9_223_371_331_199_999_999)
OFFSETS = st.integers(-86_399, 86_399)
INT32, INT64 = st.integers(-(2**31), 2**31 - 1), st.integers(-(2**63), 2**63 - 1)


@given(st.dates())
@example(date.min)
@example(date.max)
def test_dates_are_python_s_where_python_has_them(day: date) -> None:
    count = (day - EPOCH.date()).days
    assert isotime.date_from_days(count) == day.isoformat()
    assert isotime.days_from_date(day.isoformat()) == count


@given(st.datetimes())
@example(datetime(1, 1, 1))
@example(datetime(9999, 12, 31, 23, 59, 59, 999_999))
def test_datetimes_are_python_s_where_python_has_them(moment: datetime) -> None:
    count = (moment - EPOCH) // MICROSECOND
    text = moment.isoformat(timespec="microseconds")
    assert isotime.datetime_from_micros(count) == text
    assert isotime.micros_from_datetime(text) == (count, None)


@given(st.datetimes(datetime(2, 1, 1), datetime(9998, 12, 31)), OFFSETS)
def test_an_offset_is_told_apart_and_leads_to_utc(moment: datetime, seconds: int) -> None:
    zoned = moment.replace(tzinfo=timezone(timedelta(seconds=seconds)))
    micros, offset = isotime.micros_from_datetime(zoned.isoformat())
    assert (micros, offset) == ((moment - EPOCH) // MICROSECOND, seconds)
    assert isotime.utc_micros(micros, seconds) == (zoned - EPOCH.replace(tzinfo=UTC)) // MICROSECOND


@given(st.times())
def test_times_are_python_s(moment: time) -> None:
    text = moment.isoformat(timespec="microseconds")
    micros, offset = isotime.micros_from_time(text)
    assert offset is None
    assert isotime.time_from_micros(micros) == text
    assert micros == (datetime.combine(EPOCH, moment) - EPOCH) // MICROSECOND


@given(DAYS)
@example(-2_451_545)
@example(2_145_031_948)
def test_every_day_of_postgresql_survives_the_round_trip(days: int) -> None:
    assert isotime.days_from_date(isotime.date_from_days(days)) == days


@given(MICROS)
@example(-211_813_488_000_000_000)
@example(9_223_371_331_199_999_999)
def test_every_moment_of_postgresql_survives_the_round_trip(micros: int) -> None:
    assert isotime.micros_from_datetime(isotime.datetime_from_micros(micros)) == (micros, None)


@given(st.integers(0, isotime.DAY), OFFSETS)
@example(isotime.DAY, 0)
def test_every_time_and_offset_survive_the_round_trip(micros: int, seconds: int) -> None:
    text = isotime.time_from_micros(micros) + isotime.offset_from_seconds(seconds)
    assert isotime.micros_from_time(text) == (micros, seconds)


@given(INT32, INT32, INT64)
@example(-(2**31), -(2**31), -(2**63))
@example(2**31 - 1, 2**31 - 1, 2**63 - 1)
@example(0, 0, -1)
def test_every_interval_survives_the_round_trip(months: int, days: int, micros: int) -> None:
    text = isotime.interval_from_parts(months, days, micros)
    assert isotime.parts_from_interval(text) == (months, days, micros)


@pytest.mark.parametrize(
    ("days", "text"),
    [
        (-2_451_545, "-4713-11-24"),
        (-730_119, "0001-01-01"),
        (-730_120, "0000-12-31"),
        (-730_486, "-0001-12-31"),
        (0, "2000-01-01"),
        (59, "2000-02-29"),
        (2_921_940, "+10000-01-01"),
        (2_145_031_948, "+5874897-12-31"),
    ],
)
def test_years_outside_of_0_to_9999_have_a_sign(days: int, text: str) -> None:
    assert isotime.date_from_days(days) == text
    assert isotime.days_from_date(text) == days


@pytest.mark.parametrize("text", ["infinity", "-infinity"])
def test_infinities_have_names(text: str) -> None:
    assert isotime.date_from_days(isotime.days_from_date(text)) == text
    micros, offset = isotime.micros_from_datetime(text)
    assert (isotime.datetime_from_micros(micros), offset) == (text, None)
    assert abs(isotime.days_from_date(text)) >= 2**31 - 1
    assert abs(micros) >= 2**63 - 1


def test_nothing_finite_is_taken_for_infinity() -> None:
    last = "+294277-01-09T04:00:54.775807"  # its count would be infinity's
    with pytest.raises(ValueError, match="beyond"):
        isotime.micros_from_datetime(last)
    micros, _ = isotime.micros_from_datetime("+294277-01-09T03:00:54.775807")
    with pytest.raises(ValueError, match="beyond"):
        isotime.utc_micros(micros, -3600)
    for text in ("+5881610-07-11", "-5877611-06-22", "+9999999-12-31"):  # the ends of 32 bits, and past them
        with pytest.raises(ValueError, match="beyond"):
            isotime.days_from_date(text)


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("P1Y2M3DT4H5M6.700000S", (14, 3, 14_706_700_000)),
        ("P2W", (0, 14, 0)),
        ("P1W1D", (0, 8, 0)),
        ("PT0S", (0, 0, 0)),
        ("P-1Y-2M", (-14, 0, 0)),
        ("PT-0.5S", (0, 0, -500_000)),
        ("P1DT-1H", (0, 1, -3_600_000_000)),
        ("P+1D", (0, 1, 0)),
        ("PT36H", (0, 0, 129_600_000_000)),
        ("PT1,5S", (0, 0, 1_500_000)),
    ],
)
def test_intervals_are_read_part_by_part(text: str, parts: tuple[int, int, int]) -> None:
    assert isotime.parts_from_interval(text) == parts


def test_intervals_are_written_without_empty_parts() -> None:
    assert isotime.interval_from_parts(14, 3, 14_706_700_000) == "P1Y2M3DT4H5M6.700000S"
    assert isotime.interval_from_parts(0, 0, 0) == "PT0S"
    assert isotime.interval_from_parts(12, 0, 0) == "P1Y"
    assert isotime.interval_from_parts(0, 0, 60_000_000) == "PT1M"
    assert isotime.interval_from_parts(-14, 3, -1_500_000) == "P-1Y-2M3DT-1.500000S"


@pytest.mark.parametrize(
    ("text", "micros", "offset"),
    [
        ("12:30", 45_000_000_000, None),
        ("12:30:15.5", 45_015_500_000, None),
        ("12:30:15,25", 45_015_250_000, None),
        ("23:59:60", isotime.DAY, None),
        ("24:00:00", isotime.DAY, None),
        ("12:30Z", 45_000_000_000, 0),
        ("12:30z", 45_000_000_000, 0),
        ("12:30+02", 45_000_000_000, 7200),
        ("12:30-0230", 45_000_000_000, -9000),
        ("12:30+02:30:15", 45_000_000_000, 9015),
    ],
)
def test_short_forms_of_times_are_read(text: str, micros: int, offset: int | None) -> None:
    assert isotime.micros_from_time(text) == (micros, offset)


def test_a_datetime_may_have_a_blank_or_a_small_t() -> None:
    expected = isotime.micros_from_datetime("2024-01-31T23:59:59")
    assert isotime.micros_from_datetime("2024-01-31 23:59:59") == expected
    assert isotime.micros_from_datetime("2024-01-31t23:59:59.0") == expected


@pytest.mark.parametrize(
    "text",
    [
        *("", "2024-1-1", "24-01-01", "2024-00-01", "2024-13-01", "2024-01-00", "2024-01-32", "2024-04-31"),
        *("2023-02-29", "1900-02-29", "2024-01-01\n", " 2024-01-01", "20240101", "2024-01-01T00:00", "Infinity"),
        *("٢٠٢٤-01-01", "+12345678-01-01", "--2024-01-01", "2024-01-01'"),
    ],
)
def test_what_is_no_date_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"ISO 8601|calendar"):
        isotime.days_from_date(text)


@pytest.mark.parametrize(
    "text",
    [
        *("", "2024-01-31", "2024-01-31T", "2024-01-31T12", "2024-01-31T12:60", "2024-01-31T12:00:61"),
        *("2024-01-31T24:00:01", "2024-01-31T25:00", "2024-01-31T12:00:00.1234567", "2024-01-31T12:00:00."),
        *("2024-02-30T12:00:00", "2024-01-31T12:00+24:00", "2024-01-31T12:00+01:60", "2024-01-31T12:00+01:00:60"),
        *("2024-01-31T12:00 +01:00", "2024-01-31T12:00:00Z\n", "infinity+00:00", "2024-01-31T12:00:00+1"),
    ],
)
def test_what_is_no_datetime_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"ISO 8601|calendar|no such"):
        isotime.micros_from_datetime(text)


@pytest.mark.parametrize(
    "text", ["", "12", "1:00", "12:0", "12:00:00.", "-12:00", "24:00:00.000001", "12:00'", "\uff11\uff12:00"]
)
def test_what_is_no_time_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"ISO 8601|no such"):
        isotime.micros_from_time(text)


@pytest.mark.parametrize(
    "text", ["", "P", "PT", "P1YT", "1Y", "P1S", "PT1D", "P1D1Y", "P1.5D", "PT1.1234567S", "PT1H\n", "P--1D", "p1d"]
)
def test_what_is_no_interval_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="ISO 8601"):
        isotime.parts_from_interval(text)


WORDS = {
    *("not an ISO 8601 date", "not an ISO 8601 date and time", "not an ISO 8601 time of day"),
    *("not an ISO 8601 duration", "no such day in the calendar", "no such time of day", "no such offset"),
    "beyond what any database can count",
}


@given(st.one_of(st.text(max_size=30), st.from_regex(r"[-+PT0-9:.]{0,30}", fullmatch=True)))
def test_any_text_is_read_or_refused_in_words_that_do_not_repeat_it(text: str) -> None:
    for read in (
        isotime.days_from_date,
        isotime.micros_from_datetime,
        isotime.micros_from_time,
        isotime.parts_from_interval,
    ):
        try:
            read(text)
        except ValueError as error:
            assert str(error) in WORDS  # noqa: PT017 - reading it is as right as refusing it
