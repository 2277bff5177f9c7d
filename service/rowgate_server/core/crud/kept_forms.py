"""The usual form of decimals, dates and times: what is written so goes into its column as it is, seen at one look.

Narrower than what `coercion` lets through: it says the same of what matches, and has the last word on all else.
"""

from __future__ import annotations

import re
from functools import lru_cache

from rowgate_server.core.tables import TableColumn
from rowgate_server.engines.dialects import Dialect
from rowgate_server.engines.values import ValueType

_ALL_DIGITS = 6
# Days that each month has; years that each engine has.
_DAY = r"-(?:0[1-9]|1[0-2])-(?:0[1-9]|1[0-9]|2[0-8])"
_CLOCK = r"T(?:[01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9]\.[0-9]{6}"
_DATE = re.compile(rf"[1-9][0-9]{{3}}{_DAY}\Z")
_DATETIME = re.compile(rf"[1-9][0-9]{{3}}{_DAY}{_CLOCK}\Z")
_TIMESTAMP = re.compile(rf"(?:19[89]|20[0-2])[0-9]{_DAY}{_CLOCK}\+00:00\Z")


def as_it_is_kept(column: TableColumn, kind: ValueType, dialect: Dialect) -> re.Pattern[str] | None:
    """What cells of this kind match that go into the column as they are; None where there is no telling."""
    if kind is not column.type:
        return None
    if kind is ValueType.DECIMAL:
        return _decimal(column.precision, column.scale or 0, " unsigned" in column.database_type)
    if kind is ValueType.DATE:
        return _DATE
    if kind in _MOMENTS and (column.precision == _ALL_DIGITS or (column.precision is None and dialect in _KEEPS_ALL)):
        return _MOMENTS[kind]
    return None


@lru_cache(maxsize=256)
def _decimal(precision: int | None, scale: int, unsigned: bool) -> re.Pattern[str] | None:
    sign = "" if unsigned else "-?"
    if precision is None:
        return re.compile(rf"{sign}[0-9]{{1,1000}}(?:\.[0-9]{{1,1000}})?\Z")
    if not 0 <= scale < precision:
        return None
    fraction = rf"(?:\.[0-9]{{1,{scale}}})?" if scale else ""
    return re.compile(rf"{sign}[0-9]{{1,{precision - scale}}}{fraction}\Z")


_MOMENTS = {ValueType.DATETIME: _DATETIME, ValueType.TIMESTAMP: _TIMESTAMP}
_KEEPS_ALL = frozenset({Dialect.POSTGRESQL})
"""Of the fraction of a second, where no number of digits is declared."""
