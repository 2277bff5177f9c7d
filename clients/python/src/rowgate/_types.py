"""What SQL has and Python has not: JSON as text, intervals, and dates and times out of Python's range."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import Any, Final, Self

_SECOND: Final = 1_000_000
_MINUTE: Final = 60 * _SECOND
_HOUR: Final = 60 * _MINUTE

_DURATION: Final = re.compile(
    r"P(?=.)(?:([+-]?\d+)Y)?(?:([+-]?\d+)M)?(?:([+-]?\d+)W)?(?:([+-]?\d+)D)?"
    r"(?:T(?=.)(?:([+-]?\d+)H)?(?:([+-]?\d+)M)?(?:([+-]?)(\d+)(?:\.(\d{1,6}))?S)?)?",
    re.ASCII,
)
_CLOCK_DURATION: Final = re.compile(r"([+-]?)(\d+):([0-5]\d):([0-5]\d)(?:\.(\d{1,6}))?", re.ASCII)


class ColumnType(StrEnum):
    """What the cells of a column are, in the words of `ColumnType` in `result.proto`."""

    UNSPECIFIED = "UNSPECIFIED"
    """Not told, or told in a word that is newer than this client."""
    BOOL = "BOOL"
    INT = "INT"
    UINT = "UINT"
    DOUBLE = "DOUBLE"
    DECIMAL = "DECIMAL"
    STRING = "STRING"
    BYTES = "BYTES"
    DATE = "DATE"
    TIME = "TIME"
    DATETIME = "DATETIME"
    TIMESTAMP = "TIMESTAMP"
    JSON = "JSON"
    UUID = "UUID"
    INTERVAL = "INTERVAL"
    LIST = "LIST"
    DYNAMIC = "DYNAMIC"
    """Told cell by cell: SQLite lets any cell hold any type, whatever its column declares."""


class Json(str):
    """A JSON document as text, exactly as the database has it; as a parameter, text that is JSON.

    `Json('{"a": 1}')` takes text, `Json.dumps({"a": 1})` makes the text, `document.loads()` reads it.
    """

    __slots__ = ()

    @classmethod
    def dumps(cls, document: Any) -> Self:
        """The document as JSON text.

        Raises:
            TypeError: it holds something that JSON has no form for.
            ValueError: it holds NaN or an infinity, or holds itself.
        """
        return cls(json.dumps(document, ensure_ascii=False, allow_nan=False, separators=(",", ":")))

    def loads(self, *, parse_float: Callable[[str], Any] | None = None) -> Any:
        """The document as Python objects; `parse_float=Decimal` keeps every digit.

        Raises:
            ValueError: the text is not JSON.
        """
        return json.loads(self, parse_float=parse_float)


class TemporalText(str):
    """A date, time or interval that Python's own types can't hold, as the gateway's ISO 8601 text.

    MySQL's `0000-00-00` and a TIME of `-838:59:59.000000`, PostgreSQL's `infinity`, `24:00:00.000000` and years
    past 9999 or before 1. As a parameter it goes out as its `type`, so what was read can be written back.

    Args:
        text: the text, as `value.proto` gives it.
        type: DATE, TIME, DATETIME, TIMESTAMP or INTERVAL.

    Raises:
        ValueError: the type is none of these.
    """

    __slots__ = ("type",)

    type: ColumnType

    def __new__(cls, text: str, type: ColumnType) -> Self:  # noqa: A002 - the word of Column.type
        """Keep the type beside the text."""
        if type not in _TEMPORAL:
            raise ValueError(f"the type of a TemporalText is one of {', '.join(_TEMPORAL)}")
        self = super().__new__(cls, text)
        self.type = type
        return self

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (str(self), self.type)

    def as_timedelta(self) -> timedelta:
        """A TIME of MySQL or MariaDB as what it is: a duration.

        Raises:
            ValueError: it is no TIME.
        """
        match = _CLOCK_DURATION.fullmatch(self) if self.type is ColumnType.TIME else None
        if match is None:
            raise ValueError(f"{self} is no duration")
        sign, hours, minutes, seconds, fraction = match.groups()
        duration = timedelta(
            hours=int(hours), minutes=int(minutes), seconds=int(seconds), microseconds=_micros(fraction)
        )
        return -duration if sign == "-" else duration


_TEMPORAL: Final = (
    ColumnType.DATE,
    ColumnType.TIME,
    ColumnType.DATETIME,
    ColumnType.TIMESTAMP,
    ColumnType.INTERVAL,
)


@dataclass(frozen=True, slots=True)
class Interval:
    """An SQL interval: three counts that do not add up into each other, for months and days vary in length.

    Attributes:
        months: months; 12 to a year.
        days: days; 7 to a week.
        microseconds: the rest.
    """

    months: int = 0
    days: int = 0
    microseconds: int = 0

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read an ISO 8601 duration: `P1Y2M3DT4H5M6.700000S`, each part with a sign of its own.

        Raises:
            ValueError: the text is none.
        """
        match = _DURATION.fullmatch(text)
        if match is None:
            raise ValueError(f"{text!r} is not an ISO 8601 duration")
        years, months, weeks, days, hours, minutes, sign, seconds, fraction = match.groups()
        rest = int(seconds or 0) * _SECOND + _micros(fraction)
        return cls(
            months=int(years or 0) * 12 + int(months or 0),
            days=int(weeks or 0) * 7 + int(days or 0),
            microseconds=int(hours or 0) * _HOUR + int(minutes or 0) * _MINUTE + (-rest if sign == "-" else rest),
        )

    @classmethod
    def from_timedelta(cls, duration: timedelta) -> Self:
        """The same duration: whole days as `days`, the rest as `microseconds`, both with one sign."""
        sign = -1 if duration < timedelta(0) else 1
        size = abs(duration)
        return cls(days=sign * size.days, microseconds=sign * (size.seconds * _SECOND + size.microseconds))

    def as_timedelta(self) -> timedelta:
        """The same duration, with 24 hours to a day.

        Raises:
            ValueError: it has months, which have no one length.
            OverflowError: it is beyond timedelta's range.
        """
        if self.months:
            raise ValueError(f"{self} has months, which have no one length")
        return timedelta(days=self.days, microseconds=self.microseconds)

    def __str__(self) -> str:
        years, months = _towards_zero(self.months, 12)
        hours, rest = _towards_zero(self.microseconds, _HOUR)
        minutes, rest = _towards_zero(rest, _MINUTE)
        date = "".join(f"{count}{unit}" for count, unit in ((years, "Y"), (months, "M"), (self.days, "D")) if count)
        time = "".join(f"{count}{unit}" for count, unit in ((hours, "H"), (minutes, "M")) if count) + _seconds(rest)
        if time:
            return f"P{date}T{time}"
        return f"P{date}" if date else "PT0S"


def _seconds(micros: int) -> str:
    if not micros:
        return ""
    seconds, fraction = divmod(abs(micros), _SECOND)
    return f"{'-' if micros < 0 else ''}{seconds}" + (f".{fraction:06}S" if fraction else "S")


def _micros(fraction: str | None) -> int:
    """Microseconds of the digits after a decimal point."""
    return int((fraction or "0").ljust(6, "0"))


def _towards_zero(count: int, unit: int) -> tuple[int, int]:
    """Quotient and rest, both with the count's sign."""
    whole, rest = divmod(abs(count), unit)
    return (-whole, -rest) if count < 0 else (whole, rest)
