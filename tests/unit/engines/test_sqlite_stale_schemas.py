"""What one connection has dropped, another one may make again, though it has seen it there."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from rowgate_server.engines.dialects.sqlite import SQLiteDriver
from rowgate_server.engines.dialects.sqlite.driver import SQLiteFile, SQLiteTimeouts
from rowgate_server.engines.dialects.sqlite.session import SQLiteSession
from rowgate_server.engines.driver import ExecuteMode
from rowgate_server.engines.values import BoundStatement


async def run(session: SQLiteSession, sql: str) -> None:
    cursor = await session.execute(BoundStatement((sql,), ()), ExecuteMode())
    await cursor.finish()


@pytest.fixture
async def pair(tmp_path: Path) -> AsyncIterator[tuple[SQLiteSession, SQLiteSession]]:
    file = tmp_path / "two.db"
    file.touch()
    driver = SQLiteDriver(SQLiteFile(file, read_only=False), SQLiteTimeouts(connect=5, lock=1))
    connections = [await driver.connect() for _ in range(2)]
    yield driver.session(connections[0]), driver.session(connections[1])
    for connection in connections:
        await connection.close()
    await driver.close()


@pytest.mark.parametrize(
    ("make", "drop"),
    [
        ("create index i on t (a)", "drop index i"),
        ("create table other (a)", "drop table other"),
        ("create view v as select 1 as a", "drop view v"),
        ("create trigger g after insert on t begin select 1; end", "drop trigger g"),
    ],
)
async def test_a_name_that_was_freed_elsewhere_is_free(
    pair: tuple[SQLiteSession, SQLiteSession], make: str, drop: str
) -> None:
    one, other = pair
    await run(one, "create table t (a)")
    await run(one, make)
    await run(one, "select * from t")
    await run(other, drop)
    await run(one, make)
