"""Defaults of one engine written for another: literals that the column holds as they are, and the time.

A default is kept as it was written, and becomes the column's kind in each row: 1.7 is 2 in a column of whole numbers,
and true is a text in one of texts. What would change so is refused, as engines round and cut differently.
"""

from __future__ import annotations

import re

from rowgate_server.core.ddl.expressions import checked, literal, refused
from rowgate_server.core.ddl.kinds import Family, Kind
from rowgate_server.core.ddl.parsing import Cast, Literal, Node, Operation, parsed, within_depth
from rowgate_server.engines.dialects import Dialect

_CLOCKS = {
    **dict.fromkeys(("current_timestamp", "now", "localtimestamp", "transaction_timestamp"), "CURRENT_TIMESTAMP"),
    **dict.fromkeys(("current_date", "curdate"), "CURRENT_DATE"),
}
_CLOCK = re.compile(r"(\w+)\s*(?:\(\s*\d?\s*\))?\Z")
_MOST_FRACTION = 6
_LARGE = frozenset({Family.TEXT, Family.BYTES, Family.JSON})
"""MySQL takes their defaults only in parentheses."""
_DATE, _TIME = r"\d{4}-\d\d-\d\d", r"\d\d:\d\d(?::\d\d(?:\.(?P<fraction>\d+))?)?"
_MOMENT = rf"{_DATE}(?:[ T]{_TIME})?"
_FITS = {
    Family.INTEGER: re.compile(r"[-+]?\d+\Z"),
    Family.DECIMAL: re.compile(r"[-+]?(?=\.?\d)\d*(?:\.(?P<fraction>\d*))?\Z"),
    Family.FLOAT: re.compile(r"[-+]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][-+]?\d+)?\Z"),
    Family.DATE: re.compile(rf"{_DATE}\Z"),
    Family.TIME: re.compile(rf"{_TIME}\Z"),
    Family.DATETIME: re.compile(rf"{_MOMENT}\Z"),
    Family.TIMESTAMP: re.compile(rf"{_MOMENT}\Z"),
}
"""What is a value of the kind: PostgreSQL's 'now' is a time too, and 'NaN' a number."""
_TEXTS = frozenset({Family.CHAR, Family.VARCHAR, Family.TEXT, Family.ENUM})
_NUMBERS = frozenset({Family.INTEGER, Family.DECIMAL, Family.FLOAT})
_WHOLE = re.compile(r"-?(?:0|[1-9]\d*)\Z")
_WHOLE_TYPES = frozenset({"smallint", "integer", "bigint"})
_FLOATS = {"real": 32, "double precision": 64}
_TEXT_TYPES = frozenset({"text", "character varying"})
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
    with within_depth(field):
        found = _value(parsed(text, source, field), kind)
    written = None if found is None else _written(found, kind, source, target)
    if written is None:
        raise refused("this default is not known to mean the same on another engine", field)
    return f"({written})" if target is Dialect.MYSQL and family in _LARGE and written != "NULL" else written


def _clock(text: str) -> str:
    text = text.strip()
    while text.startswith("(") and text.endswith(")"):
        text = text[1:-1].strip()
    found = _CLOCK.match(text)
    return _CLOCKS.get(found[1].lower(), "") if found else ""


def _value(node: Node, kind: Kind | None) -> Literal | None:
    """The literal that it comes down to, a number's sign with it."""
    if isinstance(node, Cast):
        found = _value(node.operand, kind)
        return found if found is not None and _is_kept(found, node, kind) else None
    if isinstance(node, Operation) and node.operator == "-" and len(node.operands) == 1:
        found = _value(node.operands[0], kind)
        if found is None or found.kind != "number":
            return None
        return Literal("number", found.text[1:] if found.text.startswith("-") else f"-{found.text}")
    return node if isinstance(node, Literal) else None


def _is_kept(found: Literal, cast: Cast, kind: Kind | None) -> bool:
    """Whether a cast leaves the literal as it is."""
    if found.kind == "null":
        return True
    if cast.type in _FLOATS:
        return kind is not None and (kind.family, kind.size) == (Family.FLOAT, _FLOATS[cast.type])
    if found.kind == "number":
        return cast.type == "numeric" or (cast.type in _WHOLE_TYPES and _WHOLE.match(found.text) is not None)
    if found.kind == "bool":
        return cast.type == "boolean"
    # A length cuts it; '101' of bits is another number, and a time cast to a date no time.
    inner = cast.operand.type if isinstance(cast.operand, Cast) else "text"
    return inner in _TEXT_TYPES and found.kind == "text" and "(" not in cast.type and "regclass" not in cast.type


def _written(found: Literal, kind: Kind | None, source: Dialect, target: Dialect) -> str | None:
    family = kind.family if kind is not None else None
    if found.kind == "null":
        return "NULL"
    if family is Family.BOOLEAN:
        known = _BOOL_TEXTS if found.kind == "text" and source is Dialect.POSTGRESQL else _BOOLS
        return known.get(found.text.lower()) if found.kind != "bytes" else None
    if family is Family.BYTES:
        return _bytes(found, source, target)
    if found.kind == "bool" and family in _NUMBERS:
        found = Literal("number", "1" if found.text == "true" else "0")
    if found.kind in ("bytes", "bool") or (kind is not None and not _fits(found.text, kind)):
        return None
    if found.kind == "number" and family not in _TEXTS:
        return found.text
    # As a text, 1.50 has its zero on one engine, and not on another.
    return literal(found.text, target) if found.kind == "text" or _WHOLE.match(found.text) else None


def _fits(text: str, kind: Kind) -> bool:
    """Whether it is one of the kind's values, to the last digit."""
    pattern = _FITS.get(kind.family)
    found = pattern.match(text) if pattern else None
    if found is None:
        return pattern is None
    digits = kind.scale if kind.family is Family.DECIMAL else kind.size
    fraction = found.groupdict().get("fraction") or ""
    return digits is None or len(fraction.rstrip("0")) <= digits


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
