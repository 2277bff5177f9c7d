"""Behind one address for several servers, a statement is ended on its own server, and nobody's on another one."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from typing import Any, NamedTuple

import asyncmy
import pytest

from rowgate_server.engines.cleaning import Cleaner
from rowgate_server.engines.dialects.control import OtherServerError
from rowgate_server.engines.driver import Driver, ExecuteMode, Session
from rowgate_server.engines.registry import make_driver
from rowgate_server.engines.values import BoundStatement
from rowgate_server.observability.metrics import Metrics
from support.direct import TIMEOUTS, target_of
from support.eventually import eventually
from support.mariadb import MariaDB
from support.postgresql import PostgreSQL
from support.proxy import Proxy
from support.throwaway import DATABASE, HOST, PASSWORD, USER, ThrowawayServer

SLEEPS = {MariaDB: "select sleep(53)", PostgreSQL: "select pg_sleep(53)"}
LISTED = {
    MariaDB: "select count(*) from information_schema.processlist where info = 'select sleep(53)'",
    PostgreSQL: "select count(*) from pg_stat_activity where query = 'select pg_sleep(53)' and state = 'active'",
}


class Balanced(NamedTuple):
    """Two servers, the proxy before them, and a driver that knows the proxy only."""

    servers: tuple[ThrowawayServer, ThrowawayServer]
    proxy: Proxy
    driver: Driver

    @property
    def ports(self) -> tuple[int, int]:
        first, second = self.servers
        return first.port, second.port


@pytest.fixture(scope="module", params=["mariadb", "postgresql"])
def servers(request: pytest.FixtureRequest) -> Iterator[tuple[ThrowawayServer, ThrowawayServer]]:
    first = request.getfixturevalue(f"{request.param}_server")
    with type(first).start() as second:
        yield first, second


@pytest.fixture
async def balanced(servers: tuple[ThrowawayServer, ThrowawayServer]) -> AsyncIterator[Balanced]:
    async with Proxy(servers[1].port) as proxy:
        driver = make_driver(replace(target_of(servers[0]), port=proxy.port), TIMEOUTS)
        # With the first connection comes the one that statements are ended by: it leads to the second server.
        driver.session(await driver.connect()).abort()
        yield Balanced(servers, proxy, driver)
        await driver.close()


async def left_on_the_first(balanced: Balanced) -> Session:
    """A statement that runs there, and whose caller has left."""
    first, second = balanced.servers
    balanced.proxy.lead_to(first.port)
    session = balanced.driver.session(await balanced.driver.connect())
    call = asyncio.create_task(session.execute(BoundStatement((SLEEPS[type(first)],), ()), ExecuteMode()))
    await eventually(lambda: listed(first), 5, "it ran")
    balanced.proxy.lead_to(second.port)
    call.cancel()
    with contextlib.suppress(asyncio.CancelledError, Exception):
        await call
    return session


def listed(server: ThrowawayServer) -> bool:
    return bool(server.execute(LISTED[type(server)])[0][0])


async def test_what_another_server_says_is_no_word_of_its_end(balanced: Balanced) -> None:
    session = await left_on_the_first(balanced)
    with pytest.raises(OtherServerError):
        await session.kill()
    assert listed(balanced.servers[0])

    balanced.proxy.lead_to(*balanced.ports)
    await Cleaner(5, Metrics().database("db")).clean(session, kill=True)
    assert not listed(balanced.servers[0])


@pytest.mark.parametrize("servers", ["mariadb"], indirect=True)
async def test_a_session_of_another_server_with_the_same_number_lives(balanced: Balanced) -> None:
    for _ in range(50):
        balanced.servers[0].execute("select 1")  # a connection each: its numbers are to be ahead
    session = await left_on_the_first(balanced)
    ((number,),) = balanced.servers[0].execute(
        "select id from information_schema.processlist where info = 'select sleep(53)'"
    )
    innocent = await with_number(number, balanced.servers[1])
    with pytest.raises(OtherServerError):
        await session.kill()
    await innocent.ping(reconnect=False)
    innocent.close()
    balanced.proxy.lead_to(*balanced.ports)
    await session.kill()


async def test_a_session_of_a_server_that_was_started_anew_is_gone(balanced: Balanced) -> None:
    second = balanced.servers[1]
    session = balanced.driver.session(await balanced.driver.connect())
    session.abort()
    await asyncio.to_thread(second.kill)
    await asyncio.to_thread(second.restart)
    assert await session.kill()


@pytest.mark.parametrize("servers", ["mariadb"], indirect=True)
async def test_a_server_that_gets_another_id_while_it_runs_is_the_same(balanced: Balanced) -> None:
    second = balanced.servers[1]
    before = [balanced.driver.session(await balanced.driver.connect())]
    ((number,),) = second.execute("select @@global.server_id")
    second.execute("set global server_id = 4711")
    try:
        before.append(balanced.driver.session(await balanced.driver.connect()))
        for session in (before[1], before[0]):
            await Cleaner(5, Metrics().database("db")).clean(session, kill=True)
            assert await session.kill()
    finally:
        second.execute(f"set global server_id = {number}")


async def with_number(number: int, server: ThrowawayServer) -> Any:
    """The server's session of that number, which it has not reached yet."""
    while True:
        connection = await asyncmy.connect(host=HOST, port=server.port, user=USER, password=PASSWORD, database=DATABASE)
        if connection.thread_id() == number:
            return connection
        connection.close()
        assert connection.thread_id() < number
