"""The functions that SQL on a file finds: SQLite's and the gateway's, and nobody else's."""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path

import pytest

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
