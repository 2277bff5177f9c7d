"""Types that PostgreSQL alone has, and whose text it would round or cut without a word: refused where it would.

What is read of them can be written again, but for years BC.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import Any

from rowgate_server.core.crud import numbers, texts
from rowgate_server.core.crud.numbers import Coercer
from rowgate_server.core.crud.unfit import UnfitError, beyond, wrong
from rowgate_server.engines.values import BoundValue, ValueType

_RANGE, _RECORD = "range of ", "record of "
_LONGEST_NAME = 63
"""Bytes, as PostgreSQL is built."""
_LARGEST_XID = 2**32 - 1
_SIZES = re.compile(r"\((\d+)(?:,(\d+))?\)")
_DOLLARS = re.compile(r"(-?)\$(\d{1,3}(?:,\d{3})*(?:\.\d+)?)\Z", re.ASCII)
_BITS = re.compile(r"[01]*\Z")
_BOUND = r'(?:"([^"\\]*)"|([^"\\,()\[\]]*))'
_SPAN = rf"(?:empty|[\[(]{_BOUND},{_BOUND}[\])])"
_ONE_SPAN = re.compile(rf"\s*{_SPAN}\s*\Z", re.IGNORECASE)
_SPANS = re.compile(rf"\s*\{{\s*(?:{_SPAN}\s*(?:,\s*{_SPAN}\s*)*)?\}}\s*\Z", re.IGNORECASE)
_EACH_SPAN = re.compile(_SPAN, re.IGNORECASE)
_NUMBER = re.compile(r"\d+\.?\d*(?:[eE][+-]?\d+)?|\.\d+(?:[eE][+-]?\d+)?", re.ASCII)
_CONTINUOUS = ("double precision", "real")
_WHOLE = frozenset({"integer", "bigint"})
_DIGITS = re.compile(r"[+-]?\d{1,30}\Z", re.ASCII)
_CHECKED = ("numeric", "date", "timestamp")
_SHAPES = frozenset({"point", "line", "lseg", "box", "path", "polygon", "circle"})
# A record's members, which are read from one text, one by one.
_LOSING = re.compile(
    r"record of (?:range of |.*\(|\"char\"|name\b|real\b|double\b|time|date\b|interval\b|xid\b|cid\b"
    r"|point\b|line\b|lseg\b|box\b|path\b|polygon\b|circle\b|jsonb\b)"
)

_Members = Callable[[str], Coercer | None]


def coercer(kinds: Sequence[str], member: _Members) -> Coercer | None:
    """What a column of these types takes; None where it is like any other of text.

    Args:
        kinds: one, or a record's members each.
        member: what the bounds of a range take, by their type.
    """
    kind = kinds[0]
    sizes = _SIZES.search(kind)
    if kind.startswith(_RECORD):
        return _unwritten if any(map(_LOSING.match, kinds)) else None
    if kind.startswith(_RANGE):
        return _range(kind.removeprefix(_RANGE), member)
    if kind.startswith("bit"):
        varying = kind.startswith("bit varying")
        return _bits(int(sizes[1]) if sizes else None if varying else 1, varying=varying)
    if kind.startswith("money") and sizes is not None:
        return _money(int(sizes[2]))
    return _shape if kind in _SHAPES else _FIXED.get(kind)


def _money(scale: int) -> Coercer:
    """Of 64 bits; as `$1,234.50` too, which is how it may be read."""
    exact = numbers.decimal(None, None)

    def coerce(value: BoundValue) -> BoundValue:
        if value.type is ValueType.STRING and (match := _DOLLARS.match(value.value)):
            value = BoundValue(ValueType.DECIMAL, match[1] + match[2].replace(",", ""))
        made = exact(value)
        units = Decimal(made.value).scaleb(scale)
        if units != int(units):
            raise beyond(f"holds {scale} digits behind the point")
        if not -(2**63) <= units < 2**63:
            raise beyond("holds 64 bits of the smallest unit")
        return made

    return coerce


def _bits(length: int | None, *, varying: bool) -> Coercer:
    def coerce(value: BoundValue) -> BoundValue:
        content = _text(value, "takes bits as text, such as 0101")
        if not _BITS.match(content):
            raise wrong("takes bits as text, such as 0101")
        if length is not None and (len(content) > length or (len(content) < length and not varying)):
            raise beyond(f"holds {'up to ' if varying else ''}{length} bits")
        return value

    return coerce


def _range(kind: str, member: _Members) -> Coercer | None:
    """A range, or several of them in braces: each bound a value that its type holds exactly."""
    if kind.startswith(_CONTINUOUS):
        check: Callable[[str], Any] = _check_numbers
    elif kind in _WHOLE:
        check = _check_whole
    elif kind.startswith(_CHECKED) and (convert := member(kind)) is not None:
        exact = convert

        def check(text: str) -> None:
            exact(BoundValue(ValueType.STRING, text))

    else:
        return None
    expected = f"takes ranges of {kind} such as [a,b)"

    def coerce(value: BoundValue) -> BoundValue:
        content = _text(value, expected)
        if not (_ONE_SPAN.match(content) or _SPANS.match(content)):
            raise wrong(expected)
        for match in _EACH_SPAN.finditer(content):
            for bound in filter(None, match.groups()):
                check(bound.strip())
        return value

    return coerce


def _shape(value: BoundValue) -> BoundValue:
    _check_numbers(_text(value, "takes shapes as text, such as (1,2)"))
    return value


def _check_whole(text: str) -> None:
    if not _DIGITS.match(text):
        raise wrong("takes whole numbers as bounds")
    if not -(2**63) <= int(text) < 2**63:
        raise beyond("holds 64 bits")


def _check_numbers(text: str) -> None:
    """Each number in it is one that a double says the same of."""
    for number in _NUMBER.findall(text):
        numbers.exact_double(numbers.decimal(None, None)(BoundValue(ValueType.STRING, number)))


def _character(value: BoundValue) -> BoundValue:
    content = _text(value, "takes one character")
    if len(content) > 1 or not content.isascii() or content == "\0":
        raise beyond("holds one character of ASCII")
    return value


def _transaction(value: BoundValue) -> BoundValue:
    """What is larger, PostgreSQL before 16 takes for something else."""
    content = _text(value, "takes a number as text")
    if not (content.isascii() and content.isdigit()):
        raise wrong("takes a number as text")
    if int(content[:11]) > _LARGEST_XID:
        raise beyond(f"holds 0 to {_LARGEST_XID}")
    return value


def _address(read: Callable[[str], object], expected: str) -> Coercer:
    def coerce(value: BoundValue) -> BoundValue:
        content = _text(value, expected)
        try:
            read(content)
        except ValueError:
            raise wrong(f"{expected}, and this is none") from None
        return value

    return coerce


def _unwritten(value: BoundValue) -> BoundValue:
    del value
    raise UnfitError(
        wrong("").reason, "is a record with members that PostgreSQL rounds or cuts: write it by a statement"
    )


def _text(value: BoundValue, expected: str) -> str:
    if value.type is not ValueType.STRING:
        raise wrong(expected)
    return str(value.value)


_FIXED: dict[str, Coercer] = {
    '"char"': _character,
    "name": texts.text(octets=_LONGEST_NAME, zeros=False),
    "inet": _address(ipaddress.ip_interface, "takes addresses such as 10.1.2.3 or 10.1.2.3/8"),
    "cidr": _address(ipaddress.ip_network, "takes networks such as 10.0.0.0/8"),
    "xid": _transaction,
    "cid": _transaction,
}
