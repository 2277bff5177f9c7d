"""ISO 8601 text of dates, times and intervals, to and from the counts that databases store.

Exact over the whole range of every engine: Python's `datetime` ends at year 9999 and knows no infinity, PostgreSQL
goes from 4713 BC to 294276, and its dates to 5874897. Counts are whole microseconds or days from PostgreSQL's epoch,
2000-01-01. Years before 1 are astronomical with a sign (`-0001` is 2 BC), years past 9999 have a plus sign, as ISO 8601
asks.
The day arithmetic is Howard Hinnant's `days_from_civil` (public domain, "chrono-Compatible Low-Level Date Algorithms").
"""

from __future__ import annotations

import re
from collections.abc import Mapping

DAY = 86_400_000_000
"""Microseconds in a day."""

_EPOCH = 730_425  # days from 0000-03-01 to 2000-01-01

_INFINITE_DAYS = {2**31 - 1: "infinity", -(2**31): "-infinity"}
_INFINITE_MICROS = {2**63 - 1: "infinity", -(2**63): "-infinity"}
_DAYS_OF = {text: count for count, text in _INFINITE_DAYS.items()}
_MICROS_OF = {text: count for count, text in _INFINITE_MICROS.items()}

_DATE = r"([+-]?\d{4,7})-(\d\d)-(\d\d)"
_CLOCK = r"(\d\d):(\d\d)(?::(\d\d)(?:[.,](\d{1,6}))?)?"
_ZONE = r"(?:([+-])(\d\d)(?::?(\d\d))?(?::?(\d\d))?|([Zz]))"
_DATE_RE = re.compile(_DATE + r"\Z", re.ASCII)
_TIME_RE = re.compile(_CLOCK + _ZONE + r"?\Z", re.ASCII)
_DATETIME_RE = re.compile(_DATE + r"[Tt ]" + _CLOCK + _ZONE + r"?\Z", re.ASCII)
_INTERVAL_RE = re.compile(
    r"P(?=.)(?:([+-]?\d+)Y)?(?:([+-]?\d+)M)?(?:([+-]?\d+)W)?(?:([+-]?\d+)D)?"
    r"(?:T(?=.)(?:([+-]?\d+)H)?(?:([+-]?\d+)M)?(?:([+-]?\d+)(?:[.,](\d{1,6}))?S)?)?\Z",
    re.ASCII,
)


def date_from_days(days: int) -> str:
    """ISO date of a day count; `infinity` and `-infinity` for PostgreSQL's."""
    return _INFINITE_DAYS.get(days) or _civil(days)


def datetime_from_micros(micros: int) -> str:
    """ISO date and time, six fractional digits, of a microsecond count."""
    infinite = _INFINITE_MICROS.get(micros)
    if infinite is not None:
        return infinite
    days, rest = divmod(micros, DAY)
    return f"{_civil(days)}T{time_from_micros(rest)}"


def time_from_micros(micros: int) -> str:
    """ISO time, six fractional digits, of microseconds since midnight; a duration may go past 24:00:00."""
    seconds, fraction = divmod(micros, 1_000_000)
    minutes, second = divmod(seconds, 60)
    hour, minute = divmod(minutes, 60)
    return f"{hour:02}:{minute:02}:{second:02}.{fraction:06}"


def offset_from_seconds(seconds: int) -> str:
    """ISO offset of seconds east of UTC: `+02:00`, with seconds only where there are some."""
    sign = "-" if seconds < 0 else "+"
    minutes, second = divmod(abs(seconds), 60)
    hour, minute = divmod(minutes, 60)
    return f"{sign}{hour:02}:{minute:02}" + (f":{second:02}" if second else "")


def interval_from_parts(months: int, days: int, micros: int) -> str:
    """ISO duration of PostgreSQL's three counts, which do not add up into each other: `P1Y2M3DT4H5M6.700000S`."""
    years, month = _truncated_divmod(months, 12)
    seconds, fraction = _truncated_divmod(micros, 1_000_000)
    minutes, second = _truncated_divmod(seconds, 60)
    hour, minute = _truncated_divmod(minutes, 60)
    date = _parts((years, "Y"), (month, "M"), (days, "D"))
    time = _parts((hour, "H"), (minute, "M"))
    if second or fraction:
        sign = "-" if second < 0 or fraction < 0 else ""
        time += f"{sign}{abs(second)}" + (f".{abs(fraction):06}" if fraction else "") + "S"
    if time:
        return f"P{date}T{time}"
    return f"P{date}" if date else "PT0S"


def days_from_date(text: str) -> int:
    """Day count of an ISO date.

    Raises:
        ValueError: the text is no such date, or beyond what can be counted.
    """
    if text in _DAYS_OF:
        return _DAYS_OF[text]
    match = _DATE_RE.match(text)
    if match is None:
        raise ValueError("not an ISO 8601 date")
    return _finite(_days(*match.groups()), _INFINITE_DAYS)


def micros_from_datetime(text: str) -> tuple[int, int | None]:
    """Microsecond count of an ISO date and time as written, and its offset in seconds (None without one).

    Raises:
        ValueError: the text is no such date and time, or beyond what can be counted.
    """
    if text in _MICROS_OF:
        return _MICROS_OF[text], None
    match = _DATETIME_RE.match(text)
    if match is None:
        raise ValueError("not an ISO 8601 date and time")
    groups = match.groups()
    return _finite(_days(*groups[:3]) * DAY + _clock(*groups[3:7]), _INFINITE_MICROS), _offset(*groups[7:])


def utc_micros(micros: int, offset: int) -> int:
    """Microsecond count in UTC, of a count as written and its offset in seconds.

    Raises:
        ValueError: it is beyond what can be counted.
    """
    return _finite(micros - offset * 1_000_000, _INFINITE_MICROS)


def micros_from_time(text: str) -> tuple[int, int | None]:
    """Microseconds since midnight of an ISO time of day, and its offset in seconds (None without one).

    Raises:
        ValueError: the text is no such time.
    """
    match = _TIME_RE.match(text)
    if match is None:
        raise ValueError("not an ISO 8601 time of day")
    groups = match.groups()
    return _clock(*groups[:4]), _offset(*groups[4:])


def parts_from_interval(text: str) -> tuple[int, int, int]:
    """Months, days and microseconds of an ISO duration.

    Raises:
        ValueError: the text is no such duration.
    """
    match = _INTERVAL_RE.match(text)
    if match is None:
        raise ValueError("not an ISO 8601 duration")
    years, months, weeks, days, hours, minutes, seconds, fraction = match.groups()
    micros = (int(hours or 0) * 3600 + int(minutes or 0) * 60 + int(seconds or 0)) * 1_000_000
    parts_of_second = int((fraction or "0").ljust(6, "0"))
    micros += -parts_of_second if (seconds or "").startswith("-") else parts_of_second
    return int(years or 0) * 12 + int(months or 0), int(weeks or 0) * 7 + int(days or 0), micros


def _finite(count: int, infinite: Mapping[int, str]) -> int:
    """The count, unless it is one of the two that stand for infinity, or past them."""
    if min(infinite) < count < max(infinite):
        return count
    raise ValueError("beyond what any database can count")


def _civil(days: int) -> str:
    days += _EPOCH
    era, day_of_era = divmod(days, 146_097)
    year_of_era = (day_of_era - day_of_era // 1460 + day_of_era // 36_524 - day_of_era // 146_096) // 365
    day_of_year = day_of_era - (365 * year_of_era + year_of_era // 4 - year_of_era // 100)
    shifted = (5 * day_of_year + 2) // 153
    day = day_of_year - (153 * shifted + 2) // 5 + 1
    month = shifted + 3 if shifted < 10 else shifted - 9
    year = year_of_era + era * 400 + (month <= 2)
    if 0 <= year <= 9999:
        return f"{year:04}-{month:02}-{day:02}"
    return f"{'-' if year < 0 else '+'}{abs(year):04}-{month:02}-{day:02}"


def _days(year_text: str, month_text: str, day_text: str) -> int:
    year, month, day = int(year_text), int(month_text), int(day_text)
    if not (1 <= month <= 12 and 1 <= day <= _month_length(year, month)):
        raise ValueError("no such day in the calendar")
    year -= month <= 2
    era, year_of_era = divmod(year, 400)
    day_of_year = (153 * (month - 3 if month > 2 else month + 9) + 2) // 5 + day - 1
    return era * 146_097 + year_of_era * 365 + year_of_era // 4 - year_of_era // 100 + day_of_year - _EPOCH


def _month_length(year: int, month: int) -> int:
    if month == 2:
        return 29 if year % 4 == 0 and (year % 100 != 0 or year % 400 == 0) else 28
    return 30 if month in (4, 6, 9, 11) else 31


def _clock(hour: str, minute: str, second: str | None, fraction: str | None) -> int:
    hours, minutes, seconds = int(hour), int(minute), int(second or 0)
    micros = ((hours * 60 + minutes) * 60 + seconds) * 1_000_000 + int((fraction or "0").ljust(6, "0"))
    if minutes > 59 or seconds > 60 or micros > DAY:
        raise ValueError("no such time of day")
    return micros


def _offset(sign: str | None, hour: str | None, minute: str | None, second: str | None, zulu: str | None) -> int | None:
    if zulu is not None:
        return 0
    if sign is None:
        return None
    seconds = int(hour or 0) * 3600 + int(minute or 0) * 60 + int(second or 0)
    if int(minute or 0) > 59 or int(second or 0) > 59 or seconds >= 86_400:
        raise ValueError("no such offset")
    return -seconds if sign == "-" else seconds


def _truncated_divmod(value: int, divisor: int) -> tuple[int, int]:
    """Towards zero, so that all parts have the value's sign."""
    quotient, rest = divmod(abs(value), divisor)
    return (-quotient, -rest) if value < 0 else (quotient, rest)


def _parts(*parts: tuple[int, str]) -> str:
    return "".join(f"{count}{unit}" for count, unit in parts if count)
