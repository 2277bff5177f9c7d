"""Patterns: read once, and written so that each engine means the same."""

from __future__ import annotations

import re
import sqlite3

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rowgate_server.core.crud import patterns
from rowgate_server.core.crud.patterns import Wild
from rowgate_server.engines.dialects import Dialect
from rowgate_server.engines.dialects.sqlite import functions

_CHARACTERS = "aAbB%_\\!*?[]^-{}()|.+$' \n中"


@pytest.mark.parametrize(
    ("text", "pattern"),
    [
        ("", ()),
        ("abc", ("abc",)),
        ("a%b_c", ("a", Wild.RUN, "b", Wild.ONE, "c")),
        ("%%%", (Wild.RUN,)),
        ("a\\%b\\_c\\\\d", ("a%b_c\\d",)),
        ("a\\", ("a\\",)),
        ("\\a\n", ("a\n",)),
        ("_%_", (Wild.ONE, Wild.RUN, Wild.ONE)),
    ],
)
def test_a_backslash_takes_the_next_as_it_is(text: str, pattern: patterns.Pattern) -> None:
    assert patterns.read(text) == pattern


def _regex(pattern: patterns.Pattern) -> re.Pattern[str]:
    wild = {Wild.RUN: ".*", Wild.ONE: "."}
    return re.compile("".join(wild[p] if isinstance(p, Wild) else re.escape(p) for p in pattern), re.DOTALL)


@given(st.text(_CHARACTERS, max_size=8), st.text(_CHARACTERS, max_size=8))
def test_sqlite_finds_what_the_pattern_means(text: str, cell: str) -> None:
    pattern = patterns.read(text)
    connection = sqlite3.connect(":memory:")
    (found,) = connection.execute("select ? glob ?", (cell, patterns.write(pattern, Dialect.SQLITE))).fetchone()
    connection.close()
    assert bool(found) is (_regex(pattern).fullmatch(cell) is not None)


@given(st.text(_CHARACTERS, max_size=8))
def test_what_like_has_a_meaning_for_is_escaped(text: str) -> None:
    written = patterns.write((text,), Dialect.POSTGRESQL)
    assert re.sub(r"!([!%_])", r"\1", written) == text
    assert not re.search(r"(?<!!)(?:!!)*[%_]", written)


@pytest.mark.parametrize(
    ("text", "beginning"),
    [
        ("abc%", "abc"),
        ("abc", "abc"),
        ("aé%", "a"),
        ("éa%", None),
        ("%a", None),
        ("_a", None),
        ("", None),
        ("\0a", None),
    ],
)
def test_only_the_ascii_that_a_pattern_begins_with_helps_an_index(text: str, beginning: str | None) -> None:
    found = patterns.beginning(patterns.read(text))
    assert found == (None if beginning is None else (beginning, Wild.RUN))


@given(st.text(max_size=20))
def test_lowering_text_leaves_each_character_in_its_place(text: str) -> None:
    assert functions.lower(text) == "".join(map(functions.lower, text))
    assert len(functions.lower(text)) == len(text)


def test_lowering_knows_every_script_and_leaves_what_is_no_text() -> None:
    assert functions.lower("ÄÖ ПРИВЕТ") == "äö привет"
    assert functions.lower("\u03a3a\u03a3\u0130") == "\u03c3a\u03c3\u0130"
    assert [functions.lower(cell) for cell in (None, 1, 1.5, b"A")] == [None, 1, 1.5, b"A"]
