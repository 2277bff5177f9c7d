"""The connection by which PostgreSQL's statements are ended is there before it is needed, and replaced when it dies."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterator

import pytest
from asyncpg import TooManyConnectionsError

from rowgate_server.engines.driver import Driver, ExecuteMode
from rowgate_server.engines.values import BoundStatement
from support.direct import driver_of
from support.eventually import eventually
from support.postgresql import PostgreSQL

FEW = "few_connections"
STUBBORN = """do $$ begin loop begin loop perform pg_sleep(0.05); end loop;
exception when query_canceled then null; end; end loop; end $$"""
RUNNING = f"select count(*) from pg_stat_activity where usename = '{FEW}' and query like 'do $$%' and state = 'active'"
OPEN = f"select pid from pg_stat_activity where usename = '{FEW}' order by backend_start"


@pytest.fixture
def few(postgresql_server: PostgreSQL) -> Iterator[PostgreSQL]:
    """A login that may have three connections."""
    postgresql_server.script(f"create role {FEW} login password '{FEW}' connection limit 3")
    yield postgresql_server
    postgresql_server.script(f"drop role {FEW}")


@pytest.fixture
async def driver(few: PostgreSQL) -> AsyncIterator[Driver]:
    async with driver_of(few, FEW, FEW) as driver:
        yield driver
    await eventually(lambda: not few.execute(OPEN), 10, "it has left")


async def test_a_statement_is_ended_though_the_login_has_no_connection_left(few: PostgreSQL, driver: Driver) -> None:
    connection, other = await driver.connect(), await driver.connect()
    with pytest.raises(TooManyConnectionsError):
        await driver.connect()
    session = driver.session(connection)
    call = asyncio.create_task(session.execute(BoundStatement((STUBBORN,), ()), ExecuteMode()))
    await eventually(lambda: few.execute(RUNNING) == [(1,)], 5, "it ran")
    call.cancel()
    with contextlib.suppress(asyncio.CancelledError, Exception):
        await call
    await session.kill()
    assert few.execute(RUNNING) == [(0,)]
    connection.terminate()
    other.terminate()


async def test_it_is_kept_and_replaced_when_it_dies(few: PostgreSQL, driver: Driver) -> None:
    await driver.probe()
    assert len(few.execute(OPEN)) == 1, "there is nothing to end yet"
    connection = await driver.connect()
    _, used, ending = (number for (number,) in few.execute(OPEN))
    await driver.probe()
    assert (ending,) in few.execute(OPEN)
    few.execute(f"select pg_terminate_backend({ending})")

    async with asyncio.timeout(10):
        open_now = [(used,)]
        while len(open_now) < 3 or (ending,) in open_now:
            await driver.probe()
            open_now = few.execute(OPEN)
    connection.terminate()
