"""Defaults, checks and generation expressions: SQL that a description brings, so it is looked at token by token.

What passes is one expression: nothing in it ends the statement or begins another part of it, or opens a comment. Where
a literal ends is up to each engine's own rules, which the gateway's sessions fix: MySQL takes backslashes for escapes,
PostgreSQL only behind an E, SQLite never.
"""

from __future__ import annotations

import re

from rowgate_server.engines.dialects import Dialect
from rowgate_server.errors import Outcome, Reason, RowgateError

_ESCAPED = r"'(?:[^'\\]|''|\\.)*+'"
_PLAIN = r"'(?:[^']|'')*+'"
_STRINGS = {
    Dialect.MYSQL: rf'(?:[nNxXbB]|_\w+\s*+)?{_ESCAPED}|"(?:[^"\\]|""|\\.)*+"',
    Dialect.POSTGRESQL: rf"[eE]{_ESCAPED}|[nNxXbB]?{_PLAIN}",
    Dialect.SQLITE: rf"[xX]?{_PLAIN}",
}
_NAMES = {
    Dialect.MYSQL: "`(?:[^`]|``)++`",
    Dialect.POSTGRESQL: '"(?:[^"]|"")++"',
    Dialect.SQLITE: r'"(?:[^"]|"")++"|`(?:[^`]|``)++`|\[[^\]]++\]',
}
# Written 0x1f; bits to MySQL, a number to SQLite, and to PostgreSQL not before its version 16.
_HEX = r"0[xX][0-9a-fA-F]+|"
# PostgreSQL has them of JSON and of bits; to MySQL the second begins a comment.
_OPERATORS = {Dialect.MYSQL: "", Dialect.POSTGRESQL: r"\?[|&]?|#>>?|#-?|", Dialect.SQLITE: ""}
TOKENS = {
    dialect: re.compile(
        rf"(?P<space>\s+)|(?P<string>{_STRINGS[dialect]})|(?P<name>{_NAMES[dialect]})"
        rf"|(?P<number>{_HEX}(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?)(?!\w)|(?P<cast>::)|(?P<word>[^\W\d]\w*)"
        rf"|(?P<operator>{_OPERATORS[dialect]}<=>|<>|<=|>=|!=|==|\|\||->>|->|[-+*/%<>=,.()\[\]~&|^!@:])",
        re.DOTALL,
    )
    for dialect in Dialect
}
_COMMENT = re.compile(r"--|/\*|\*/")
_LONGEST = 10_000
_PAIRS = {")": "(", "]": "["}
_MYSQL_ESCAPES = {quote: re.compile(rf"\\(.)|{quote}{quote}", re.DOTALL) for quote in ("'", '"')}
_MEANT = {"n": "\n", "r": "\r", "t": "\t", "b": "\b", "0": "\0", "Z": "\x1a", "%": "\\%", "_": "\\_"}
"""What MySQL means by characters behind a backslash; any other is itself."""


def checked(text: str, dialect: Dialect, field: str) -> str:
    """The expression, which is sure to be one to that engine.

    Raises:
        RowgateError: INVALID_REQUEST.
    """
    if not text.strip() or len(text) > _LONGEST:
        raise refused("the expression is empty or too long", field)
    at, before = 0, ""
    opened: list[str] = []
    while at < len(text):
        # Where a token would begin, and so in no literal and no name.
        if _COMMENT.match(text, at):
            raise refused("the expression has a comment in it", field)
        token = TOKENS[dialect].match(text, at)
        # Of two literals in a row, which PostgreSQL takes for one, the first says how the second ends.
        if token is None or "\0" in token[0] or token.lastgroup == before == "string":
            raise refused("the expression has something in it that the gateway lets nobody write here", field)
        if token.lastgroup == "operator":
            _follow(token[0], opened, field)
        if token.lastgroup != "space":
            before = token.lastgroup or ""
        at = token.end()
    if opened:
        raise refused("the expression's parentheses do not match", field)
    return text


def _follow(operator: str, opened: list[str], field: str) -> None:
    """Keep account of the parentheses that are open."""
    if operator in _PAIRS.values():
        opened.append(operator)
    elif operator in _PAIRS:
        if not opened or opened.pop() != _PAIRS[operator]:
            raise refused("the expression's parentheses do not match", field)
    elif operator == "," and not opened:
        raise refused("there are several expressions", field)


def quoted(name: str, dialect: Dialect) -> str:
    """A name between the engine's quotes."""
    quote = "`" if dialect is Dialect.MYSQL else '"'
    return quote + name.replace(quote, 2 * quote) + quote


def unquoted(name: str) -> str:
    """The name between quotes of any engine."""
    return name[1:-1] if name[0] == "[" else name[1:-1].replace(2 * name[0], name[0])


def literal(text: str, dialect: Dialect) -> str:
    """Text as a literal."""
    text = text.replace("'", "''")
    return "'" + (text.replace("\\", "\\\\") if dialect is Dialect.MYSQL else text) + "'"


def text_of(written: str, dialect: Dialect) -> str | None:
    """The text that a literal stands for; None for bytes and bits."""
    prefix, _, inside = written.partition(written[-1])
    inside, quote = inside[:-1], written[-1]
    if prefix.strip().lower() in ("x", "b", "_binary"):
        return None
    if dialect is Dialect.MYSQL:
        return _MYSQL_ESCAPES[quote].sub(lambda found: _MEANT.get(found[1], found[1]) if found[1] else quote, inside)
    if prefix.lower() == "e":
        # PostgreSQL writes none of these itself, so only the plainest is understood.
        inside = inside.replace("\\\\", "\\") if not re.search(r"(?<!\\)(?:\\\\)*\\[^\\]", inside) else "\0"
        return None if inside == "\0" else inside.replace("''", "'")
    return inside.replace("''", "'")


def refused(message: str, field: str) -> RowgateError:
    """The error of an expression."""
    return RowgateError(
        Reason.INVALID_REQUEST,
        message,
        field=field,
        outcome=Outcome.NOT_RUN,
        hint="leave it out, or make the table with SQL of its engine",
    )
