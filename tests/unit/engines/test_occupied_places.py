"""A connection that is closed, and something of which still runs in this process, keeps its place."""

from __future__ import annotations

import asyncio

import pytest
from unit.engines.clock import on_the_clock, settle
from unit.engines.scripted_driver import ScriptedDriver

from rowgate_server.engines.deadline import Deadline
from rowgate_server.engines.pool import Pool, PoolSettings
from rowgate_server.errors import Reason, RowgateError
from rowgate_server.observability.metrics import Metrics


@on_the_clock
async def test_its_place_is_free_once_that_has_ended() -> None:
    driver = ScriptedDriver()
    settings = PoolSettings(1, 0, recycle=0, pre_ping=False, wait_timeout=3.0)
    pool = Pool(driver, settings, Metrics().database("db"))
    driver.occupying = occupying = asyncio.get_running_loop().create_future()
    (await pool.checkout(_within(60))).end(sound=False)
    with pytest.raises(RowgateError) as refused:
        await pool.checkout(_within(60))
    assert (refused.value.reason, pool.numbers().in_use) == (Reason.POOL_EXHAUSTED, 1)
    occupying.set_result(None)
    await settle()
    (await pool.checkout(_within(60))).end(sound=True)
    await pool.close()


def _within(seconds: float) -> Deadline:
    return Deadline.soonest((seconds, "options.timeout"))
