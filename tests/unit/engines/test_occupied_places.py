"""A connection that is closed, and whose statement still runs, in this process or on the server, keeps its place."""

from __future__ import annotations

import asyncio

import pytest
from unit.engines.clock import on_the_clock, settle
from unit.engines.scripted_driver import ScriptedDriver, never

from rowgate_server.engines.deadline import Deadline
from rowgate_server.engines.pool import Pool, PoolSettings
from rowgate_server.errors import Reason, RowgateError
from rowgate_server.observability.metrics import Metrics

_SETTINGS = PoolSettings(1, 0, recycle=0, pre_ping=False, wait_timeout=3.0)


@on_the_clock
async def test_its_place_is_free_once_that_has_ended() -> None:
    driver, pool = _one_place()
    driver.occupying = occupying = asyncio.get_running_loop().create_future()
    (await pool.checkout(_within(60))).end(sound=False)
    with pytest.raises(RowgateError) as refused:
        await pool.checkout(_within(60))
    assert (refused.value.reason, pool.numbers().in_use) == (Reason.POOL_EXHAUSTED, 1)
    occupying.set_result(None)
    await settle()
    (await pool.checkout(_within(60))).end(sound=True)
    await pool.close()


@on_the_clock
async def test_it_is_held_while_the_server_says_that_the_statement_runs_on() -> None:
    driver, pool = _one_place()
    await _left(driver, pool)
    await asyncio.sleep(120)
    assert pool.numbers().in_use == 1
    driver.deaf = False
    await asyncio.sleep(1)
    assert pool.numbers().in_use == 0
    kills = driver.log.count("kill 1")
    assert 200 < kills < 300, "twice a second"
    await asyncio.sleep(10)
    assert driver.log.count("kill 1") == kills, "it is gone"
    await pool.close()


@on_the_clock
async def test_it_is_free_as_soon_as_the_server_says_no_more() -> None:
    driver, pool = _one_place()
    await _left(driver, pool)
    await asyncio.sleep(5)
    assert pool.numbers().in_use == 1
    driver.killing = never
    await asyncio.sleep(3)
    assert pool.numbers().in_use == 0
    await pool.close()


@on_the_clock
async def test_it_is_free_at_once_where_the_server_never_said_anything() -> None:
    driver, pool = _one_place()
    driver.killing = never
    await _left(driver, pool)
    await asyncio.sleep(_SETTINGS.cleanup + 0.1)
    assert pool.numbers().in_use == 0
    await pool.close()


@on_the_clock
async def test_a_pool_that_is_closed_waits_for_none_of_them() -> None:
    driver, pool = _one_place()
    await _left(driver, pool)
    await asyncio.sleep(5)
    async with asyncio.timeout(0.1):
        await pool.close()
    assert pool.numbers().in_use == 0


def _one_place() -> tuple[ScriptedDriver, Pool]:
    driver = ScriptedDriver()
    return driver, Pool(driver, _SETTINGS, Metrics().database("db"))


async def _left(driver: ScriptedDriver, pool: Pool) -> None:
    """A call that its caller has left, and that the server can't stop."""
    driver.deaf = True
    (await pool.checkout(_within(60))).end(sound=False)


def _within(seconds: float) -> Deadline:
    return Deadline.soonest((seconds, "options.timeout"))
