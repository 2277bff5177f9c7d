"""The compiled patterns against a second lexer, which walks from character to character as the manuals tell it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from rowgate_server.core.sqltext import fingerprint, parse
from rowgate_server.engines.dialects import Dialect
from rowgate_server.errors import Reason, RowgateError

MYSQL, POSTGRESQL, SQLITE = Dialect.MYSQL, Dialect.POSTGRESQL, Dialect.SQLITE

PIECES = [
    *"'\"`\\-#/*!M:;?|&@<$[]()=,.10aeExX_é中 \t\n\r",
    *("--", "-- ", "/*", "*/", "/*!", "/*M!", "::", ":=", ":a", ":b1", "??", "@?", "?|", "?-|", "''", "\\'", "\n'"),
    *("E'", "e'", "$$", "$a$", "$1", "?1", "@x", "x'", " select ", "begin", "1e5", "\r\n", "\x7f", "\u00a0"),
]
TEXTS = st.lists(st.sampled_from(PIECES), max_size=24).map("".join)

REFUSED = {
    "unclosed": Reason.INVALID_SQL,
    "unclosed comment": Reason.INVALID_SQL,
    "executable": Reason.INVALID_SQL,
    "native": Reason.INVALID_PARAMETER,
    "malformed": Reason.INVALID_PARAMETER,
}


class Token(NamedTuple):
    kind: str
    start: int
    stop: int


class UnclosedError(Exception):
    """Something goes on to the end of the text."""


def starts_name(char: str) -> bool:
    return char > "\x7f" or char == "_" or char.isalpha()


def in_name(char: str) -> bool:
    return starts_name(char) or char == "$" or char.isdigit()


class Reference:
    """The tokens of one text, one after the other."""

    def __init__(self, sql: str, dialect: Dialect) -> None:
        self.sql = sql
        self.dialect = dialect

    def tokens(self) -> Iterator[Token]:
        at = 0
        while at < len(self.sql):
            try:
                kind, stop = self.token(at)
            except UnclosedError:
                kind, stop = ("unclosed comment" if self.sql.startswith("/*", at) else "unclosed"), len(self.sql)
            yield Token(kind, at, stop)
            at = stop

    def token(self, at: int) -> tuple[str, int]:
        readers = {
            MYSQL: (self.comment, self.quoted, self.mysql_word, self.placeholder),
            POSTGRESQL: (self.comment, self.quoted, self.dollar, self.word, self.operator, self.placeholder),
            SQLITE: (self.comment, self.quoted, self.word, self.native, self.placeholder),
        }
        for reader in readers[self.dialect]:
            found = reader(at)
            if found:
                return found
        kinds = {";": "semicolon", **dict.fromkeys(" \t\n\r\f\v", "space")}
        return kinds.get(self.sql[at], "other"), at + 1

    def at(self, index: int) -> str:
        """The character there; past the end, one that is part of nothing."""
        return self.sql[index] if index < len(self.sql) else "\x00"

    def until(self, at: int, ends: str) -> int:
        while at < len(self.sql) and self.sql[at] not in ends:
            at += 1
        return at

    def name_end(self, at: int, *, but: str = "") -> int:
        while in_name(self.at(at)) and self.at(at) not in but:
            at += 1
        return at

    def comment(self, at: int) -> tuple[str, int] | None:
        if self.sql[at] == "#" and self.dialect is MYSQL:
            return "comment", self.until(at, "\n")
        if self.sql.startswith("--", at) and (
            self.dialect is not MYSQL or self.at(at + 2) <= " " or self.at(at + 2) == "\x7f"
        ):
            return "comment", self.until(at, "\n\r" if self.dialect is POSTGRESQL else "\n")
        if self.sql.startswith(("/*!", "/*M!"), at) and self.dialect is MYSQL:
            return "executable", len(self.sql)
        return ("comment", self.comment_end(at + 2)) if self.sql.startswith("/*", at) else None

    def comment_end(self, at: int) -> int:
        depth = 1
        while depth and at < len(self.sql):
            if self.sql.startswith("*/", at):
                depth, at = depth - 1, at + 2
            elif self.sql.startswith("/*", at) and self.dialect is POSTGRESQL:
                depth, at = depth + 1, at + 2
            else:
                at += 1
        if depth and self.dialect is not SQLITE:
            raise UnclosedError
        return at

    def quoted(self, at: int) -> tuple[str, int] | None:
        char, backslash = self.sql[at], self.dialect is MYSQL
        if char in "eE" and self.at(at + 1) == "'" and self.dialect is POSTGRESQL:
            return "string", self.continued(self.quote_end(at + 1, backslash=True))
        if char in {POSTGRESQL: "'"}.get(self.dialect, "'\""):
            return "string", self.quote_end(at, backslash=backslash)
        if char in {POSTGRESQL: '"'}.get(self.dialect, "`"):
            return "name", self.quote_end(at, backslash=False)
        if char == "[" and self.dialect is SQLITE:
            closing = self.sql.find("]", at)
            if closing < 0:
                raise UnclosedError
            return "name", closing + 1
        return None

    def quote_end(self, at: int, *, backslash: bool) -> int:
        quote, at = self.sql[at], at + 1
        while at < len(self.sql):
            if (backslash and self.sql[at] == "\\") or (self.sql[at] == quote == self.at(at + 1)):
                at += 2
            elif self.sql[at] == quote:
                return at + 1
            else:
                at += 1
        raise UnclosedError

    def continued(self, at: int) -> int:
        gap = re.compile(r"(?:[ \t\n\r\f\v]|--[^\n\r]*)*")
        while (found := gap.match(self.sql, at)) and re.search(r"[\n\r]", found[0]) and self.at(found.end()) == "'":
            at = self.quote_end(found.end(), backslash=True)
        return at

    def dollar(self, at: int) -> tuple[str, int] | None:
        if self.sql[at] != "$":
            return None
        if self.at(at + 1).isdigit():
            return "native", at + 2
        tag = self.name_end(at + 1, but="$") if starts_name(self.at(at + 1)) else at + 1
        if self.at(tag) != "$":
            return "other", at + 1
        closing = self.sql.find(self.sql[at : tag + 1], tag + 1)
        if closing < 0:
            raise UnclosedError
        return "string", closing + tag + 1 - at

    def word(self, at: int) -> tuple[str, int] | None:
        return ("word", self.name_end(at)) if starts_name(self.sql[at]) else None

    def mysql_word(self, at: int) -> tuple[str, int] | None:
        return ("word", self.name_end(at)) if in_name(self.sql[at]) else None

    def operator(self, at: int) -> tuple[str, int] | None:
        if self.sql.startswith("??", at):
            return "doubled", at + 2
        if self.sql.startswith("@?", at) and self.at(at + 2) == "?":
            return "other", at + 1
        for symbol in ("<@", "@@", "@?", "?|", "?&", "?-|"):
            if self.sql.startswith(symbol, at):
                return "other", at + len(symbol)
        return None

    def native(self, at: int) -> tuple[str, int] | None:
        if self.sql[at] == "?" and self.at(at + 1).isdigit():
            return "native", at + 2
        colons = at + 1
        while self.sql[at] in "$@:" and self.sql.startswith("::", colons):
            colons += 2
        plain = self.sql[at] == ":" and colons == at + 1 and re.match("[A-Za-z_]", self.at(at + 1))
        return ("native", colons) if self.sql[at] in "$@:" and in_name(self.at(colons)) and not plain else None

    def placeholder(self, at: int) -> tuple[str, int] | None:
        if self.sql[at] == "?":
            return "question", at + 1
        if self.sql[at] != ":":
            return None
        if self.at(at + 1) == ":" or not starts_name(self.at(at + 1)):
            colons = at + 1
            while self.at(colons) == ":":
                colons += 1
            return "other", colons
        name = re.compile("[A-Za-z_0-9]*").match(self.sql, at + 1)
        assert name
        return ("malformed" if in_name(self.at(name.end())) else "named"), name.end()


def expected(sql: str, dialect: Dialect) -> object:
    """What `parse` should say: the reason of an error, or the placeholders and the text of the statement."""
    named: list[str] = []
    questions = 0
    end: int | None = None
    for token in Reference(sql, dialect).tokens():
        if end is not None:
            if token.kind in {"unclosed comment", "executable"}:
                return Reason.INVALID_SQL
            if token.kind not in {"space", "comment", "semicolon"}:
                return Reason.MULTIPLE_STATEMENTS
        elif token.kind in REFUSED:
            return REFUSED[token.kind]
        elif token.kind == "semicolon":
            end = token.start
        elif token.kind == "named":
            named.append(sql[token.start + 1 : token.stop])
        questions += token.kind == "question"
    return tuple(named), questions, sql[:end]


def told(sql: str, dialect: Dialect) -> object:
    """What `parse` says, in the same form."""
    try:
        statement = parse(sql, dialect)
    except RowgateError as error:
        return error.reason
    return statement.named, statement.positional, statement.cuts.bare.fragments[0]


def with_other_values(sql: str, dialect: Dialect) -> str:
    """The same statement with other letters and digits in its literals and comments."""
    pieces = []
    for kind, start, stop in Reference(sql, dialect).tokens():
        piece = sql[start:stop]
        if kind in {"string", "comment"}:
            edges = re.match(r"""(?s)([eE]?['"]).*(['"])|(\$[^$]*\$).*(\$[^$]*\$)""", piece)
            first, last = [part for part in edges.groups() if part] if edges else ("", "")
            piece = first + re.sub("[^\\W_]", "q", piece[len(first) : len(piece) - len(last)]) + last
        pieces.append(piece)
    return "".join(pieces)


@pytest.mark.parametrize("dialect", Dialect)
@settings(max_examples=500)
@given(text=TEXTS)
@example("'a\\'' :b")
@example("E'a'\n'\\'' :b")
@example("e'a'\r'b\\'")
@example("/* a */ :b /* /* ? */ ? */")
@example("@:a, $::b, :::c")
def test_the_patterns_agree_with_a_lexer_that_walks_by_character(dialect: Dialect, text: str) -> None:
    sql = f"select {text}"
    assert told(sql, dialect) == expected(sql, dialect)


@pytest.mark.parametrize("dialect", Dialect)
@settings(max_examples=500)
@given(text=TEXTS)
@example("1e'\\', a, ' b'")
@example("be'\\', a, ' b'")
@example("1$a$ b $a$")
def test_the_shape_is_the_same_whatever_the_literals_hold(dialect: Dialect, text: str) -> None:
    sql = f"select {text}"
    if not isinstance(told(sql, dialect), Reason):
        assert fingerprint(sql, dialect) == fingerprint(with_other_values(sql, dialect), dialect)
