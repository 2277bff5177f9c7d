"""The event loop is held for longer than probes and connections may take: no database is down, and no call fails."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator
from pathlib import Path

from rowgate_server.engines.database import Bounds, Database
from rowgate_server.engines.deadline import Deadline
from rowgate_server.engines.dialects import Dialect
from rowgate_server.engines.executor import Call
from rowgate_server.engines.limits import ResultLimits
from rowgate_server.engines.pool import PoolSettings
from rowgate_server.engines.registry import Target, Timeouts, make_database
from rowgate_server.engines.results import Result
from rowgate_server.engines.values import BoundStatement
from rowgate_server.observability.metrics import Metrics
from support.direct import target_of
from support.mariadb import MariaDB
from support.postgresql import PostgreSQL

PROBE = 1.0
"""Seconds, as by default; and the breaker believes no failure sooner after a statement than that."""


def opened(target: Target) -> Database:
    return make_database(
        target.dialect.name,
        target,
        Timeouts(connect=PROBE, statement=30, probe=PROBE, probe_interval=0.5),
        PoolSettings(2, 0, recycle=1800, pre_ping=True, wait_timeout=5),
        Bounds(30, 30, 1000, 1 << 20, 1 << 20),
        Metrics(),
    )


@contextlib.asynccontextmanager
async def closing(*databases: Database) -> AsyncIterator[None]:
    try:
        yield
    finally:
        await asyncio.gather(*(database.close() for database in databases))


async def ask(database: Database) -> Result:
    deadline = Deadline.soonest((10, "options.timeout"))
    return await database.executor.run(
        Call(BoundStatement(("select 1 as x",), ()), deadline, ResultLimits(), "id", True)
    )


async def test_no_call_fails(mariadb_server: MariaDB, postgresql_server: PostgreSQL, tmp_path: Path) -> None:
    file = tmp_path / "held.db"
    file.touch()
    databases = [
        opened(Target(Dialect.SQLITE, database=str(file))),
        *(opened(target_of(server)) for server in (mariadb_server, postgresql_server)),
    ]
    changes: list[bool] = []
    async with closing(*databases):
        for database in databases:
            assert await database.availability.probe() is None
            database.availability.listen(changes.append)
            await ask(database)
        # Calls and probes are under way, whatever each of them is at.
        under_way = [asyncio.create_task(ask(database)) for database in databases]
        probes = [asyncio.create_task(database.availability.probe()) for database in databases]
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        time.sleep(1.2 * PROBE)  # noqa: ASYNC251 - this is what is tested
        assert await asyncio.gather(*probes) == [None] * len(databases)
        for database in databases:
            await ask(database)
        await asyncio.gather(*under_way)
        assert changes == []
