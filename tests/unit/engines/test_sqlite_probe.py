"""What a file's probe calls down, and what it does not."""

from __future__ import annotations

import asyncio
import sqlite3
import threading
from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path

import pytest

from rowgate_server.engines.dialects.sqlite import SQLiteDriver
from rowgate_server.engines.dialects.sqlite.driver import SQLiteFile, SQLiteTimeouts


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Without a write-ahead log: who writes keeps readers out."""
    file = tmp_path / "data.db"
    with closing(sqlite3.connect(file)) as connection:
        connection.executescript("create table things (id integer primary key); insert into things values (1), (2)")
    return file


def spoil(file: Path) -> None:
    file.write_bytes(b"no database, however long it is looked at" * 100)


@pytest.fixture
async def driver(file: Path) -> AsyncIterator[SQLiteDriver]:
    # To wait for a lock would be to wait until the test has run out of time.
    driver = SQLiteDriver(SQLiteFile(file), SQLiteTimeouts(connect=300, lock=300))
    yield driver
    await driver.close()


async def test_a_file_that_another_has_locked_is_there(file: Path, driver: SQLiteDriver) -> None:
    with closing(sqlite3.connect(file)) as other:
        other.execute("begin exclusive")
        assert (await driver.probe()).version == sqlite3.sqlite_version


async def test_a_file_whose_writer_waits_for_a_reader_is_there(file: Path, driver: SQLiteDriver) -> None:
    with closing(sqlite3.connect(file, timeout=0)) as writer, closing(sqlite3.connect(file)) as reader:
        rows = reader.execute("select id from things")
        rows.fetchone()
        writer.execute("insert into things values (3)")
        with pytest.raises(sqlite3.OperationalError, match="locked"):
            writer.commit()  # from now on nobody else may begin to read
        assert (await driver.probe()).version == sqlite3.sqlite_version
        rows.close()


async def test_a_file_that_is_no_database_is_down(file: Path, driver: SQLiteDriver) -> None:
    spoil(file)
    with pytest.raises(sqlite3.DatabaseError):
        await driver.probe()


async def test_probes_have_one_thread_however_long_the_file_takes(
    driver: SQLiteDriver, monkeypatch: pytest.MonkeyPatch
) -> None:
    await driver.probe()
    before, answers, threads = threading.active_count(), threading.Event(), []
    opened = driver._open_at_once

    def late() -> sqlite3.Connection:
        threads.append(threading.current_thread())
        answers.wait()
        return opened()

    monkeypatch.setattr(driver, "_open_at_once", late)
    for _ in range(3):
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.02):
                await driver.probe()
    assert threading.active_count() == before
    waiting = asyncio.create_task(driver.probe())
    answers.set()
    await waiting
    await driver.probe()
    assert len(threads) == 2
    assert len(set(threads)) == 1


def test_an_answer_that_comes_behind_the_loop_s_end_bothers_nobody(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A warning of the thread's would fail it."""
    driver = SQLiteDriver(SQLiteFile(file), SQLiteTimeouts(connect=300, lock=300))
    begun, answers, threads = threading.Event(), threading.Event(), []

    def late() -> None:
        threads.append(threading.current_thread())
        begun.set()
        answers.wait()

    monkeypatch.setattr(driver._probing, "_look", late)

    async def give_up() -> None:
        probing = asyncio.ensure_future(driver.probe())
        await asyncio.to_thread(begun.wait)
        probing.cancel()
        with pytest.raises(asyncio.CancelledError):
            await probing
        await driver.close()

    asyncio.run(give_up())
    answers.set()
    (thread,) = threads
    thread.join(10)
    assert not thread.is_alive()
