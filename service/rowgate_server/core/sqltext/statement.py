"""SQL text to a parsed statement: checked, known by its first keyword, cut at its placeholders."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import lru_cache
from typing import NamedTuple

from rowgate_server.engines.dialects import Dialect
from rowgate_server.engines.values import BoundStatement
from rowgate_server.errors import Reason, RowgateError

from . import mysql, postgresql, sqlite
from .lexer import Lexer, build
from .neighbours import beside_operand
from .scan import Mark, closes, position, scan

MAX_SQL_BYTES = 1_048_576
"""The longest SQL text that is read, in bytes of UTF-8, where no other limit is given."""

CACHED_STATEMENTS = 512
CACHED_BYTES = 4_096

LEXERS = {rules.dialect: build(rules) for rules in (mysql.RULES, postgresql.RULES, sqlite.RULES)}


class ListPlace(NamedTuple):
    """A placeholder behind IN, where a list may stand."""

    number: int  # among the placeholders of its kind, from 0
    grouped: bool  # whether it has parentheses around it already


class Cuts(NamedTuple):
    """The text of a statement, cut at its placeholders of either kind."""

    bare: BoundStatement  # the whole text, for a statement that gets no values
    named: tuple[str, ...]  # around each `:name`
    positional: tuple[str, ...]  # around each `?`, with `?` for `??`
    names: int  # how many names there are, each counted once
    misplaced_name: int  # where a `:name` is that would become part of what stands beside it; -1: nowhere
    misplaced_question: int  # the same for `?`
    optional_questions: bool  # whether a `?` is a placeholder only when there are values for it
    named_lists: tuple[ListPlace, ...]  # the `:name`s where a list may stand
    positional_lists: tuple[ListPlace, ...]  # the same for `?`


@dataclass(frozen=True, slots=True)
class ParsedStatement:
    """One SQL statement, and the placeholders in it.

    Args:
        dialect: how it is written.
        sql: the text as given.
        keyword: its first keyword in upper case: `SELECT`, `WITH`, `INSERT`, ...
        named: the names of its `:name` placeholders in order of appearance, repeats kept.
        positional: how many `?` it has. On PostgreSQL each may also be an operator: see `bind`.
        cuts: the same as text fragments, for `bind`.
    """

    dialect: Dialect
    sql: str = field(repr=False)
    keyword: str
    named: tuple[str, ...]
    positional: int
    cuts: Cuts = field(repr=False)


def parse(sql: str, dialect: Dialect, *, max_bytes: int = MAX_SQL_BYTES) -> ParsedStatement:
    """Read one SQL statement and find its placeholders.

    A `:name` is of ASCII letters, digits and underscores, and does not begin with a digit. Nothing in a literal, a
    quoted name, a comment, or the body of a routine after BEGIN is a placeholder.

    Args:
        sql: the text. Semicolons, whitespace and comments may follow the statement.
        dialect: how it is written.
        max_bytes: the longest text to read, in bytes of UTF-8.

    Raises:
        RowgateError: INVALID_SQL for text that is empty, too long, no text, or not closed somewhere;
            MULTIPLE_STATEMENTS; INVALID_PARAMETER for a placeholder of the database's own or a malformed name.
    """
    _check_size(sql, max_bytes)
    # A character takes at most four bytes, so nothing over CACHED_BYTES gets in.
    if len(sql) <= (CACHED_BYTES if sql.isascii() else CACHED_BYTES // 4):
        return _parse_cached(sql, dialect)
    return _parse(sql, dialect)


def _check_size(sql: str, max_bytes: int) -> None:
    size = len(sql)
    if size <= max_bytes and not sql.isascii():
        try:
            size = len(sql.encode())
        except UnicodeEncodeError as error:
            raise RowgateError(
                Reason.INVALID_SQL,
                f"the SQL is not text at {position(sql, error.start)}: a lone surrogate",
                field="sql",
            ) from None
    if size > max_bytes:
        raise RowgateError(
            Reason.INVALID_SQL, f"the SQL is longer than {max_bytes} bytes", field="sql", limit=f"{max_bytes} bytes"
        )


def _parse(sql: str, dialect: Dialect) -> ParsedStatement:
    nul = sql.find("\x00")
    if nul >= 0:
        raise RowgateError(Reason.INVALID_SQL, f"the SQL holds a NUL at {position(sql, nul)}", field="sql")
    lexer = LEXERS[dialect]
    found = scan(sql, lexer)
    names = [mark for mark in found.marks if mark.kind == "named"]
    named = tuple([sql[mark.start + 1 : mark.stop] for mark in names])
    questions = [mark for mark in found.marks if mark.kind != "named"]
    text = sql[: found.end]
    positional = _fragments(text, questions)
    cuts = Cuts(
        bare=BoundStatement((text,), ()),
        named=_fragments(text, names),
        positional=positional,
        names=len(set(named)),
        misplaced_name=_out_of_place(text, names, lexer),
        misplaced_question=_out_of_place(text, questions, lexer),
        optional_questions=lexer.rules.optional_questions,
        named_lists=_lists(text, names, lexer),
        positional_lists=_lists(text, questions, lexer),
    )
    return ParsedStatement(dialect, sql, found.keyword, named, len(positional) - 1, cuts)


_parse_cached = lru_cache(CACHED_STATEMENTS)(_parse)


def _fragments(text: str, marks: list[Mark]) -> tuple[str, ...]:
    """The text around the marks; one for the operator `?` is no cut, but loses its second character."""
    fragments: list[str] = []
    pieces: list[str] = []
    last = 0
    for kind, start, stop, _ in marks:
        if kind == "doubled":
            pieces.append(text[last : start + 1])
        else:
            fragments.append("".join((*pieces, text[last:start])))
            pieces.clear()
        last = stop
    fragments.append("".join((*pieces, text[last:])))
    return tuple(fragments)


def _lists(text: str, marks: list[Mark], lexer: Lexer) -> tuple[ListPlace, ...]:
    """The placeholders that are all that stands behind an IN: `in :ids`, `in (:ids)`, not `in (:a, :b)`."""
    placeholders = [mark for mark in marks if mark.kind != "doubled"]
    return tuple(
        ListPlace(number, mark.behind == "group")
        for number, mark in enumerate(placeholders)
        if mark.behind == "list" or (mark.behind == "group" and closes(text, mark.stop, lexer))
    )


def _out_of_place(text: str, marks: list[Mark], lexer: Lexer) -> int:
    touching = _touching(text, marks, lexer)
    return beside_operand(text, marks) if touching < 0 and lexer.rules.values_are_literals else touching


def _touching(text: str, marks: list[Mark], lexer: Lexer) -> int:
    """The first placeholder with nothing between it and a word, a number, a literal or another placeholder.

    `1?` would become `15` where a driver writes values into the text, and `?1` would become `$11` where it does not.
    """
    touches = lexer.touching.match
    last = -1
    for kind, start, stop, _ in marks:
        if kind != "doubled":
            if start == last or touches(text, start - 1) or touches(text, stop):
                return start
            last = stop
    return -1
