"""What SQLite counts on a connection is of the session that has it, and of none before."""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path

import pytest

from rowgate_server.engines.dialects.sqlite.driver import SQLiteDriver, SQLiteFile, SQLiteTimeouts
from rowgate_server.engines.dialects.sqlite.session import SQLiteSession
from rowgate_server.engines.driver import ExecuteMode, TransactionOptions
from rowgate_server.engines.results import Row
from rowgate_server.engines.values import BoundStatement
from rowgate_server.errors import RowgateError

COUNTED = "select last_insert_rowid(), changes(), total_changes()"
WRITES = (
    "insert into things values (77)",
    "insert into things values (78), (79)",
    "update things set i = i + 100",
    "insert into logged values (9)",
    "delete from things where i > 100",
    "insert into things select 5 returning i",
    "replace into things values (6)",
    "delete from things",
)


@pytest.fixture
async def session(tmp_path: Path) -> AsyncIterator[SQLiteSession]:
    path = tmp_path / "test.db"
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript(
            "create table things (i integer primary key); create table logged (i integer primary key);"
            "create trigger noted after insert on logged begin insert into things values (new.i + 1000); end;"
            "create virtual table texts using fts5(x);"
        )
    driver = SQLiteDriver(SQLiteFile(path), SQLiteTimeouts(connect=5, lock=5))
    connection = await driver.connect()
    yield driver.session(connection)
    await connection.close()


async def rows(session: SQLiteSession, sql: str) -> list[Row]:
    cursor = await session.execute(BoundStatement((sql,), ()), ExecuteMode())
    found = list(await cursor.fetch())
    await cursor.finish()
    return found


async def test_the_next_caller_is_told_nothing_of_the_last_ones_writes(session: SQLiteSession) -> None:
    for sql in WRITES:
        await rows(session, sql)
        await session.reset()
        assert await rows(session, COUNTED) == [(0, 0, 0)], sql


async def test_nor_of_writes_that_were_rolled_back(session: SQLiteSession) -> None:
    await session.begin(TransactionOptions())
    await rows(session, "insert into things values (77)")
    await session.reset()
    assert await rows(session, COUNTED) == [(0, 0, 0)]
    assert await rows(session, "select count(*) from things") == [(0,)]


@pytest.mark.parametrize(
    "sql",
    [
        "insert into things values (777), (1)",
        "insert into things select 777 union all select 1 returning i",
        "insert into logged values (1)",
        "insert into texts (rowid, x) values (777, 'a'), (1, 'b')",
    ],
)
async def test_nor_of_one_that_failed(session: SQLiteSession, sql: str) -> None:
    for table, column in (("things", "i"), ("logged", "i"), ("texts", "rowid")):
        await rows(session, f"insert into {table} ({column}) values (1)")
        await session.reset()
    with pytest.raises(sqlite3.IntegrityError):
        await rows(session, sql)
    await session.reset()
    assert await rows(session, COUNTED) == [(0, 0, 0)]


async def test_nor_how_much_was_in_temporary_tables(session: SQLiteSession) -> None:
    await rows(session, "insert into things values (77)")
    await session.reset()
    await rows(session, "create temp table large as select zeroblob(100000) as x")
    await rows(session, "drop table temp.large")
    with pytest.raises(RowgateError):  # the connection is dropped then
        await session.reset()


async def test_whoever_writes_is_told_of_it(session: SQLiteSession) -> None:
    await rows(session, "insert into things values (77)")
    await session.reset()
    await session.begin(TransactionOptions())
    await rows(session, "insert into things values (80), (81)")
    assert await rows(session, COUNTED) == [(81, 2, 2)]
    await rows(session, "insert into logged values (9)")
    assert await rows(session, COUNTED) == [(9, 1, 4)]
    await session.commit()


async def test_nothing_is_left_of_how_that_was_done(session: SQLiteSession) -> None:
    await rows(session, "insert into things values (77)")
    await session.reset()
    assert await rows(session, "select name from temp.sqlite_schema") == []
