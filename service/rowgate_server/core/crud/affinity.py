"""What a SQLite column takes: its declared type is advice, and its affinity changes values in silence.

SQLite makes `'12'` a number in an INTEGER column, `1.5` text in a TEXT column, and a decimal of twenty digits a double
in a NUMERIC one. So a value is refused that the affinity would change; and one that the declared type has no place for,
where its name is one that the other engines have too: VARCHAR(64) takes 64 characters, TINYINT one byte, DATE dates.
INT and INTEGER take 64 bits, as they do in SQLite. Dates, times and the like go as the text that they are given as.
Affinities: https://www.sqlite.org/datatype3.html#determination_of_column_affinity
"""

from __future__ import annotations

import contextlib
import math
import re
from typing import NamedTuple

from rowgate_server.core.crud import numbers, texts, times
from rowgate_server.core.crud.numbers import Coercer
from rowgate_server.core.crud.unfit import UnfitError, beyond, wrong
from rowgate_server.engines.values import BoundValue, ValueType

_INT64 = 2**63
_WIDTHS = {"tinyint": 8, "smallint": 16, "mediumint": 24}
_DECLARED = re.compile(r"\s*(\w*)[^(]*(?:\(\s*(\d+)\s*(?:,\s*(\d+)\s*)?\))?", re.ASCII)
_TEXTUAL = frozenset({
    *(ValueType.STRING, ValueType.JSON, ValueType.UUID, ValueType.DECIMAL),
    *(ValueType.DATE, ValueType.TIME, ValueType.DATETIME, ValueType.TIMESTAMP, ValueType.INTERVAL),
})  # fmt: skip
_NUMERIC = frozenset({ValueType.BOOL, ValueType.INT, ValueType.UINT, ValueType.DOUBLE, ValueType.DECIMAL})
_LIKE_A_NUMBER = re.compile(r"\s*[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?\s*\Z", re.ASCII)


class _Declared(NamedTuple):
    """A declared type: its first word, and the numbers in its parentheses."""

    word: str
    unsigned: bool
    size: int | None
    scale: int | None


def sqlite_coercer(declared: str) -> Coercer:
    """What a column of this declared type takes."""
    lower = declared.lower()
    match = _DECLARED.match(lower)
    word, size, scale = match.groups() if match else ("", None, None)
    found = _Declared(word, "unsigned" in lower, int(size) if size else None, int(scale) if scale else None)
    if "int" in lower:
        return _integer(found)
    if "char" in lower or "clob" in lower or "text" in lower:
        return _text(found)
    if not lower.strip():
        return _any
    if "blob" in lower or word in ("binary", "varbinary", "bytea"):
        return texts.octets(found.size)
    if "real" in lower or "floa" in lower or "doub" in lower:
        return _without_nan(numbers.double(unsigned=found.unsigned))
    return _numeric(found)


def _any(value: BoundValue) -> BoundValue:
    return value


def _integer(declared: _Declared) -> Coercer:
    width = _WIDTHS.get(declared.word, 64)
    if declared.unsigned:
        return numbers.integer(0, min(2**width, _INT64) - 1)
    return numbers.integer(-(2 ** (width - 1)), 2 ** (width - 1) - 1)


def _text(declared: _Declared) -> Coercer:
    def coerce(value: BoundValue) -> BoundValue:
        if value.type not in _TEXTUAL:
            raise wrong("takes text")
        if declared.size is not None and len(value.value) > declared.size:
            raise beyond(f"holds {declared.size} characters")
        return value

    return coerce


def _numeric(declared: _Declared) -> Coercer:
    """NUMERIC affinity, which everything has that is named otherwise: decimals, booleans, dates, JSON, UUIDs."""
    if declared.word in ("bool", "boolean"):
        return _boolean
    if declared.word in _DECIMALS:
        return _decimal(numbers.decimal(declared.size, declared.scale))
    number = _decimal(numbers.decimal(None, None))
    checks = _CHECKS.get(declared.word)

    def coerce(value: BoundValue) -> BoundValue:
        if value.type in _NUMERIC and (checks is None or declared.word in _ALSO_NUMBERS):
            return number(value)
        if checks is not None:
            _check_any(checks, value)
        elif value.type not in _TEXTUAL and value.type is not ValueType.BYTES:
            raise wrong("takes numbers, text and bytes")
        if value.type is not ValueType.BYTES and _LIKE_A_NUMBER.match(value.value):
            raise wrong("makes a number of text that looks like one")
        # As it was given: text is compared as it is written, and what is there may be written in another form.
        return value

    return coerce


def _boolean(value: BoundValue) -> BoundValue:
    return BoundValue(ValueType.INT, int(numbers.boolean(value).value))


def _decimal(check: Coercer) -> Coercer:
    """Whole numbers of 64 bits, or doubles: SQLite has no decimals, and keeps about 15 digits of longer ones."""

    def coerce(value: BoundValue) -> BoundValue:
        if value.type is ValueType.BOOL:
            raise wrong("takes numbers")
        if value.type is ValueType.DOUBLE and not math.isfinite(value.value):
            return double(value)
        exact = check(value)
        try:
            return whole(exact)
        except UnfitError:
            return double(exact)

    whole, double = numbers.integer(-_INT64, _INT64 - 1), _without_nan(numbers.double())
    return coerce


def _without_nan(convert: Coercer) -> Coercer:
    """SQLite stores NaN as NULL; infinity it has."""

    def coerce(value: BoundValue) -> BoundValue:
        converted = convert(value)
        if math.isnan(converted.value):
            raise beyond("has no NaN")
        return converted

    return coerce


def _check_any(checks: tuple[Coercer, ...], value: BoundValue) -> None:
    """Raise what the last of them has against it, unless it passes one."""
    for check in checks[:-1]:
        with contextlib.suppress(UnfitError):
            check(value)
            return
    checks[-1](value)


_ALL_DIGITS = 6
_DECIMALS = frozenset({"decimal", "numeric", "dec", "fixed", "number"})
_ALSO_NUMBERS = frozenset({"date", "time", "datetime", "timestamp"})
"""SQLite's functions read a number as a Julian day or as seconds since 1970."""
_CHECKS: dict[str, tuple[Coercer, ...]] = {
    "date": (times.date(mysql=False),),
    "time": (times.time_of_day(_ALL_DIGITS, zoned=True), times.time_of_day(_ALL_DIGITS, zoned=False)),
    **dict.fromkeys(
        ("datetime", "timestamp"),
        (times.timestamp(_ALL_DIGITS, mysql=False), times.datetime(_ALL_DIGITS, mysql=False)),
    ),
    "json": (texts.document,),
    "jsonb": (texts.document,),
    "uuid": (texts.identifier,),
}
