"""The days on which the demo shop trades: 2023-01-01 to 2025-12-31, never now."""

from __future__ import annotations

from datetime import date, timedelta

from rowgate_server.demo.dice import Dice

FIRST_YEAR, LAST_YEAR = 2023, 2025
YEARS = range(FIRST_YEAR, LAST_YEAR + 1)
MONTHS = 12 * len(YEARS)
NOVEMBER, DECEMBER = 10, 11  # months count from January = 0

_FIRST = date(FIRST_YEAR, 1, 1)
_DATES = [_FIRST + timedelta(days=n) for n in range((date(LAST_YEAR, 12, 31) - _FIRST).days + 1)]

DAYS = [day.isoformat() for day in _DATES]
"""Every day, as ISO text; a day is told by its index everywhere else."""
LAST = len(DAYS) - 1
WEEKDAY = [day.weekday() for day in _DATES]
SUNDAY = 6
MONTH = [(day.year - FIRST_YEAR) * 12 + day.month - 1 for day in _DATES]
"""The month of each day, from 0, January of the first year, to MONTHS - 1."""
MONTH_END = [DAYS[n] for n in range(LAST + 1) if n == LAST or MONTH[n] != MONTH[n + 1]]
"""The last day of each month."""

_MINUTES = [f"{minute // 60:02}:{minute % 60:02}" for minute in range(24 * 60)]
_SECONDS = [f":{second:02}" for second in range(60)]


def clock(second: int) -> str:
    """The time of a second of the day: `17:05:09`."""
    return _MINUTES[second // 60] + _SECONDS[second % 60]


def waking_second(dice: Dice) -> int:
    """A second of the day between 06:00 and 23:30, more likely in the afternoon."""
    return 21_600 + int((dice() + dice()) * 31_500)


def moment(dice: Dice, day: int) -> str:
    """A time on a day, to the microsecond: `2024-03-31 17:05:09.004211`."""
    return f"{DAYS[day]} {clock(waking_second(dice))}.{int(dice() * 1_000_000):06}"
