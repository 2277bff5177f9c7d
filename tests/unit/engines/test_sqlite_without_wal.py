"""A SQLite file without a write-ahead log: what that costs is told before it is felt, and the file left as it is."""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncIterator
from contextlib import aclosing, closing
from pathlib import Path

import pytest

from rowgate_server.engines.availability import Availability
from rowgate_server.engines.dialects.sqlite import SQLiteDriver
from rowgate_server.engines.dialects.sqlite.driver import SQLiteFile, SQLiteTimeouts
from rowgate_server.errors import Outcome, Reason
from support.sqlites import SQLite, call

SERIES = "with recursive s (i) as (select 1 union all select i + 1 from s where i < {}) "


def make(file: Path, mode: str) -> Path:
    with closing(sqlite3.connect(file)) as connection:
        connection.executescript(f"pragma journal_mode = {mode}; create table things (id integer primary key)")
    return file


def mode_of(file: Path) -> str:
    with closing(sqlite3.connect(file)) as connection:
        return str(connection.execute("pragma journal_mode").fetchone()[0])


async def told(file: Path, *, read_only: bool, capsys: pytest.CaptureFixture[str]) -> str:
    driver = SQLiteDriver(SQLiteFile(file, read_only=read_only), SQLiteTimeouts(connect=10, lock=0.1))
    availability = Availability("files", driver, interval=60, timeout=10)
    for _ in range(2):
        assert await availability.probe() is None
    await driver.close()
    return "".join(capsys.readouterr())


async def test_it_is_warned_of_once_and_stays(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = make(tmp_path / "data.db", "delete")
    assert (await told(file, read_only=False, capsys=capsys)).count("PRAGMA journal_mode = WAL") == 1
    assert mode_of(file) == "delete"


@pytest.mark.parametrize(("mode", "read_only"), [("wal", False), ("wal", True), ("delete", True)])
async def test_others_are_not(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], mode: str, *, read_only: bool
) -> None:
    assert "journal_mode" not in await told(make(tmp_path / "data.db", mode), read_only=read_only, capsys=capsys)


@pytest.fixture(params=["delete", "wal"])
async def db(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[tuple[SQLite, str]]:
    sqlite = SQLite(make(tmp_path / "data.db", request.param), size=2)
    yield sqlite, request.param
    await sqlite.pool.close()


async def test_whom_a_stream_keeps_out_is_told_who_may_do_that(db: tuple[SQLite, str]) -> None:
    sqlite, mode = db
    endless = SERIES.format(10**12) + "select i, (select count(*) from things) from s"
    write = "insert into things values (1)"
    async with aclosing(sqlite.executor.stream(call(endless))) as chunks:
        assert (await anext(chunks)).rows
        if mode == "wal":
            await sqlite.run(write)
            return
        error = await sqlite.refusal(write)
    assert (error.reason, error.outcome) == (Reason.LOCK_TIMEOUT, Outcome.ROLLED_BACK)
    assert "without a write-ahead log" in error.metadata["hint"]
    await sqlite.run(write)
