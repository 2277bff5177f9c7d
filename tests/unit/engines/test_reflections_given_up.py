"""A description that is given up while SQLite waits for a lock: it holds no lock of its own afterwards."""

from __future__ import annotations

import asyncio
import gc
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import Inspector
from unit.core.sqlite_files import databases, fill

from rowgate_server.engines import clock
from rowgate_server.engines.deadline import Deadline
from support.eventually import eventually


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return fill(tmp_path / "main.db", "create table things (id integer primary key, a)")


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
