"""A description of SQLite's that is given up: it ends at once, and holds no lock of its own afterwards."""

from __future__ import annotations

import asyncio
import gc
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import cast

import pytest
import sqlalchemy
from sqlalchemy import Inspector
from unit.core.sqlite_files import databases, fill

from rowgate_server.engines import clock
from rowgate_server.engines.deadline import Deadline
from rowgate_server.engines.executor import Call
from rowgate_server.engines.limits import ResultLimits
from rowgate_server.engines.values import BoundStatement
from rowgate_server.errors import Reason, RowgateError
from support.eventually import eventually
from support.sqlites import SQLite


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return fill(tmp_path / "main.db", "create table things (id integer primary key, a)")


LONG = 20.0
"""Seconds that a lock is waited for here: a test that took so long would be cut off."""


@pytest.mark.timeout(15)
async def test_it_ends_with_its_time_and_not_with_the_lock_that_it_waits_for(
    file: Path, caplog: pytest.LogCaptureFixture
) -> None:
    db = SQLite(file, lock=LONG)
    with closing(sqlite3.connect(file, isolation_level=None, timeout=0)) as other:
        other.execute("begin exclusive")
        with pytest.raises(RowgateError) as caught:
            await db.executor.inspect(_within(0.3), lambda inspector: inspector.get_columns("things"))
        other.execute("rollback")
    assert caught.value.reason is Reason.STATEMENT_TIMEOUT
    assert [record.message for record in caplog.records if record.name.startswith("sqlalchemy")] == []
    assert await db.cell("select 1") == 1
    await db.pool.close()


@pytest.mark.timeout(15)
async def test_it_ends_with_its_time_however_long_it_would_read(file: Path) -> None:
    db = SQLite(file)
    endless = "with recursive s (i) as (select 1 union all select i + 1 from s) select count(*) from s"
    with pytest.raises(RowgateError) as caught:
        await db.executor.inspect(
            _within(0.3), lambda inspector: cast("sqlalchemy.Connection", inspector.bind).exec_driver_sql(endless)
        )
    assert caught.value.reason is Reason.STATEMENT_TIMEOUT
    assert await db.cell("select 1") == 1
    await db.pool.close()


def _within(seconds: float) -> Call:
    deadline = Deadline.soonest((seconds, "options.timeout"))
    return Call(BoundStatement(("reads",), ()), deadline, ResultLimits(), "id", reads=True)


async def test_what_was_being_read_is_locked_no_longer(file: Path) -> None:
    begun = asyncio.Event()

    def read(inspector: Inspector) -> object:
        begun.set()
        return inspector.get_columns("things")

    async with databases({"main": file}) as found:
        database = found.get("main")
        await database.reflect(lambda inspector: inspector.get_table_names(), Deadline(clock.now() + 9, 9, "a test's"))
        with closing(sqlite3.connect(file, isolation_level=None, timeout=0)) as other:
            gc.disable()  # which would mend it some time
            try:
                other.execute("begin exclusive")
                reading = asyncio.create_task(database.reflect(read, Deadline(clock.now() + 9, 9, "a test's")))
                await begun.wait()
                await asyncio.sleep(0)
                reading.cancel()
                other.execute("rollback")
                await asyncio.wait({reading})
                await eventually(lambda: database.pool_numbers().in_use == 0, 5, "its place was free")
                other.execute("drop table things")
            finally:
                gc.enable()
