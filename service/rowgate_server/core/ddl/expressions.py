"""Defaults, checks and generation expressions: SQL that a description brings, so it is looked at token by token.

What passes is one expression whatever the engine: nothing in it ends the statement, opens a comment, or is read in one
way here and in another there (a backslash in a literal). What is more than names, literals and plain operators stays
with its engine.
"""

from __future__ import annotations

import re

from rowgate_server.engines.dialects import Dialect
from rowgate_server.errors import Outcome, Reason, RowgateError

_TOKEN = re.compile(
    r"""(?P<space>\s+)|(?P<string>[nN]?'(?:[^'\\]|'')*+')|(?P<name>"(?:[^"\\]|"")+"|`(?:[^`\\]|``)+`)"""
    r"""|(?P<number>(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?)(?!\w)|(?P<cast>::)|(?P<word>[^\W\d]\w*)"""
    r"""|(?P<operator><>|<=|>=|!=|\|\||->>|->|[-+*/%<>=,.()\[\]~&|^!@:])"""
)
_NOT_TOKENS = re.compile(r"--|/\*|\*/")
_CAST = re.compile(
    r'[\w" ]+?(?:\(\d+(?:,\s*\d+)?\))?(?:\s+with(?:out)? time zone)?(?:\[\])?'
    r"(?=\s*(?:[-+*/%<>=,)|]|$|\b(?i:and|or|is|not)\b))"
)
_LONGEST = 10_000
_PORTABLE_WORDS = frozenset(
    {"and", "or", "not", "in", "is", "null", "between", "like", "true", "false", "any", "array"}
)
_CLOCKS = {
    "current_timestamp": "CURRENT_TIMESTAMP",
    "now": "CURRENT_TIMESTAMP",
    "localtimestamp": "CURRENT_TIMESTAMP",
    "current_date": "CURRENT_DATE",
    "curdate": "CURRENT_DATE",
}
_CLOCK = re.compile(r"(?P<word>\w+)\s*(?:\(\s*\d?\s*\))?\Z")
_LITERAL = re.compile(
    r"(?:'(?:[^'\\]|'')*+'|[-+]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?|null|true|false)\Z", re.IGNORECASE
)


def checked(text: str, field: str) -> str:
    """The expression, which is sure to be one.

    Raises:
        RowgateError: INVALID_REQUEST.
    """
    if not text.strip() or len(text) > _LONGEST:
        raise _refused("the expression is empty or too long", field)
    if _NOT_TOKENS.search(re.sub(r"'(?:[^'\\]|'')*+'", "''", text)):
        raise _refused("the expression has a comment in it", field)
    at, depth = 0, 0
    while at < len(text):
        token = _TOKEN.match(text, at)
        if token is None:
            raise _refused("the expression has something in it that the gateway lets nobody write here", field)
        depth += (token[0] == "(") - (token[0] == ")")
        if depth < 0:
            break
        at = token.end()
    if depth:
        raise _refused("the expression's parentheses do not match", field)
    return text


def ported_default(text: str, target: Dialect, field: str) -> str:
    """A default of another engine's: a literal, or the time.

    Raises:
        RowgateError: INVALID_REQUEST.
    """
    bare = _bare(checked(text, field))
    if _LITERAL.match(bare):
        return bare
    clock = _CLOCK.match(bare)
    if clock and clock["word"].lower() in _CLOCKS:
        return _CLOCKS[clock["word"].lower()]
    del target
    raise _refused("this default is not known to mean the same on another engine", field)


def ported(text: str, target: Dialect, field: str) -> str:
    """A condition of another engine's: comparisons, arithmetic and logic of columns and literals.

    Raises:
        RowgateError: INVALID_REQUEST.
    """
    text = checked(text, field)
    pieces: list[str] = []
    at = 0
    while at < len(text):
        token = _TOKEN.match(text, at)
        if token is None:
            break
        at = token.end()
        if token.lastgroup == "cast":
            cast = _CAST.match(text, at)
            if cast is None:
                raise _refused("a cast in the expression is not understood", field)
            at = cast.end()
        elif token.lastgroup == "name":
            pieces.append(quoted(token[0][1:-1].replace(2 * token[0][0], token[0][0]), target))
        elif token.lastgroup == "word" and token[0].lower() not in _PORTABLE_WORDS:
            if re.match(r"\s*\(", text[at:]):
                raise _refused("a function in the expression is not known to mean the same on another engine", field)
            pieces.append(quoted(token[0], target))
        elif token[0] in {"||", "~", "^", "&", "|", "->", "->>", "[", "]", "@", ":", "!"} or token[0].lower() in {
            "any",
            "array",
        }:
            raise _refused("an operator in the expression is not known to mean the same on another engine", field)
        else:
            pieces.append(token[0])
    return "".join(pieces).strip()


def quoted(name: str, dialect: Dialect) -> str:
    """A name between the engine's quotes."""
    quote = "`" if dialect is Dialect.MYSQL else '"'
    return quote + name.replace(quote, 2 * quote) + quote


def literal(text: str, dialect: Dialect) -> str:
    """Text as a literal."""
    text = text.replace("'", "''")
    return "'" + (text.replace("\\", "\\\\") if dialect is Dialect.MYSQL else text) + "'"


def _bare(text: str) -> str:
    """Without the casts and parentheses that PostgreSQL and MariaDB put around literals."""
    text = text.strip()
    while True:
        found = re.fullmatch(r"\((.*)\)", text, re.DOTALL)
        cast = re.fullmatch(r"(.*?)::[\w\" ]+(?:\(\d+(?:,\s*\d+)?\))?(?:\s+with(?:out)? time zone)?", text, re.DOTALL)
        if found and "(" not in found[1] and ")" not in found[1]:
            text = found[1].strip()
        elif cast:
            text = cast[1].strip()
        else:
            return text


def _refused(message: str, field: str) -> RowgateError:
    return RowgateError(
        Reason.INVALID_REQUEST,
        message,
        field=field,
        outcome=Outcome.NOT_RUN,
        hint="leave it out, or make the table with SQL of its engine",
    )
