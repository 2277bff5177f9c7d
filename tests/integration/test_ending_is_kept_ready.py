"""The connection by which statements are ended is there before it is needed, and replaced when it dies."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterator
from typing import NamedTuple

import pytest

from rowgate_server.engines.cleaning import Cleaner
from rowgate_server.engines.driver import Driver, ExecuteMode
from rowgate_server.engines.values import BoundStatement
from rowgate_server.observability.metrics import Metrics
from support.direct import driver_of
from support.eventually import eventually
from support.throwaway import DATABASE, ThrowawayServer

FEW = "few_connections"


class Words(NamedTuple):
    """An engine's: for a login that may have three connections, and what it has and runs, in that order."""

    create: str
    opened: str
    end: str
    stubborn: str
    running: str


WORDS = {
    "mariadb": Words(
        f"create user {FEW} identified by '{FEW}' with max_user_connections 3; grant all on {DATABASE}.* to {FEW}",
        f"select id from information_schema.processlist where user = '{FEW}' order by id",
        "kill {}",
        "select sleep(59)",
        f"select count(*) from information_schema.processlist where user = '{FEW}' and info = 'select sleep(59)'",
    ),
    "postgresql": Words(
        f"create role {FEW} login password '{FEW}' connection limit 3",
        f"select pid from pg_stat_activity where usename = '{FEW}' order by backend_start",
        "select pg_terminate_backend({})",
        """do $$ begin loop begin loop perform pg_sleep(0.05); end loop;
exception when query_canceled then null; end; end loop; end $$""",
        f"select count(*) from pg_stat_activity where usename = '{FEW}' and query like 'do $$%' and state = 'active'",
    ),
}


class Few(NamedTuple):
    """A server with such a login."""

    server: ThrowawayServer
    words: Words

    def opened(self) -> list[int]:
        return [number for (number,) in self.server.execute(self.words.opened)]

    def runs(self) -> bool:
        return bool(self.server.execute(self.words.running)[0][0])


@pytest.fixture(params=WORDS)
def few(request: pytest.FixtureRequest) -> Iterator[Few]:
    server, words = request.getfixturevalue(f"{request.param}_server"), WORDS[request.param]
    server.script(words.create)
    yield Few(server, words)
    server.script(f"drop {'user' if request.param == 'mariadb' else 'role'} {FEW}")


@pytest.fixture
async def driver(few: Few) -> AsyncIterator[Driver]:
    async with driver_of(few.server, FEW, FEW) as driver:
        yield driver
    await eventually(lambda: not few.opened(), 10, "it has left")


async def test_a_statement_is_ended_though_the_login_has_no_connection_left(few: Few, driver: Driver) -> None:
    connection, other = await driver.connect(), await driver.connect()
    with pytest.raises(Exception, match=r"too many connections|max_user_connections"):
        await driver.connect()
    session = driver.session(connection)
    call = asyncio.create_task(session.execute(BoundStatement((few.words.stubborn,), ()), ExecuteMode()))
    await eventually(few.runs, 5, "it ran")
    call.cancel()
    with contextlib.suppress(asyncio.CancelledError, Exception):
        await call
    await Cleaner(5, Metrics().database("db")).clean(session, kill=True)
    assert not few.runs()
    driver.session(other).abort()


async def test_it_is_kept_and_replaced_when_it_dies(few: Few, driver: Driver) -> None:
    await driver.probe()
    assert len(few.opened()) == 1, "there is nothing to end yet"
    connection = await driver.connect()
    _, used, ending = few.opened()
    await driver.probe()
    assert ending in few.opened()
    few.server.execute(few.words.end.format(ending))

    async with asyncio.timeout(10):
        open_now = [used]
        while len(open_now) < 3 or ending in open_now:
            await driver.probe()
            open_now = few.opened()
    driver.session(connection).abort()
