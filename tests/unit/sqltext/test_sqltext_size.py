"""A megabyte of any one thing is read in linear time: in any other it would outlast the test's time limit by far."""

from __future__ import annotations

import contextlib
import dataclasses
import itertools
import re

import pytest

from rowgate_server.core.sqltext import MAX_SQL_BYTES, parse
from rowgate_server.core.sqltext.scan import scan
from rowgate_server.core.sqltext.statement import LEXERS
from rowgate_server.engines.dialects import Dialect
from rowgate_server.errors import RowgateError

REPEATED = [
    *("'", '"', "`", "''", "'a'", "\\", "'\\'", "E'\\'", "E'a'\n", "E'a'\n--\n", "x'"),
    *("/*", "*/", "/**/", "/*/", "/* ", "*", "/", "-", "--\n", "#", "#\n", "-- '\n"),
    *("$", "$$", "$a$", "$a$b", "a$", "$::", "[", "[]", "@", "@?", "@:"),
    *("(", ")", ":", "::", ": a", ";", "; ;", "; /*x*/", " ", "\n", "a ", "é", "1e", "<@", "begin ", "or replace "),
]
BEGINNINGS = ["select ", "create trigger t begin ", "create definer="]


@pytest.mark.parametrize("dialect", Dialect)
@pytest.mark.parametrize("beginning", BEGINNINGS)
def test_a_megabyte_of_one_thing_is_read_or_refused(beginning: str, dialect: Dialect) -> None:
    for piece in REPEATED:
        text = beginning + piece * ((MAX_SQL_BYTES - len(beginning)) // len(piece.encode()))
        with contextlib.suppress(RowgateError):
            assert parse(text, dialect).sql == text


def matches(sql: str, dialect: Dialect) -> int:
    """How many matches a pass takes."""
    lexer = LEXERS[dialect]
    counter = itertools.count()

    def counted(text: str, at: int) -> re.Match[str]:
        next(counter)
        return lexer.statement(text, at)

    scan(sql, dataclasses.replace(lexer, statement=counted))
    return next(counter)


@pytest.mark.parametrize("dialect", Dialect)
def test_what_is_inert_is_skipped_in_one_match_however_long(dialect: Dialect) -> None:
    inert = " and a.b = 'it''s' /* note */ -- note\n or (c + 1) in (1, 2) -- :x ?\n"
    assert matches("select " + inert, dialect) == 1
    assert matches("select " + inert * 10_000, dialect) == 1


@pytest.mark.parametrize("dialect", Dialect)
def test_a_pass_takes_one_match_a_placeholder(dialect: Dialect) -> None:
    assert matches("select " + "a = :x and b = ? or " * 10_000, dialect) == 20_001
