"""The shape of a statement, for logs: what it does to which tables, without any of the values in it."""

from __future__ import annotations

import re
from functools import cache, lru_cache

from rowgate_server.engines.dialects import Dialect

from .lexer import NAME_PART, SPACE, Matcher, Rules, loop, matcher
from .scan import span_end
from .statement import CACHED_BYTES, CACHED_STATEMENTS, LEXERS

MAX_READ = 8_192  # characters of the text
MAX_SHAPE = 2_048  # characters of the shape
CUT = "…"

_TOKENS = {"gap": " ", "value": "?", "unclosed": "?", "placeholder": "?"}  # any other stays as it is

_VALUE = r"[-+]?\?"
_COMMA = re.compile(" ?, ?")
_OPENING = re.compile(r"\( ")
_CLOSING = re.compile(r" \)")
_IN_LIST = re.compile(rf"(?i:\b(in)) ?\({_VALUE}(?:, {_VALUE})*+\)")
_ROWS = re.compile(rf"(\({_VALUE}(?:, {_VALUE})*+\))(?:, \({_VALUE}(?:, {_VALUE})*+\))++")


def fingerprint(sql: str, dialect: Dialect) -> str:
    """The statement with `?` for every literal, number and placeholder, and without comments.

    Runs of whitespace become one space, an IN list is `IN (?)` however long, and of several rows of values one is
    left. At most 2,048 characters; `…` at the end says that there was more. Any text has a shape.
    """
    if len(sql) <= (CACHED_BYTES if sql.isascii() else CACHED_BYTES // 4):
        return _shape_cached(sql, dialect)
    return _shape(sql, dialect)


def _shape(sql: str, dialect: Dialect) -> str:
    text = "".join(_tokens(sql[:MAX_READ], dialect)).strip()
    text = _COMMA.sub(", ", text)
    text = _CLOSING.sub(")", _OPENING.sub("(", text))
    text = _ROWS.sub(r"\1", _IN_LIST.sub(r"\1 (?)", text))
    if len(sql) > MAX_READ or len(text) > MAX_SHAPE:
        # Without the list that was cut, so that its length makes no other shape.
        return text[: MAX_SHAPE - len(CUT)].rstrip(" ,(?") + CUT
    return text


_shape_cached = lru_cache(CACHED_STATEMENTS)(_shape)


def _tokens(sql: str, dialect: Dialect) -> list[str]:
    match = token_matcher(dialect)
    tokens = [" "]
    at = 0
    while at < len(sql):
        found = match(sql, at)
        kind, start, at = found.lastgroup, at, found.end()
        piece = _TOKENS.get(kind or "", found[0])
        if kind == "span":
            piece = "?" if sql[start] == "$" else " "
            at = span_end(sql, start, at) or len(sql)
        if piece != " " or tokens[-1] != " ":
            tokens.append(piece)
    return tokens


@cache
def token_matcher(dialect: Dialect) -> Matcher:
    """A pattern that matches one token; where a literal begins and ends is up to the same rules as in `parse`."""
    rules: Rules = LEXERS[dialect].rules
    strings = "|".join(rules.strings)
    number = rf"(?:(?<!{NAME_PART})(?<![\"`\]])\.)?[0-9][0-9.]*+(?:[eE][+-][0-9]++|{rules.word})?"
    gap = "|".join((SPACE, *rules.comments))
    names = "|".join((*rules.names, "::++", rules.word))
    # What is not closed goes on to the end of the text, which may have been cut.
    unclosed = rf"/\*.*+|(?:[eE]?'|[\"`{'[' if dialect is Dialect.SQLITE else ''}]).*+"
    return matcher(
        rf"(?P<gap>(?:{gap}){loop(gap)})|(?P<value>{strings}|{number})|{rules.spans}|(?P<name>{names})"
        rf"|(?P<unclosed>{unclosed})|(?P<placeholder>:[A-Za-z_][0-9A-Za-z_]*+)|(?P<other>.)"
    )
