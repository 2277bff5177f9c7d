r"""SQL text as tokens, finished or not: sqlparse's lexer, with rules that know each dialect's literals.

Its own rules take `\'` for an escape on every engine, and fall apart at a quote that is not closed; these run to the
end of the text instead.
"""

from __future__ import annotations

import re
from functools import cache
from typing import Any

from sqlparse import keywords
from sqlparse import tokens as kinds
from sqlparse.lexer import Lexer

from rowgate_server.core.completion.records import Kind, Token
from rowgate_server.engines.dialects import Dialect

_CLOSING = {'"': '"', "`": "`", "[": "]"}
_QUOTES = frozenset(_CLOSING)
_BACKSLASHES = r"(?:''|\\[\s\S]|[^'\\])*+"
_PLAIN = (r"'(?:''|[^'])*+'", kinds.Literal), (r"'[\s\S]*", kinds.Literal.Open)
_ESCAPED = (rf"'{_BACKSLASHES}'", kinds.Literal), (r"'[\s\S]*", kinds.Literal.Open)
_COMMENTS = (r"/\*[\s\S]*?\*/", kinds.Comment), (r"/\*[\s\S]*", kinds.Comment.Open)
_LINES = (r"--[^\n]*", kinds.Comment.Open)
_DOUBLE = (r'"(?:""|[^"])*+"', kinds.Name), (r'"[\s\S]*', kinds.Name.Open)
_BACKTICKS = (r"`(?:``|[^`])*+`", kinds.Name), (r"`[\s\S]*", kinds.Name.Open)
_LITERALS: dict[Dialect, list[tuple[str, Any]]] = {
    Dialect.MYSQL: [
        (r"--(?=\s|\Z)[^\n]*|#[^\n]*", kinds.Comment.Open),
        *_COMMENTS,
        *_ESCAPED,
        (r'"(?:""|\\[\s\S]|[^"\\])*+"', kinds.Literal),
        (r'"[\s\S]*', kinds.Literal.Open),
        *_BACKTICKS,
        (r"@@?[\w.$]*", kinds.Literal.Open),
    ],
    Dialect.POSTGRESQL: [
        _LINES,
        *_COMMENTS,
        (rf"E'{_BACKSLASHES}'", kinds.Literal),
        (r"E'[\s\S]*", kinds.Literal.Open),
        *_PLAIN,
        (r"(\$(?:[^\W\d]\w*)?\$)[\s\S]*?\1", kinds.Literal),
        (r"\$(?:[^\W\d]\w*)?\$[\s\S]*", kinds.Literal.Open),
        *_DOUBLE,
    ],
    Dialect.SQLITE: [
        _LINES,
        *_COMMENTS,
        *_PLAIN,
        *_DOUBLE,
        *_BACKTICKS,
        (r"\[[^\]]*+\]", kinds.Name),
        (r"\[[\s\S]*", kinds.Name.Open),
    ],
}
"""Open is what becomes longer by what is typed behind it."""
_OTHERS: list[tuple[str, Any]] = [
    (r"\s+", kinds.Whitespace),
    (r"::", kinds.Operator),
    (r":\w+|\$\d+|\?", kinds.Literal.Open),
    (r"(?:\d+(?:\.\d*)?|\.\d+)(?:e[+-]?\d+)?(?!\w)", kinds.Literal.Open),
    (r"[^\W\d][\w$]*", kinds.Name),
    (r"<>|<=|>=|!=|\|\||.", kinds.Operator),
]
# The words that tell where one is. Every other word may be a name, and mostly is where it stands: `from plan as p`.
_WORDS = """
SELECT DISTINCT ALL FROM JOIN INNER LEFT RIGHT FULL OUTER CROSS NATURAL LATERAL ONLY STRAIGHT_JOIN ON USING WHERE GROUP
ORDER BY HAVING LIMIT OFFSET FETCH FOR WINDOW UNION EXCEPT INTERSECT WITH RECURSIVE MATERIALIZED AS INSERT INTO VALUES
UPDATE SET DELETE RETURNING TABLE CREATE ALTER DROP VIEW INDEX AND OR NOT IN IS LIKE ILIKE BETWEEN EXISTS CASE WHEN THEN
ELSE END NULL ASC DESC DESCRIBE EXPLAIN INTERVAL
"""
_KEYWORDS = frozenset(_WORDS.split())
_MOST_CUTS = 8
"""Quotes that are cut short: each has the rest looked at anew."""
_BEHIND_NAMES = re.compile(r"[,\n]")
_WORD = re.compile(r"\w+")
_QUOTED_TEXT = re.compile(r"[eE]?['\"]")


def tokenise(sql: str, dialect: Dialect, cursor: int | None = None) -> list[Token]:
    """Every token of the text, whitespace and comments among them.

    Without a cursor the text is one that is finished. In one that is being written, a quote that is never closed is
    most likely still to be closed: a name where the cursor is, or its first word ends if there is a comma before that;
    a text at the end of its line.
    """
    found: list[Token] = []
    begin = 0
    for _ in range(_MOST_CUTS if cursor is not None else 0):
        cut = _tokenise(sql, dialect, cursor, begin, found)
        if cut is None:
            return found
        begin = cut
    _tokenise(sql, dialect, None, begin, found)
    return found


def _tokenise(sql: str, dialect: Dialect, cursor: int | None, begin: int, found: list[Token]) -> int | None:
    """Add the tokens from a place on; the place where a quote is cut short, and the rest begins."""
    at = begin
    for kind, text in _lexer(dialect).get_tokens(sql[begin:]):
        end = at + len(text)
        token = _token(kind, text, at, end)
        if cursor is not None and not token.closed:
            cut = _cut(token, text, cursor)
            if cut < end:
                found.append(_token(kind, text[: cut - at], at, cut))
                return cut
        if token.kind is Kind.KEYWORD and found and found[-1].end == at and found[-1].text == ".":
            token = Token(Kind.NAME, at, end, text)  # `o.table`
        found.append(token)
        at = end
    return None


def _cut(token: Token, text: str, cursor: int) -> int:
    """Where an unclosed quote ends."""
    if token.quoted:
        if token.start < cursor <= token.end and not _BEHIND_NAMES.search(text, 0, cursor - token.start):
            return cursor
        word = _WORD.match(text, 1)
        return token.start + (word.end() if word is not None else 1)
    if token.kind is Kind.LITERAL and _QUOTED_TEXT.match(text):
        line = text.find("\n")
        return token.end if line < 0 else token.start + line
    return token.end


def all_keywords() -> list[str]:
    """Every keyword there is."""
    return sorted(set(keywords.KEYWORDS) | set(keywords.KEYWORDS_COMMON))


@cache
def _lexer(dialect: Dialect) -> Any:
    lexer: Any = Lexer()
    lexer.clear()
    lexer.set_SQL_REGEX([*_LITERALS[dialect], *_OTHERS])
    return lexer


def _token(kind: Any, text: str, start: int, end: int) -> Token:
    closed = kind[-1] != "Open"
    if kind in kinds.Whitespace:
        return Token(Kind.SPACE, start, end, text)
    if kind in kinds.Comment:
        return Token(Kind.COMMENT, start, end, text, closed=closed)
    if kind in kinds.Literal:
        return Token(Kind.LITERAL, start, end, text, closed=closed)
    if kind in kinds.Name and text[0] in _QUOTES:
        quote = _CLOSING[text[0]]
        name = text[1:-1] if closed else text[1:]
        return Token(Kind.NAME, start, end, name.replace(quote * 2, quote), quoted=True, closed=closed)
    if kind in kinds.Operator:
        return Token(Kind.OPERATOR, start, end, text)
    upper = text.upper()
    return Token(Kind.KEYWORD, start, end, upper) if upper in _KEYWORDS else Token(Kind.NAME, start, end, text)
