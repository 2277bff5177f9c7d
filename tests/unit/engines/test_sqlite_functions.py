"""The functions that SQL on a file finds: SQLite's and the gateway's, and nobody else's."""

from __future__ import annotations

import sqlite3
import tracemalloc
from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rowgate_server.engines.deadline import Deadline
from rowgate_server.engines.dialects.sqlite import functions
from rowgate_server.errors import Reason
from support.sqlites import SQLite


@pytest.fixture
async def db(tmp_path: Path) -> AsyncIterator[SQLite]:
    file = tmp_path / "data.db"
    sqlite3.connect(file).close()
    sqlite = SQLite(file)
    yield sqlite
    await sqlite.pool.close()


async def test_no_caller_s_pattern_is_searched_by_the_interpreter_of_all(db: SQLite) -> None:
    error = await db.refusal("select 'a' regexp 'a'")
    assert (error.reason, error.message) == (Reason.INVALID_SQL, "no such function: regexp")


async def test_sqlite_s_functions_are_those_of_sqlite(db: SQLite) -> None:
    with closing(sqlite3.connect(":memory:")) as bare:
        bare.create_function("rowgate_lower", 1, str)
        own = set(bare.execute("select name, narg from pragma_function_list").fetchall())
        rounded = bare.execute("select floor(null), floor(-0.5)").fetchone()
    assert set((await db.run("select name, narg from pragma_function_list")).rows) == own
    assert list((await db.run("select floor(null), floor(-0.5)")).rows) == [rounded]


@pytest.mark.parametrize("letter", ["é", "Ж", "\u0130", "\u03a3"])
def test_a_long_text_is_lowered_in_the_room_of_some_copies(letter: str) -> None:
    text = letter * 300_000
    tracemalloc.start()
    try:
        lowered = functions.lower(text)
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert lowered == text.lower() or letter in "\u0130\u03a3"
    assert most < 10 * len(text)


@given(st.text(st.characters(exclude_categories=["Cs"]) | st.sampled_from("aA\u0130\u0307\u03a3 ")))
def test_each_character_is_lowered_as_if_it_were_alone(text: str) -> None:
    alone = [low if len(low := character.lower()) == 1 else character for character in text]
    assert functions.lower(text) == "".join(alone)
    filled = "x" * (65_536 - len(text) // 2) + text
    assert functions.lower(filled) == filled[: -len(text) or None] + "".join(alone)


async def test_a_long_text_is_left_when_its_statement_is_cancelled(db: SQLite) -> None:
    lease: Any = await db.pool.checkout(Deadline.soonest((30, "the test")), reads=True)
    lowering = "select length(rowgate_lower(replace(hex(zeroblob(100000)), '0', 'é')))"
    assert await lease.session.on_thread(lambda connection: connection.execute(lowering).fetchone()) == (200_000,)
    lease.session.abort()
    with pytest.raises(sqlite3.OperationalError, match="raised exception"):
        await lease.session.on_thread(lambda connection: connection.execute(lowering).fetchone())
    lease.end(sound=False)
