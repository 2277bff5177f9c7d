"""Defaults of one engine written for another: literals, made the column's kind, and the time."""

from __future__ import annotations

import re

from rowgate_server.core.ddl.expressions import checked, literal, refused
from rowgate_server.core.ddl.kinds import Family, Kind
from rowgate_server.core.ddl.parsing import Call, Cast, Literal, Name, Node, Operation, parsed
from rowgate_server.engines.dialects import Dialect

_CLOCKS = {
    **dict.fromkeys(("current_timestamp", "now", "localtimestamp", "transaction_timestamp"), "CURRENT_TIMESTAMP"),
    **dict.fromkeys(("current_date", "curdate"), "CURRENT_DATE"),
}
_CLOCK = re.compile(r"(\w+)\s*(?:\(\s*\d?\s*\))?\Z")
_MOST_FRACTION = 6
_LARGE = frozenset({Family.TEXT, Family.BYTES, Family.JSON})
"""MySQL takes their defaults only in parentheses."""
_TIME = re.compile(r"(?:\d{4}-\d\d-\d\d)?[ T]?(?:\d\d:\d\d(?::\d\d(?:\.\d+)?)?)?\Z")
_NUMBER = re.compile(r"[-+]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][-+]?\d+)?\Z")
_FITS = {
    **dict.fromkeys((Family.DATE, Family.TIME, Family.DATETIME, Family.TIMESTAMP), _TIME),
    **dict.fromkeys((Family.INTEGER, Family.DECIMAL, Family.FLOAT), _NUMBER),
}
_HEX = re.compile(r"\\x((?:[0-9a-fA-F]{2})*)\Z")
_BOOLS = {"0": "FALSE", "1": "TRUE", "false": "FALSE", "true": "TRUE"}
_BOOL_TEXTS = {"f": "FALSE", "t": "TRUE", "false": "FALSE", "true": "TRUE"}


def ported_default(text: str, kind: Kind | None, source: Dialect, target: Dialect, field: str) -> str:
    """The default of a column of that kind.

    Raises:
        RowgateError: INVALID_REQUEST.
    """
    family = kind.family if kind is not None else None
    if clock := _clock(checked(text, source, field)):
        if target is not Dialect.MYSQL:
            return "CURRENT_DATE" if family is Family.DATE else clock
        if clock == "CURRENT_DATE" or family is Family.DATE:
            return "(CURRENT_DATE)"
        # MySQL wants as many digits as the column has.
        return f"{clock}({_MOST_FRACTION if kind is None or kind.size is None else kind.size})"
    found = _value(parsed(text, source, field))
    written = None if found is None else _written(found, family, source, target)
    if written is None:
        raise refused("this default is not known to mean the same on another engine", field)
    return f"({written})" if target is Dialect.MYSQL and family in _LARGE and written != "NULL" else written


def _clock(text: str) -> str:
    text = text.strip()
    while text.startswith("(") and text.endswith(")"):
        text = text[1:-1].strip()
    found = _CLOCK.match(text)
    return _CLOCKS.get(found[1].lower(), "") if found else ""


def _value(node: Node) -> Literal | None:
    """The literal that it comes down to, a number's sign with it."""
    if isinstance(node, Cast):
        # A type's length would cut it, but PostgreSQL has done so when it took the default.
        return None if node.type in ("regclass", "pg_catalog.regclass") else _value(node.operand)
    if isinstance(node, Operation) and node.operator == "-" and len(node.operands) == 1:
        found = _value(node.operands[0])
        if found is None or found.kind != "number":
            return None
        return Literal("number", found.text[1:] if found.text.startswith("-") else f"-{found.text}")
    if isinstance(node, (Name, Call, Operation)):
        return None
    return node


def _written(found: Literal, family: Family | None, source: Dialect, target: Dialect) -> str | None:
    if found.kind == "null":
        return "NULL"
    if family is Family.BOOLEAN:
        known = _BOOL_TEXTS if found.kind == "text" and source is Dialect.POSTGRESQL else _BOOLS
        return known.get(found.text.lower()) if found.kind != "bytes" else None
    if family is Family.BYTES:
        return _bytes(found, source, target)
    if found.kind == "bytes":
        return None
    if found.kind == "text":
        # PostgreSQL's 'now' is a time too, and 'NaN' a number.
        fits = _FITS.get(family) if family is not None else None
        return None if fits and not fits.match(found.text) else literal(found.text, target)
    return found.text.upper() if found.kind == "bool" else found.text


def _bytes(found: Literal, source: Dialect, target: Dialect) -> str | None:
    digits = found.text if found.kind == "bytes" else None
    if found.kind == "text":
        escaped = _HEX.match(found.text) if source is Dialect.POSTGRESQL else None
        if escaped:
            digits = escaped[1].lower()
        # MySQL tells other bytes than ASCII's as question marks; PostgreSQL has other escapes.
        elif found.text.isascii() and "?" not in found.text and "\\" not in found.text:
            digits = found.text.encode().hex()
    if digits is None:
        return None
    return f"'\\x{digits}'" if target is Dialect.POSTGRESQL else f"x'{digits}'"
