"""Dates, times and intervals made what a column holds; text in their form is as good as they are.

A column's precision is digits of a second. What has more is refused: MySQL, MariaDB and PostgreSQL round it.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TypeVar

from rowgate_server.core.crud.numbers import Coercer
from rowgate_server.core.crud.unfit import beyond, wrong
from rowgate_server.engines import isotime
from rowgate_server.engines.values import BoundValue, ValueType

_T = TypeVar("_T")

_INT32, _INT64 = 2**31, 2**63
_INFINITE = frozenset({"infinity", "-infinity"})
_SECOND = 1_000_000

_ZERO_DATE = re.compile(r"(?:\d{4}-00-\d\d|\d{4}-\d\d-00)(?=[T ]|\Z)", re.ASCII)
_CLOCK = re.compile(r"[T ](\d\d:\d\d:\d\d(?:\.\d{1,6})?)\Z", re.ASCII)
_ZERO_TIMESTAMP = re.compile(r"0000-00-00[T ]00:00:00(?:\.0{1,6})?(?:[Zz]|[+-]00:?00)\Z")
_ONLY_A_DATE = re.compile(r"[+-]?\d{4,7}-\d\d-\d\d\Z", re.ASCII)
_FOUR_DIGIT_YEAR = re.compile(r"\d{4}-", re.ASCII)
_DURATION = re.compile(r"(-?)(\d{1,3}):([0-5]\d)(?::([0-5]\d)(?:\.(\d{1,6}))?)?\Z", re.ASCII)
_LONGEST_TIME = (838 * 3600 + 59 * 60 + 59) * _SECOND
# MariaDB's TIMESTAMP ends in 2038, or, from 11.5 on, here; its strict mode refuses what a server has not.
_FIRST_TIMESTAMP = "1970-01-01T00:00:01"
_AFTER_TIMESTAMPS = "2106-02-07T06:28:16"

_DATE, _TIME = "takes dates such as 2024-01-31", "takes times such as 23:59:59.000000"
_DATETIME = "takes dates and times without a zone, such as 2024-01-31T23:59:59.000000"
_TIMESTAMP = "takes dates and times with an offset, such as 2024-01-31T23:59:59.000000+00:00"
_MINUTE, _HOUR = 60 * _SECOND, 3600 * _SECOND


def date(*, mysql: bool) -> Coercer:
    """A date; with `mysql` a zero date or one with zeros in it too, else `infinity`."""

    def coerce(value: BoundValue) -> BoundValue:
        text = _text(value, _DATE, ValueType.DATE)
        if not (mysql and _ZERO_DATE.fullmatch(text)):
            _read(isotime.days_from_date, text, _DATE)
            _check_year(text, mysql=mysql)
        return BoundValue(ValueType.DATE, text)

    return coerce


def time_of_day(precision: int, *, zoned: bool) -> Coercer:
    """PostgreSQL's TIME."""
    expected = f"{_TIME} with an offset" if zoned else _TIME

    def coerce(value: BoundValue) -> BoundValue:
        text = _text(value, expected, ValueType.TIME)
        micros, offset = _read(isotime.micros_from_time, text, expected)
        if zoned is (offset is None):
            raise wrong(expected)
        _check_precision(micros, precision)
        return BoundValue(ValueType.TIME, text)

    return coerce


def duration(precision: int) -> Coercer:
    """MySQL's TIME, which also holds an interval of days and less."""

    def coerce(value: BoundValue) -> BoundValue:
        text = _text(value, _TIME, ValueType.TIME, ValueType.INTERVAL)
        micros = _micros(text)
        if abs(micros) >= _LONGEST_TIME + _SECOND:
            raise beyond("holds -838:59:59 to 838:59:59")
        _check_precision(micros, precision)
        sign = "-" if micros < 0 else ""
        return BoundValue(ValueType.TIME, sign + isotime.time_from_micros(abs(micros)))

    return coerce


def _micros(text: str) -> int:
    if text.startswith("P"):
        months, days, micros = _read(isotime.parts_from_interval, text, _TIME)
        if months:
            raise beyond("holds no months")
        return micros + days * isotime.DAY
    match = _DURATION.match(text)
    if match is None:
        raise wrong(_TIME)
    sign, hours, minutes, seconds, fraction = match.groups()
    whole = (int(hours) * 60 + int(minutes)) * 60 + int(seconds or 0)
    micros = whole * _SECOND + int((fraction or "0").ljust(6, "0"))
    return -micros if sign else micros


def datetime(precision: int, *, mysql: bool) -> Coercer:
    """A date and time without a zone; a date is its midnight, in text too."""

    def coerce(value: BoundValue) -> BoundValue:
        text = _text(value, _DATETIME, ValueType.DATETIME, ValueType.DATE)
        if value.type is ValueType.DATE or _ONLY_A_DATE.match(text):
            text = text if text in _INFINITE else f"{text}T00:00:00"
        if mysql and _ZERO_DATE.match(text):
            return BoundValue(ValueType.DATETIME, _with_zeros(text, precision))
        micros, offset = _read(isotime.micros_from_datetime, text, _DATETIME)
        if offset is not None:
            raise wrong(_DATETIME)
        _check_year(text, mysql=mysql)
        if text not in _INFINITE:
            _check_precision(micros, precision)
        return BoundValue(ValueType.DATETIME, isotime.datetime_from_micros(micros))

    return coerce


def _with_zeros(text: str, precision: int) -> str:
    clock = _CLOCK.search(text)
    if clock is None:
        raise wrong(_DATETIME)
    micros, _ = _read(isotime.micros_from_time, clock[1], _DATETIME)
    _check_precision(micros, precision)
    return f"{text[:10]}T{isotime.time_from_micros(micros)}"


def timestamp(precision: int, *, mysql: bool) -> Coercer:
    """A point in time, made one of UTC."""

    def coerce(value: BoundValue) -> BoundValue:
        text = _text(value, _TIMESTAMP, ValueType.TIMESTAMP)
        if mysql and _ZERO_TIMESTAMP.match(text):
            return BoundValue(ValueType.TIMESTAMP, "0000-00-00T00:00:00.000000+00:00")
        micros, offset = _read(isotime.micros_from_datetime, text, _TIMESTAMP)
        if text in _INFINITE and not mysql:
            return BoundValue(ValueType.TIMESTAMP, text)
        if offset is None:
            raise wrong(_TIMESTAMP)
        _check_precision(micros, precision)
        utc = isotime.datetime_from_micros(_shifted(micros, offset))
        if mysql and not (_FOUR_DIGIT_YEAR.match(utc) and _FIRST_TIMESTAMP <= utc < _AFTER_TIMESTAMPS):
            raise beyond(f"begins at {_FIRST_TIMESTAMP} in UTC, and ends in 2038 or 2106")
        return BoundValue(ValueType.TIMESTAMP, f"{utc}+00:00")

    return coerce


def interval(precision: int, last_unit: str) -> Coercer:
    """PostgreSQL's INTERVAL; `last_unit`: the smallest that it keeps, "" for all."""

    def coerce(value: BoundValue) -> BoundValue:
        expected = "takes ISO 8601 durations such as P1DT2H"
        text = _text(value, expected, ValueType.INTERVAL)
        months, days, micros = _read(isotime.parts_from_interval, text, expected)
        if not (abs(months) < _INT32 and abs(days) < _INT32 and abs(micros) < _INT64):
            raise beyond("holds no interval as long as that")
        dropped = {
            "year": months % 12 or days or micros,
            "month": days or micros,
            "day": micros,
            "hour": micros % _HOUR,
            "minute": micros % _MINUTE,
        }
        if dropped.get(last_unit):
            raise beyond(f"keeps nothing smaller than a {last_unit}")
        _check_precision(micros, precision)
        return BoundValue(ValueType.INTERVAL, text)

    return coerce


def _text(value: BoundValue, expected: str, *types: ValueType) -> str:
    if value.type in types or value.type is ValueType.STRING:
        return str(value.value)
    raise wrong(expected)


def _read(parse: Callable[[str], _T], text: str, expected: str) -> _T:
    try:
        return parse(text)
    except ValueError:
        raise wrong(f"{expected}, and this is none") from None


def _shifted(micros: int, offset: int) -> int:
    try:
        return isotime.utc_micros(micros, offset)
    except ValueError:
        raise beyond("holds no point in time as far away as that") from None


def _check_year(text: str, *, mysql: bool) -> None:
    if mysql and not _FOUR_DIGIT_YEAR.match(text):
        raise beyond("holds the years up to 9999")


def _check_precision(micros: int, precision: int) -> None:
    if micros % 10 ** (6 - precision):
        raise beyond(f"keeps {precision} digits of a second")
