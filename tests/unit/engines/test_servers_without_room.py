"""A server that allows fewer connections than the pool may have: those that there are serve everyone."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from unit.engines.clock import now, on_the_clock, settle
from unit.engines.scripted_driver import DriverError, ScriptedDriver, at_once

from rowgate_server.engines.deadline import Deadline
from rowgate_server.engines.lease import Lease
from rowgate_server.engines.pool import Pool, PoolSettings
from rowgate_server.errors import Outcome, Reason, RowgateError
from rowgate_server.observability.metrics import Metrics


class FullDriver(ScriptedDriver):
    """To a server that has room for so many, and says otherwise in its own words."""

    def __init__(self, room: int, **codes: str) -> None:
        super().__init__()
        self.room, self._codes, self.tries = room, codes, 0
        self.welcome = 0.0
        self.connecting = self._connect

    def translate(self, error: BaseException, *, has_parameters: bool) -> RowgateError | None:
        del error, has_parameters
        return RowgateError(Reason.DATABASE_UNAVAILABLE, "too many connections").with_defaults(**self._codes)

    async def _connect(self) -> None:
        self.tries += 1
        await asyncio.sleep(0.001)
        if not self.room:
            raise DriverError
        self.room -= 1
        await asyncio.sleep(self.welcome)


@asynccontextmanager
async def a_pool(driver: FullDriver, wait_timeout: float = 5.0) -> AsyncIterator[Pool]:
    settings = PoolSettings(10, 0, recycle=0, pre_ping=False, wait_timeout=wait_timeout)
    pool = Pool(driver, settings, Metrics().database("db"))
    yield pool
    await pool.close()
    assert pool.numbers().in_use == 0


async def taken(pool: Pool) -> Lease:
    return await pool.checkout(Deadline.soonest((60.0, "options.timeout")), reads=True)


async def use(pool: Pool, seconds: float) -> None:
    lease = await taken(pool)
    await asyncio.sleep(seconds)
    lease.end(sound=True, reads=True)


@pytest.mark.parametrize("codes", [{"sqlstate": "53300"}, {"vendor_code": "1040"}, {"vendor_code": "1226"}])
@pytest.mark.parametrize("defers", [True, False])
@on_the_clock
async def test_all_of_forty_calls_are_served_by_the_three_connections_that_there_are(
    codes: dict[str, str], defers: bool
) -> None:
    driver = FullDriver(3, **codes)
    driver.defers = defers
    async with a_pool(driver) as pool:
        began = now()
        await asyncio.gather(*(use(pool, 0.03) for _ in range(40)))
        assert now() - began < 0.5, "no connection is idle meanwhile"
        assert driver.tries < 20, "a full server is not asked for each call"


@on_the_clock
async def test_a_burst_is_served_by_connections_that_were_all_in_the_making_when_there_was_no_room() -> None:
    driver = FullDriver(2, vendor_code="1226")
    driver.welcome = 0.05
    async with a_pool(driver) as pool:
        began = now()
        await asyncio.gather(*(use(pool, 0.03) for _ in range(10)))
        assert now() - began < 0.3


@on_the_clock
async def test_a_burst_that_finds_no_room_and_no_connection_is_told_so_soon() -> None:
    driver = FullDriver(0, sqlstate="53300")
    async with a_pool(driver) as pool:
        began = now()
        told = await asyncio.gather(*(taken(pool) for _ in range(10)), return_exceptions=True)
        assert {type(each) for each in told} == {RowgateError}
        assert now() - began < 0.5


@on_the_clock
async def test_the_first_has_a_new_one_once_there_is_room_for_it() -> None:
    driver = FullDriver(1, sqlstate="53300")
    async with a_pool(driver) as pool:
        held = await taken(pool)
        waiting = [asyncio.create_task(taken(pool)) for _ in range(2)]
        await asyncio.sleep(1)
        assert not any(task.done() for task in waiting)
        driver.room = 1
        await asyncio.sleep(0.5)
        assert [task.done() for task in waiting] == [True, False]
        held.end(sound=True)
        await asyncio.sleep(0.1)
        assert waiting[1].done()
        for task in waiting:
            (await task).end(sound=True)


@on_the_clock
async def test_none_that_may_come_free_is_waited_for_in_vain() -> None:
    driver = FullDriver(0, sqlstate="53300")
    async with a_pool(driver) as pool:
        began = now()
        with pytest.raises(RowgateError) as caught:
            await taken(pool)
        assert (caught.value.reason, caught.value.outcome) == (Reason.DATABASE_UNAVAILABLE, Outcome.NOT_RUN)
        assert now() - began < 0.1

        driver.room = 1
        held = await taken(pool)
        began = now()
        with pytest.raises(RowgateError) as caught:
            await taken(pool)
        assert caught.value.metadata["sqlstate"] == "53300"
        assert 5 <= now() - began < 5.5, "as long as one waits for a connection"
        held.end(sound=True)


@on_the_clock
async def test_any_other_error_is_told_at_once() -> None:
    driver = FullDriver(1, sqlstate="28P01")
    async with a_pool(driver) as pool:
        held = await taken(pool)
        began = now()
        with pytest.raises(RowgateError):
            await taken(pool)
        assert now() - began < 0.1
        held.end(sound=True)


@on_the_clock
async def test_one_that_comes_free_as_its_waiter_leaves_goes_to_the_next() -> None:
    driver = FullDriver(1, sqlstate="53300")
    async with a_pool(driver) as pool:
        held = await taken(pool)
        leaving, staying = [asyncio.create_task(taken(pool)) for _ in range(2)]
        await settle()
        await asyncio.sleep(0.1)
        held.end(sound=True)
        leaving.cancel()
        await asyncio.sleep(0.6)
        assert leaving.cancelled()
        (await staying).end(sound=True)
        driver.connecting = at_once
