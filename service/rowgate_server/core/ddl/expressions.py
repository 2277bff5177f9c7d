"""Defaults, checks and generation expressions: SQL that a description brings, so it is looked at token by token.

What passes is one expression: nothing in it ends the statement or begins another part of it, opens
a comment, or is read in one way here and in another there (a backslash in a literal).
"""

from __future__ import annotations

import re

from rowgate_server.engines.dialects import Dialect
from rowgate_server.errors import Outcome, Reason, RowgateError

TOKEN = re.compile(
    r"""(?P<space>\s+)|(?P<string>[nN]?'(?:[^'\\]|'')*+')|(?P<name>"(?:[^"\\]|"")+"|`(?:[^`\\]|``)+`)"""
    r"""|(?P<number>(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?)(?!\w)|(?P<cast>::)|(?P<word>[^\W\d]\w*)"""
    r"""|(?P<operator><>|<=|>=|!=|\|\||->>|->|[-+*/%<>=,.()\[\]~&|^!@:])"""
)
_COMMENT = re.compile(r"--|/\*|\*/")
_LONGEST = 10_000


def checked(text: str, dialect: Dialect, field: str) -> str:
    """The expression, which is sure to be one to that engine.

    Raises:
        RowgateError: INVALID_REQUEST.
    """
    if not text.strip() or len(text) > _LONGEST:
        raise refused("the expression is empty or too long", field)
    at, open_now = 0, ""
    while at < len(text):
        # Where a token would begin, and so in no literal and no name.
        if _COMMENT.match(text, at):
            raise refused("the expression has a comment in it", field)
        token = TOKEN.match(text, at)
        if token is None or (token[0][0] == "`" and dialect is Dialect.POSTGRESQL):
            raise refused("the expression has something in it that the gateway lets nobody write here", field)
        if token[0] in ("(", "["):
            open_now += token[0]
        elif token[0] in (")", "]"):
            if open_now[-1:] + token[0] not in ("()", "[]"):
                raise refused("the expression's parentheses do not match", field)
            open_now = open_now[:-1]
        elif token[0] == "," and not open_now:
            raise refused("there are several expressions", field)
        at = token.end()
    if open_now:
        raise refused("the expression's parentheses do not match", field)
    return text


def quoted(name: str, dialect: Dialect) -> str:
    """A name between the engine's quotes."""
    quote = "`" if dialect is Dialect.MYSQL else '"'
    return quote + name.replace(quote, 2 * quote) + quote


def literal(text: str, dialect: Dialect) -> str:
    """Text as a literal."""
    text = text.replace("'", "''")
    return "'" + (text.replace("\\", "\\\\") if dialect is Dialect.MYSQL else text) + "'"


def refused(message: str, field: str) -> RowgateError:
    """The error of an expression."""
    return RowgateError(
        Reason.INVALID_REQUEST,
        message,
        field=field,
        outcome=Outcome.NOT_RUN,
        hint="leave it out, or make the table with SQL of its engine",
    )
