"""While a database is down its callers hear so at once; when it is back they are served, and nobody else noticed."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterator

import pytest

from rowgate_server.errors import Reason, RowgateError
from support.eventually import eventually
from support.linked import Linked, linked
from support.mariadb import MariaDB
from support.postgresql import PostgreSQL
from support.throwaway import ThrowawayServer

pytestmark = pytest.mark.alone

AT_ONCE = 0.25


@pytest.fixture(scope="module")
def owns() -> Iterator[dict[str, ThrowawayServer]]:
    """One of each engine to be frozen and killed; it is left running and thawed."""
    with MariaDB.start() as mariadb, PostgreSQL.start() as postgresql:
        yield {"mariadb": mariadb, "postgresql": postgresql}


@pytest.fixture
def own(engine: str, owns: dict[str, ThrowawayServer]) -> ThrowawayServer:
    return owns[engine]


@pytest.fixture
async def far(server: ThrowawayServer, engine: str) -> AsyncIterator[Linked]:
    """Probed, with a pool of four that is used by all of four calls."""
    async with linked(server, engine, probing=True, size=4) as far:
        await asyncio.gather(*(far.run(far.sleep(0.05)) for _ in range(4)))
        yield far


async def refused_at_once(far: Linked) -> RowgateError:
    began = asyncio.get_running_loop().time()
    with pytest.raises(RowgateError) as caught:
        await far.run("select 1 as x", 10)
    assert asyncio.get_running_loop().time() - began < AT_ONCE
    assert caught.value.reason is Reason.DATABASE_UNAVAILABLE
    assert caught.value.retry_after
    assert caught.value.outcome == "NOT_RUN"
    return caught.value


def is_open(far: Linked) -> bool:
    return far.count("rowgate_breaker_state") > 0


@pytest.mark.parametrize("outage", ["refuses", "is silent"])
async def test_an_outage(far: Linked, outage: str) -> None:
    """From the moment that it is noticed until it is over."""
    waiting = [asyncio.create_task(far.run(far.sleep(20), 1.0)) for _ in range(4)]
    await eventually(lambda: far.in_use == 4, 2, "the pool was full")
    in_line = [asyncio.create_task(far.run("select 1 as x", 10)) for _ in range(4)]
    await (far.proxy.refuse() if outage == "refuses" else asyncio.to_thread(far.proxy.go_dark))
    await eventually(lambda: is_open(far), 4, "the breaker opened")
    for error in await asyncio.gather(*waiting, *in_line, return_exceptions=True):
        assert isinstance(error, RowgateError), error
    await asyncio.gather(*(refused_at_once(far) for _ in range(20)))
    accepted = far.proxy.accepted

    far.proxy.come_back()
    if outage == "refuses":
        await far.proxy.listen()
    answers = await asyncio.gather(*(patiently(far) for _ in range(200)))
    assert max(answers) < 5
    assert far.count("rowgate_breaker_state") == 0
    assert far.proxy.accepted - accepted < 20, "a thundering reconnect"


async def patiently(far: Linked) -> float:
    """Seconds until a caller was served who comes again as it is told to."""
    loop = asyncio.get_running_loop()
    began = loop.time()
    while True:
        try:
            await far.run("select 1 as x", 5)
        except RowgateError as error:
            await asyncio.sleep(error.retry_after or 60)  # without a word on when to come again, it is too late
        else:
            return loop.time() - began


async def test_a_server_that_is_killed_and_started_again(
    engine: str, own: ThrowawayServer, servers: dict[str, ThrowawayServer]
) -> None:
    async with linked(own, engine, probing=True) as far, linked(servers[engine], engine) as other:
        await far.run("select 1 as x")
        await asyncio.to_thread(own.kill)
        await eventually(lambda: is_open(far), 4, "the breaker opened")
        await refused_at_once(far)
        assert await other.scalar("select 1 as x", 1) == 1
        await asyncio.to_thread(own.restart)
        assert await patiently(far) < 5


async def test_a_frozen_server_is_left_alone_until_it_thaws(engine: str, own: ThrowawayServer) -> None:
    async with linked(own, engine, probing=True) as far:
        await far.run("select 1 as x")
        own.freeze()
        await eventually(lambda: is_open(far), 4, "the breaker opened")
        await refused_at_once(far)
        assert far.in_use == 0
        own.thaw()
        assert await patiently(far) < 5


async def test_a_statement_given_up_on_a_frozen_server_is_gone_when_it_thaws(engine: str, own: ThrowawayServer) -> None:
    async with linked(own, engine) as far:
        call = asyncio.create_task(far.run(far.sleep(30), 1))
        await eventually(lambda: far.running("sleep(30)") == 1, 3, "it ran")
        own.freeze()
        with pytest.raises(RowgateError):
            await call
        await eventually(lambda: far.in_use == 0, 1, "its place was free")
        assert far.count("rowgate_pool_cleanup_failures_total", {"kind": "kill"}) == 1
        own.thaw()
        await eventually(lambda: far.running("sleep(30)") == 0, 5, "it was ended")


async def test_one_dead_connection_costs_no_other(far: Linked) -> None:
    """A caller kills its own; and one that died while it was idle is found dead before it is used."""
    before = await ids(far)
    assert len(before) == 4
    end = {"mariadb": "kill connection_id()", "postgresql": "select pg_terminate_backend(pg_backend_pid())"}
    with contextlib.suppress(RowgateError):
        await far.run(end[far.engine], reads=False)
    await eventually(lambda: far.in_use == 0, 2, "it was dropped")
    after = await ids(far)
    assert len(before & after) == 3
    await eventually(lambda: far.idle_in_the_pool == 4, 3, "they were no longer warm")
    victim = min(after)
    kill = {"mariadb": f"kill {victim}", "postgresql": f"select pg_terminate_backend({victim})"}
    await asyncio.to_thread(far.server.execute, kill[far.engine])
    last = await ids(far)
    assert len(after & last) == 3


async def ids(far: Linked) -> set[int]:
    """The connections' numbers, all four of them at work."""
    slow = {"mariadb": "select connection_id() as x, sleep(0.1) as s"}
    sql = slow.get(far.engine, "select pg_backend_pid() as x, pg_sleep(0.1) as s")
    return set(await asyncio.gather(*(far.scalar(sql) for _ in range(4))))


async def test_a_busy_server_that_is_late_to_answer_a_probe_is_not_down(far: Linked) -> None:
    answers = [asyncio.create_task(far.run("select 1 as x")) for _ in range(1)]
    await asyncio.gather(*answers)
    far.pool.breaker.probed(False)
    assert await far.scalar("select 1 as x") == 1
    assert not is_open(far)


@pytest.mark.parametrize("engine", ["mariadb"])
async def test_a_kill_that_could_not_be_sent_is_sent_again(far: Linked) -> None:
    """Behind the connection's end: its place has long been free."""
    call = asyncio.create_task(far.run(far.sleep(31), 1))
    await eventually(lambda: far.running("sleep(31)") == 1, 3, "it ran")
    far.proxy.go_dark()
    with pytest.raises(RowgateError):
        await call
    await eventually(lambda: far.in_use == 0, 1, "its place was free")
    assert far.running("sleep(31)") == 1
    far.proxy.come_back()
    await eventually(lambda: far.running("sleep(31)") == 0, 5, "it was ended")
