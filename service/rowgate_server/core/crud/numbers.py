"""Numbers made what a column holds: whole ones, doubles, decimals, bits."""

from __future__ import annotations

import math
import struct
from collections.abc import Callable
from decimal import Decimal, InvalidOperation

from rowgate_server.core.crud.unfit import beyond, wrong
from rowgate_server.engines.values import BoundValue, ValueType

_INTEGERS = (ValueType.INT, ValueType.UINT)
_INT64 = 2**63
_FLOAT = struct.Struct("<f")
_LONGEST_DECIMAL = 1000
_DIGITS_OF_SINGLES = range(1, 10)
_LARGEST_EXPONENT = 1000
_YEARS = range(1901, 2156)
_NOT_FINITE = frozenset({"NaN", "Infinity", "-Infinity"})

Coercer = Callable[[BoundValue], BoundValue]
"""Makes a value that is not NULL what a column holds, or raises an UnfitError."""


def boolean(value: BoundValue) -> BoundValue:
    """True and false; 1 and 0 too, which is what they are on the other engines."""
    if value.type is ValueType.BOOL:
        return value
    if value.type in _INTEGERS and value.value in (0, 1):
        return BoundValue(ValueType.BOOL, bool(value.value))
    raise wrong("takes true or false")


def integer(low: int, high: int) -> Coercer:
    """Whole numbers of a range, in whatever arm they come: `3`, `3.0` as a double, `3.00` as a decimal, true."""

    def coerce(value: BoundValue) -> BoundValue:
        number = whole(value)
        if not low <= number <= high:
            raise beyond(f"holds {low} to {high}")
        return BoundValue(ValueType.INT if number < _INT64 else ValueType.UINT, number)

    return coerce


def year(value: BoundValue) -> BoundValue:
    """MySQL's YEAR. It takes numbers up to 99 for years of this century or the last, which nobody has said."""
    number = whole(value)
    if number and number not in _YEARS:
        raise beyond("holds 0 and 1901 to 2155")
    return BoundValue(ValueType.INT, number)


def bits(width: int) -> Coercer:
    """MySQL's BIT: a number, or its bytes."""
    of_range = integer(0, 2**width - 1)

    def coerce(value: BoundValue) -> BoundValue:
        if value.type is ValueType.BYTES:
            value = BoundValue(ValueType.UINT, int.from_bytes(value.value, "big"))
        return BoundValue(ValueType.UINT, of_range(value).value)

    return coerce


def whole(value: BoundValue) -> int:
    """The whole number that a value is."""
    if value.type in _INTEGERS or value.type is ValueType.BOOL:
        return int(value.value)
    if value.type is ValueType.DOUBLE:
        if math.isfinite(value.value) and value.value.is_integer():
            return int(value.value)
    elif value.type is ValueType.DECIMAL:
        if value.value not in _NOT_FINITE and not _fraction(value.value):
            return int(value.value.partition(".")[0])
    else:
        raise wrong("takes whole numbers")
    raise beyond("holds whole numbers only")


def double(*, single: bool = False, unsigned: bool = False, scale: int | None = None, finite: bool = False) -> Coercer:
    """Doubles; whole numbers and decimals where they come back as they were.

    Args:
        single: it keeps 24 bits of them. A double becomes the nearest of those, as on its way into any such column:
            to refuse what lies between would be to refuse 0.1. Whole numbers and decimals must stay what they are.
        unsigned: it keeps none below zero.
        scale: it keeps so many digits behind the point.
        finite: it has neither NaN nor infinity.
    """

    def coerce(value: BoundValue) -> BoundValue:
        number = exact_double(value)
        if finite and not math.isfinite(number):
            raise beyond("has neither NaN nor infinity")
        if unsigned and number < 0:
            raise beyond("holds nothing below zero")
        if single:
            number = _nearest_single(number)
            _check_single(value, number)
        if scale is not None and len(_fraction(format(Decimal(repr(number)), "f"))) > scale:
            raise beyond(f"keeps {scale} digits behind the point")
        return BoundValue(ValueType.DOUBLE, number)

    return coerce


def exact_double(value: BoundValue) -> float:
    """The double that a number is; a decimal is one if the double's shortest form says the same."""
    if value.type is ValueType.DOUBLE:
        return float(value.value)
    if value.type is ValueType.DECIMAL:
        return _double_of_decimal(value.value)
    if value.type not in _INTEGERS:
        raise wrong("takes numbers")
    number = float(value.value)
    if int(number) != value.value:
        raise beyond("holds 53 bits of a whole number exactly")
    return number


def _double_of_decimal(text: str) -> float:
    number = float(text)
    if text in _NOT_FINITE:
        return number
    if math.isinf(number) or Decimal(repr(number)) != Decimal(text):
        raise beyond("holds about 15 digits")
    return number


def _check_single(value: BoundValue, nearest: float) -> None:
    if value.type in _INTEGERS and int(nearest) != value.value:
        raise beyond("holds 24 bits of a whole number exactly")
    if value.type is ValueType.DECIMAL and math.isfinite(nearest):
        written = Decimal(value.value)
        if Decimal(nearest) != written and not any(
            Decimal(f"{nearest:.{digits}g}") == written for digits in _DIGITS_OF_SINGLES
        ):
            raise beyond("holds about 7 digits")


def _nearest_single(number: float) -> float:
    try:
        (nearest,) = _FLOAT.unpack(_FLOAT.pack(number))
    except OverflowError:
        raise beyond("ends at 3.4e38") from None
    if number and not nearest:
        raise beyond("has nothing so near to zero")
    return float(nearest)


def decimal(
    precision: int | None, scale: int | None, *, unsigned: bool = False, not_finite: frozenset[str] = frozenset()
) -> Coercer:
    """Decimals of so many digits; whole numbers, text, and doubles as their shortest form.

    Args:
        precision: digits that it holds; None: any number.
        scale: how many of them behind the point; below zero, how many zeros stand before it.
        unsigned: it holds nothing below zero.
        not_finite: what it holds of `NaN`, `Infinity` and `-Infinity`.
    """
    behind = scale or 0

    def coerce(value: BoundValue) -> BoundValue:
        text = decimal_text(value)
        if text in _NOT_FINITE:
            if text not in not_finite:
                raise beyond("holds finite numbers only")
            return BoundValue(ValueType.DECIMAL, text)
        if unsigned and text.startswith("-") and text.strip("-0."):
            raise beyond("holds nothing below zero")
        if precision is not None:
            _check_digits(text, precision, behind)
        return BoundValue(ValueType.DECIMAL, text)

    return coerce


def _check_digits(text: str, precision: int, scale: int) -> None:
    before, fraction = text.lstrip("-").partition(".")[0].lstrip("0"), _fraction(text)
    rounded = scale < 0 and not fraction and before and len(before) - len(before.rstrip("0")) < -scale
    if len(before) > max(precision - scale, 0) or len(fraction) > max(scale, 0) or rounded:
        raise beyond(f"holds {precision} digits, {scale} of them behind the point")
    if scale > precision and fraction[: scale - precision].strip("0"):
        raise beyond(f"holds {precision} digits, from the {scale - precision + 1}th behind the point on")


def decimal_text(value: BoundValue) -> str:
    """A number in plain digits, or one of `NaN`, `Infinity` and `-Infinity`."""
    if value.type is ValueType.DECIMAL:
        return str(value.value)
    if value.type in _INTEGERS:
        return str(value.value)
    if value.type is ValueType.DOUBLE:
        return format(Decimal(repr(value.value)), "f")
    if value.type is ValueType.STRING:
        return _parsed(value.value)
    raise wrong("takes decimal numbers such as -12.30")


def _parsed(text: str) -> str:
    malformed = wrong("takes decimal numbers such as -12.30")
    if len(text) > _LONGEST_DECIMAL or "_" in text or text != text.strip() or not text.isascii():
        raise malformed
    try:
        number = Decimal(text)
    except InvalidOperation:
        raise malformed from None
    if not number.is_finite():
        raise malformed
    if abs(number.adjusted()) > _LARGEST_EXPONENT:
        raise beyond("holds no such number")
    return format(number, "f")


def _fraction(text: str) -> str:
    """The digits behind the point that count."""
    return text.partition(".")[2].rstrip("0")
