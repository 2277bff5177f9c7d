"""Text and bytes made what a column holds: lengths as the engine counts them, labels, JSON, UUIDs."""

from __future__ import annotations

import json
import re
import uuid
from collections.abc import Callable
from typing import Any

from rowgate_server.core.crud.numbers import Coercer
from rowgate_server.core.crud.unfit import beyond, wrong
from rowgate_server.engines.values import BoundValue, ValueType

_TEXTUAL = (ValueType.STRING, ValueType.JSON, ValueType.UUID)
# Stricter than uuid.UUID, which takes `0x...`, underscores and any script's digits.
_UUID = re.compile(r"[0-9A-Fa-f]{8}(-?)([0-9A-Fa-f]{4}\1){3}[0-9A-Fa-f]{12}\Z")


def text(
    *,
    characters: int | None = None,
    octets: int | None = None,
    encoding: str = "",
    zeros: bool = True,
    trimmed: bool = False,
) -> Coercer:
    """Text, JSON and UUIDs, as text.

    Args:
        characters: how many it holds.
        octets: how many bytes it holds.
        encoding: Python's name of the character set in which it keeps them; "": all of Unicode, in UTF-8.
        zeros: whether it holds U+0000.
        trimmed: whether it loses blanks at the end.
    """

    def coerce(value: BoundValue) -> BoundValue:
        if value.type not in _TEXTUAL:
            raise wrong("takes text")
        content = value.value
        if characters is not None and len(content) > characters:
            raise beyond(f"holds {characters} characters")
        if encoding:
            _check_encoding(content, encoding)
        # No character takes more than four bytes: a short text need not be counted.
        if octets is not None and len(content) * 4 > octets and len(content.encode()) > octets:
            raise beyond(f"holds {octets} bytes")
        if trimmed and content.endswith(" "):
            raise beyond("keeps no blanks at the end")
        if not zeros and "\0" in content:
            raise wrong("takes no U+0000")
        return BoundValue(ValueType.STRING, content)

    return coerce


def _check_encoding(content: str, encoding: str) -> None:
    if encoding == "utf-8":  # MySQL's utf8mb3
        if content and max(content) > "\uffff":
            raise beyond("holds characters up to U+FFFF")
        return
    try:
        content.encode(encoding)
    except UnicodeEncodeError:
        raise beyond("has a character set without one of these characters") from None


def octets(longest: int | None = None, *, padded: bool = False) -> Coercer:
    """Bytes, so many at the most; `padded`: fewer are filled up with zeros, as the column does."""

    def coerce(value: BoundValue) -> BoundValue:
        if value.type is not ValueType.BYTES:
            raise wrong("takes bytes")
        if longest is None:
            return value
        if len(value.value) > longest:
            raise beyond(f"holds {longest} bytes")
        return BoundValue(ValueType.BYTES, value.value.ljust(longest, b"\0")) if padded else value

    return coerce


def label(labels: tuple[str, ...]) -> Coercer:
    """One of an ENUM's labels, exactly as it is written."""
    known = frozenset(labels)

    def coerce(value: BoundValue) -> BoundValue:
        if value.type is not ValueType.STRING:
            raise wrong("takes one of its labels, as text")
        if value.value not in known:
            raise beyond("has no such label")
        return value

    return coerce


def label_set(labels: tuple[str, ...]) -> Coercer:
    """Labels of a SET with commas between them, put into the order of its declaration, as the database does."""
    places = {name: place for place, name in enumerate(labels)}

    def coerce(value: BoundValue) -> BoundValue:
        if value.type is not ValueType.STRING:
            raise wrong("takes its labels as text, with commas between them")
        chosen = {name for name in value.value.split(",") if value.value}
        if not chosen <= places.keys():
            raise beyond("has no such label")
        return BoundValue(ValueType.STRING, ",".join(sorted(chosen, key=places.__getitem__)))

    return coerce


def identifier(value: BoundValue) -> BoundValue:
    """A UUID, also as text, in its usual form."""
    if value.type is ValueType.UUID:
        return value
    if value.type is ValueType.STRING and _UUID.match(value.value):
        return BoundValue(ValueType.UUID, str(uuid.UUID(value.value)))
    raise wrong("takes UUIDs such as 123e4567-e89b-12d3-a456-426614174000")


def document(value: BoundValue) -> BoundValue:
    """A JSON document, also as text; its own text is kept."""
    return _document(value, dict)


def parsed_document(value: BoundValue) -> BoundValue:
    """A JSON document of which only what it says is kept: of two members of a name, that would be the last."""
    return _document(value, _members)


def _document(value: BoundValue, members: Callable[[list[tuple[str, Any]]], Any]) -> BoundValue:
    if value.type not in (ValueType.JSON, ValueType.STRING):
        raise wrong("takes JSON")
    try:
        json.loads(
            value.value,
            parse_int=_kept,
            parse_float=_kept,
            parse_constant=_no_constant,
            object_pairs_hook=members,
        )
    except ValueError:
        raise wrong("takes JSON, and this is none") from None
    except RecursionError:
        pass  # nested deeper than Python reads; the database decides
    return BoundValue(ValueType.JSON, value.value)


def _members(pairs: list[tuple[str, Any]]) -> None:
    if len({name for name, _ in pairs}) < len(pairs):
        raise beyond("keeps one member of a name")


def _kept(digits: str) -> str:
    """Numbers are not read: Python refuses integers of more than 4300 digits, JSON has them."""
    return digits


def _no_constant(name: str) -> Any:
    raise ValueError(name)
