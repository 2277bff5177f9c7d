"""Who waits while a pool is given up, be it for an outage or for good."""

from __future__ import annotations

import asyncio

from unit.engines.clock import on_the_clock, settle
from unit.engines.scripted_driver import ScriptedDriver, never

from rowgate_server.engines.deadline import Deadline
from rowgate_server.engines.pool import Lease, Pool, PoolSettings
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
