"""Whoever waits for a lock of a SQLite file can be told to stop, and loses nothing of what waiting was good for."""

from __future__ import annotations

import asyncio
import sqlite3
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import closing
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from rowgate_server.engines.deadline import Deadline
from rowgate_server.engines.driver import ExecuteMode, TransactionOptions
from rowgate_server.errors import Outcome, Reason, RowgateError
from support.eventually import eventually
from support.sqlites import SQLite, call

LONG = 300.0
"""Seconds: whoever waits for so long has not been told to stop."""
INSERT = "insert into things (name) values ('a')"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Without a write-ahead log, so that there is more to wait for."""
    file = tmp_path / "data.db"
    with closing(sqlite3.connect(file)) as connection:
        connection.executescript("create table things (id integer primary key, name text, other references things)")
    return file


@pytest.fixture
async def db(file: Path) -> AsyncIterator[SQLite]:
    sqlite = SQLite(file, lock=LONG)
    yield sqlite
    await sqlite.pool.close()


@pytest.fixture
def other(file: Path) -> Iterator[sqlite3.Connection]:
    """Another process's connection, for all that SQLite knows."""
    with closing(sqlite3.connect(file, isolation_level=None, timeout=0, check_same_thread=False)) as connection:
        yield connection


def writes(other: sqlite3.Connection) -> None:
    other.execute("begin immediate")


def reads(other: sqlite3.Connection) -> None:
    other.execute("begin")
    other.execute("select count(*) from things").fetchone()


def has_it_alone(other: sqlite3.Connection) -> None:
    other.execute("begin exclusive")


async def run(db: SQLite, sql: str) -> Any:
    return await db.run(sql)


async def transact(db: SQLite, sql: str) -> None:
    how = TransactionOptions(lock_timeout=LONG)
    async with db.executor.transaction(how, Deadline.soonest((LONG, "the test"))) as transaction:
        await transaction.run(call(sql))
        await transaction.commit()


async def describe(db: SQLite, sql: str) -> None:
    await db.executor.describe(call(sql), valued=False)


async def free(db: SQLite) -> None:
    """Waits for the connection's clean-up: the pool has one place."""
    async with asyncio.timeout(4):  # below the bound of a clean-up: none must run into it
        await db.run("select 1")


@pytest.mark.parametrize(
    ("lock", "work", "sql"),
    [
        (writes, run, INSERT),
        (writes, run, "drop table things"),
        (writes, transact, INSERT),
        (reads, run, INSERT),
        (reads, run, INSERT + " returning id"),
        (reads, transact, INSERT),
        (has_it_alone, run, "select count(*) from things"),
        (has_it_alone, describe, "select count(*) from things"),
    ],
)
async def test_a_cancelled_wait_is_over_at_once_and_has_done_nothing(
    db: SQLite,
    other: sqlite3.Connection,
    lock: Callable[[sqlite3.Connection], None],
    work: Callable[[SQLite, str], Any],
    sql: str,
) -> None:
    lock(other)
    caller = asyncio.ensure_future(work(db, sql))
    await asyncio.wait({caller}, timeout=0.05)
    caller.cancel()
    await asyncio.wait({caller})
    assert caller.cancelled()
    await free(db)
    assert db.dropped("kill") == 0
    other.execute("commit")
    assert await db.cell("select count(*) from things") == 0


async def test_reflection_waits_for_a_lock_and_can_be_left(db: SQLite, other: sqlite3.Connection) -> None:
    lease: Any = await db.pool.checkout(Deadline.soonest((LONG, "the test")), reads=True)
    has_it_alone(other)
    cursor = asyncio.ensure_future(lease.session._connection.execute("select count(*) from things"))
    await asyncio.wait({cursor}, timeout=0.05)
    assert not cursor.done()
    other.execute("commit")
    assert await (await cursor).fetchone() == (0,)
    has_it_alone(other)
    again = asyncio.ensure_future(lease.session._connection.execute("select count(*) from things"))
    await asyncio.wait({again}, timeout=0.05)
    again.cancel()
    lease.end(sound=False)
    await free(db)
    assert db.dropped("kill") == 0


async def test_a_session_is_wiped_clean_once_the_file_can_be_read(db: SQLite, other: sqlite3.Connection) -> None:
    has_it_alone(other)
    assert await db.cell("select 1") == 1  # of a connection that has not read what tables there are
    next_one = asyncio.ensure_future(db.cell("select 1"))
    await asyncio.wait({next_one}, timeout=0.05)
    other.execute("commit")
    assert await next_one == 1
    assert db.dropped("reset") == 0


async def test_a_write_goes_through_once_those_who_read_have_done(
    db: SQLite, file: Path, other: sqlite3.Connection
) -> None:
    reads(other)
    writing = asyncio.ensure_future(db.run(INSERT + " returning id"))

    def let_nobody_in() -> bool:
        """It would not come to an end otherwise beside readers who take turns."""
        with closing(sqlite3.connect(file, timeout=0)) as late:
            try:
                late.execute("select count(*) from things")
            except sqlite3.OperationalError as error:
                return "locked" in str(error)
        return False

    await eventually(let_nobody_in, 10, "nobody else began to read")
    other.execute("commit")
    assert list((await writing).rows) == [(1,)]
    assert other.execute("select count(*) from things").fetchone() == (1,)


async def test_a_write_that_those_who_read_do_not_let_through_is_undone(file: Path, other: sqlite3.Connection) -> None:
    db = SQLite(file)
    reads(other)
    for sql in (INSERT, INSERT + " returning id"):
        error = await db.refusal(sql)
        assert (error.reason, error.outcome) == (Reason.LOCK_TIMEOUT, Outcome.ROLLED_BACK)
    other.execute("commit")
    assert await db.cell("select count(*) from things") == 0
    await db.pool.close()


@pytest.mark.parametrize(
    ("lock", "sql"),
    [
        (writes, INSERT),
        (writes, "with one as (select 1) " + INSERT),
        (has_it_alone, "with one as (select 1) select * from things, one"),
        (has_it_alone, "select count(*) from things"),
    ],
)
async def test_what_waits_for_a_lock_is_not_compiled_and_bound_again_and_again(
    db: SQLite, other: sqlite3.Connection, lock: Callable[[sqlite3.Connection], None], sql: str
) -> None:
    await db.run("select * from things")
    lease: Any = await db.pool.checkout(Deadline.soonest((LONG, "the test")), reads=False)
    steps: list[str] = []
    await lease.session.on_thread(lambda connection: connection.set_trace_callback(steps.append))
    lock(other)
    waiting = asyncio.ensure_future(lease.session.execute(call(sql).statement, ExecuteMode()))
    await eventually(lambda: len(steps) > 15, 10, "it has tried for some time")
    other.execute("commit")
    await (await waiting).finish()
    assert steps.count(sql) <= 3
    lease.end(sound=True)


@pytest.mark.parametrize(
    ("sql", "writes"),
    [
        ("with one as (select 1) select replace(name, 'insert', 'update') from things, one", False),
        ("with one as (select 1) insert into things (name) select 'a' from one", True),
        ("with one as (select 1) delete from things", True),
    ],
)
async def test_only_what_writes_waits_for_one_who_writes_once_it_may_read(
    db: SQLite, other: sqlite3.Connection, sql: str, writes: bool
) -> None:
    await db.run("select * from things")
    has_it_alone(other)
    waiting = asyncio.ensure_future(db.run(sql))
    await asyncio.wait({waiting}, timeout=0.05)
    other.execute("commit")
    other.execute("begin immediate")
    await asyncio.wait({waiting}, timeout=0.2 if writes else 5)
    assert waiting.done() is not writes
    other.execute("commit")
    await waiting


async def test_a_mistake_is_told_while_another_writes(db: SQLite, other: sqlite3.Connection) -> None:
    writes(other)
    for sql in ("insert into nothing values (1)", "delete from things wher id = 1", "create table things (id)"):
        assert (await db.refusal(sql)).reason in (Reason.UNKNOWN_TABLE, Reason.INVALID_SQL, Reason.TABLE_EXISTS)
    other.execute("commit")


async def test_who_waits_for_long_looks_as_often_as_who_has_just_come(db: SQLite, other: sqlite3.Connection) -> None:
    """SQLite's own waits get longer and longer, and who has just come is faster."""
    lease: Any = await db.pool.checkout(Deadline.soonest((LONG, "the test")), reads=False)
    writes(other)
    looks: list[float] = []

    def look(connection: sqlite3.Connection) -> None:
        looks.append(time.monotonic())
        if len(looks) == 60:
            other.execute("commit")
        connection.execute("begin immediate")

    await lease.session.on_thread(lambda connection: lease.session._patience.until_free(look, connection))
    late = [after - before for before, after in pairwise(looks[30:])]
    assert sorted(late)[len(late) // 2] < 0.03  # SQLite's own are 0.1 by then
    lease.end(sound=True)


@pytest.mark.parametrize(
    ("sql", "kept"),
    [
        ("insert or fail into things (id) values (1), (2), (1), (3)", 2),
        ("insert or rollback into things (id) values (1), (2), (1), (3)", 0),
        ("insert into things (id) values (1), (2), (1), (3)", 0),
        ("insert into things (id, other) values (1, 9)", 0),
        ("insert into things (id, name) values (1, 'a') returning cast(x'ff' as text)", 0),
    ],
)
async def test_a_write_that_fails_leaves_what_its_outcome_says(db: SQLite, sql: str, kept: int) -> None:
    error = await db.refusal(sql)
    assert error.outcome == (Outcome.UNKNOWN if kept else Outcome.ROLLED_BACK)
    assert await db.cell("select count(*) from things") == kept


async def test_no_write_that_waits_for_its_end_holds_the_file_beyond_it(db: SQLite, other: sqlite3.Connection) -> None:
    for sql in (INSERT, "with one as (select 1) select * from one", "delete from things", "analyze"):
        await db.run(sql)
        other.execute("begin exclusive")
        other.execute("rollback")
    with pytest.raises(RowgateError):
        await db.run("vacuum")
    other.execute("begin exclusive")
