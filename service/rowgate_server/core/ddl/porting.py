"""Expressions of one engine written for another: those that mean the same there; the others are refused.

What is carried over is names of the table's columns, literals, comparisons, logic and plain arithmetic, and a few
functions. Division and LIKE are not: whole numbers divide otherwise, and letters' cases compare otherwise.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from rowgate_server.core.ddl.expressions import TOKEN, checked, quoted, refused
from rowgate_server.engines.dialects import Dialect

_WORDS = frozenset({"and", "or", "not", "in", "is", "null", "between", "true", "false"})
_OPERATORS = frozenset({"<>", "<=", ">=", "!=", "-", "+", "*", "%", "<", ">", "=", ",", "(", ")"})
_CHARACTERS = {Dialect.MYSQL: "char_length", Dialect.POSTGRESQL: "char_length", Dialect.SQLITE: "length"}
_EVERYWHERE = frozenset({"abs", "coalesce", "nullif"})
_CAST = re.compile(
    r'[\w". ]+?(?:\(\d+(?:,\s*\d+)?\))?(?:\s+with(?:out)? time zone)?(?:\[\])?'
    r"(?=\s*(?:[-+*/%<>=,)\]]|$|\b(?i:and|or|is|not)\b))"
)
_STRING = r"'(?:[^'\\]|'')*+'"
# How PostgreSQL tells IN and NOT IN, once the casts are gone.
_ANY = re.compile(rf"(=|<>)\s*(ANY|ALL)\s*(\(+)\s*ARRAY\s*\[((?:{_STRING}|[^'\[\]])*)\]\s*(\)+)", re.IGNORECASE)
_IN = {"=": ("any", "IN"), "<>": ("all", "NOT IN")}
_CLOCKS = {
    "current_timestamp": "CURRENT_TIMESTAMP",
    "now": "CURRENT_TIMESTAMP",
    "localtimestamp": "CURRENT_TIMESTAMP",
    "current_date": "CURRENT_DATE",
    "curdate": "CURRENT_DATE",
}
_CLOCK = re.compile(r"(\w+)\s*(?:\(\s*\d?\s*\))?\Z")
_LITERAL = re.compile(rf"(?:{_STRING}|[-+]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?|null|true|false)\Z", re.IGNORECASE)
_BITS = re.compile(r"b'([01]+)'\Z", re.IGNORECASE)
_DEFAULT_CAST = re.compile(r"(.*?)::[\w\". ]+(?:\(\d+(?:,\s*\d+)?\))?(?:\s+with(?:out)? time zone)?", re.DOTALL)


def ported_default(text: str, source: Dialect, target: Dialect, field: str) -> str:
    """A default of another engine's: a literal, or the time.

    Raises:
        RowgateError: INVALID_REQUEST.
    """
    bare = _bare(checked(text, source, field))
    if _LITERAL.match(bare):
        return bare
    if bits := _BITS.match(bare):
        return str(int(bits[1], 2))
    clock = _CLOCK.match(bare)
    found = _CLOCKS.get(clock[1].lower()) if clock else None
    if found is None:
        raise refused("this default is not known to mean the same on another engine", field)
    return f"({found})" if target is Dialect.MYSQL and found == "CURRENT_DATE" else found


def ported(text: str, columns: Iterable[str], source: Dialect, target: Dialect, field: str) -> str:
    """A condition of another engine's: comparisons, arithmetic and logic of columns and literals.

    Raises:
        RowgateError: INVALID_REQUEST.
    """
    return _Porting(columns, source, target, field).of(
        _without_arrays(_without_casts(checked(text, source, field), field))
    )


class _Porting:
    def __init__(self, columns: Iterable[str], source: Dialect, target: Dialect, field: str) -> None:
        self._columns = frozenset(columns)
        self._folded = {name.casefold(): name for name in self._columns}
        self._source = source
        self._target = target
        self._field = field

    def of(self, text: str) -> str:
        pieces: list[str] = []
        at = 0
        while token := TOKEN.match(text, at):
            at = token.end()
            kind, written = token.lastgroup, token[0]
            if kind == "name":
                pieces.append(self._name(written[1:-1].replace(2 * written[0], written[0])))
            elif kind == "word":
                called = re.match(r"\s*\(", text[at:]) is not None
                pieces.append(self._word(written, called=called))
            elif kind == "operator" and written not in _OPERATORS:
                raise refused(
                    "an operator in the expression is not known to mean the same on another engine", self._field
                )
            elif kind == "string" and written[0] != "'":
                raise refused("a literal in the expression is not known on another engine", self._field)
            else:
                pieces.append(written)
        return "".join(pieces).strip()

    def _name(self, name: str) -> str:
        if name not in self._columns:
            raise refused("a name in the expression is no column of the table", self._field)
        return quoted(name, self._target)

    def _word(self, word: str, *, called: bool) -> str:
        lower = word.lower()
        if lower in _WORDS:
            return word
        if not called:
            return self._name(self._folded.get(word.casefold(), word))
        if lower in _EVERYWHERE:
            return lower
        # MySQL's LENGTH counts bytes.
        if lower in ("char_length", "character_length") or (lower == "length" and self._source is not Dialect.MYSQL):
            return _CHARACTERS[self._target]
        raise refused("a function in the expression is not known to mean the same on another engine", self._field)


def _without_casts(text: str, field: str) -> str:
    pieces: list[str] = []
    at = 0
    while token := TOKEN.match(text, at):
        at = token.end()
        if token.lastgroup != "cast":
            pieces.append(token[0])
            continue
        cast = _CAST.match(text, at)
        if cast is None:
            raise refused("a cast in the expression is not understood", field)
        at = cast.end()
    return "".join(pieces)


def _without_arrays(text: str) -> str:
    def listed(found: re.Match[str]) -> str:
        operator, quantifier, opened, members, closed = found.groups()
        wanted, word = _IN[operator]
        if quantifier.lower() != wanted or len(closed) < len(opened):
            return found[0]
        return f"{word} ({members}){closed[len(opened) :]}"

    return _ANY.sub(listed, text)


def _bare(text: str) -> str:
    """Without the casts and parentheses that PostgreSQL and MariaDB put around literals."""
    text = text.strip()
    while True:
        found = re.fullmatch(r"\((.*)\)", text, re.DOTALL)
        cast = _DEFAULT_CAST.fullmatch(text)
        if found and "(" not in found[1] and ")" not in found[1]:
            text = found[1].strip()
        elif cast:
            text = cast[1].strip()
        else:
            return text
