"""Who waits while a pool is given up, be it for an outage or for good."""

from __future__ import annotations

import asyncio

from unit.engines.clock import on_the_clock, settle
from unit.engines.scripted_driver import ScriptedDriver, at_once, lasting, never

from rowgate_server.engines.deadline import Deadline
from rowgate_server.engines.lease import Lease
from rowgate_server.engines.pool import Pool, PoolSettings
from rowgate_server.errors import RowgateError
from rowgate_server.observability.metrics import Metrics


def pool_of(driver: ScriptedDriver, size: int) -> Pool:
    return Pool(driver, PoolSettings(size, 0, recycle=0, pre_ping=False, wait_timeout=9.0), Metrics().database("db"))


def asking(pool: Pool) -> asyncio.Task[Lease]:
    return asyncio.create_task(pool.checkout(Deadline.soonest((60, "options.timeout"))))


@on_the_clock
async def test_in_an_outage_each_is_told_so_of_its_own_call() -> None:
    driver = ScriptedDriver()
    driver.connecting = never
    pool = pool_of(driver, 2)
    connecting_and_waiting = [asking(pool) for _ in range(4)]
    await settle()
    pool.breaker.probed(False)
    errors = await asyncio.gather(*connecting_and_waiting, return_exceptions=True)
    for number, error in enumerate(errors):
        assert isinstance(error, RowgateError)
        assert error.with_defaults(query_id=str(number)).metadata["query_id"] == str(number)
    assert len({error.retry_after for error in errors if isinstance(error, RowgateError)}) == 4
    await pool.close()


@on_the_clock
async def test_a_pool_that_retires_waits_for_who_was_just_given_a_place() -> None:
    driver = ScriptedDriver()
    pool = pool_of(driver, 1)
    lease = await asking(pool)
    waiting = [asking(pool) for _ in range(3)]
    await settle()
    retiring = asyncio.create_task(pool.retire())
    await settle()
    waiting[-1].cancel()
    for task in waiting[:-1]:
        lease.end(sound=True)
        lease = await task
        await settle()
        assert not retiring.done()
    lease.end(sound=True)
    async with asyncio.timeout(5):
        await retiring
    await pool.close()


@on_the_clock
async def test_a_pool_that_retires_waits_for_nobody_who_leaves_in_the_moment_of_its_turn() -> None:
    for ticks in range(12):
        pool = pool_of(ScriptedDriver(), 1)
        lease = await asking(pool)
        waiter = asking(pool)
        await settle()
        retiring = asyncio.create_task(pool.retire())
        await settle()
        lease.end(sound=True)
        for _ in range(ticks):
            await asyncio.sleep(0)
        waiter.cancel()
        await asyncio.wait({waiter})
        if not waiter.cancelled():
            waiter.result().end(sound=True)
        async with asyncio.timeout(5):
            await retiring
        await pool.close()


@on_the_clock
async def test_nothing_is_tried_any_more_when_a_pool_is_closed() -> None:
    driver = ScriptedDriver()

    async def fail_late() -> None:
        await lasting(0.1)()
        raise TimeoutError

    driver.connecting = fail_late
    pool = pool_of(driver, 3)
    callers = [asking(pool) for _ in range(3)]
    await settle()
    for caller in callers:
        caller.cancel()
    await pool.close()
    await asyncio.wait(callers)
    driver.connecting = at_once
    await settle()
    assert len(asyncio.all_tasks()) == 1
