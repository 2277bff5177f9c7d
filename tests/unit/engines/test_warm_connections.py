"""A connection that was used a moment ago goes to the next call as it is; its reset may go with that call."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from unit.engines.clock import on_the_clock, settle
from unit.engines.scripted_driver import DriverError, ScriptedDriver, failing

from rowgate_server.engines.deadline import Deadline
from rowgate_server.engines.lease import Lease
from rowgate_server.engines.pool import Pool, PoolSettings
from rowgate_server.observability.metrics import Metrics


class Station:
    """A pool of two over a scripted driver that can put off a reset."""

    def __init__(self, recycle: float) -> None:
        self.driver = ScriptedDriver()
        self.driver.defers = True
        settings = PoolSettings(2, 0, recycle=recycle, pre_ping=False, wait_timeout=3.0)
        self.pool = Pool(self.driver, settings, Metrics().database("db"))

    async def take(self) -> Lease:
        return await self.pool.checkout(Deadline.soonest((60, "options.timeout")))

    @property
    def resets(self) -> int:
        return sum(line.startswith("reset") for line in self.driver.log)


@asynccontextmanager
async def a_station(recycle: float = 0) -> AsyncIterator[Station]:
    station = Station(recycle)
    yield station
    await station.pool.close()
    assert station.pool.numbers().in_use == 0


@on_the_clock
async def test_a_read_s_reset_is_left_to_the_next_statement() -> None:
    async with a_station() as station:
        for _ in range(5):
            (await station.take()).end(sound=True, reads=True)
        assert station.resets == 0
        assert station.driver.log.count("connect 1") == 1


@on_the_clock
async def test_a_write_is_reset_at_once() -> None:
    async with a_station() as station:
        (await station.take()).end(sound=True, reads=False)
        await settle()
        assert station.resets == 1


@on_the_clock
async def test_a_reset_that_no_statement_comes_for_is_made_within_moments() -> None:
    async with a_station() as station:
        (await station.take()).end(sound=True, reads=True)
        await asyncio.sleep(0.05)
        assert station.resets == 1
        assert station.pool.numbers().idle == 1


@on_the_clock
async def test_a_reset_that_fails_while_idle_costs_the_connection() -> None:
    async with a_station() as station:
        (await station.take()).end(sound=True, reads=True)
        station.driver.resetting = failing(DriverError(broken=True))
        await asyncio.sleep(0.05)
        assert "close 1" in station.driver.log
        (await station.take()).end(sound=True, reads=True)
        assert "connect 2" in station.driver.log


@on_the_clock
async def test_an_unsound_connection_is_never_warm() -> None:
    async with a_station() as station:
        (await station.take()).end(sound=False, reads=True)
        await settle()
        assert "kill 1" in station.driver.log
        (await station.take()).end(sound=True, reads=True)
        assert "connect 2" in station.driver.log


@on_the_clock
async def test_a_dead_connection_is_not_handed_on() -> None:
    async with a_station() as station:
        (await station.take()).end(sound=True, reads=True)
        station.driver.dead.add(1)
        (await station.take()).end(sound=True, reads=True)
        await settle()
        assert "connect 2" in station.driver.log
        assert "close 1" in station.driver.log


@on_the_clock
async def test_the_connection_that_was_used_last_goes_first() -> None:
    async with a_station() as station:
        first, second = await station.take(), await station.take()
        first.end(sound=True, reads=True)
        second.end(sound=True, reads=True)
        assert await station.take() is second
        second.end(sound=True, reads=True)


@on_the_clock
async def test_after_a_second_without_a_call_it_goes_back_to_sqlalchemy_s_pool_clean() -> None:
    async with a_station() as station:
        lease = await station.take()
        lease.end(sound=True, reads=True)
        await asyncio.sleep(3)
        assert station.resets == 1
        again = await station.take()
        assert again is not lease
        assert "connect 2" not in station.driver.log
        again.end(sound=True, reads=True)


@on_the_clock
async def test_a_busy_connection_still_goes_back_every_minute_to_be_pinged_and_recycled() -> None:
    async with a_station() as station:
        leases = set()
        for _ in range(1300):
            lease = await station.take()
            leases.add(lease)
            lease.end(sound=True, reads=False)
            await asyncio.sleep(0.1)
        assert 2 <= len(leases) <= 4


@on_the_clock
async def test_a_connection_that_is_never_idle_for_a_moment_is_recycled_all_the_same() -> None:
    """Its resets go with the statements that follow at once, so that no reset of its own lets go of it."""
    async with a_station(recycle=90) as station:
        leases = set()
        for _ in range(250):
            lease = await station.take()
            leases.add(lease)
            await asyncio.sleep(0.5)
            lease.end(sound=True, reads=True)
            await asyncio.sleep(0.001)
        assert 2 <= len(leases) <= 4
        assert station.driver.log.count("close 1") == 1
        assert "connect 2" in station.driver.log
        assert "connect 3" not in station.driver.log


@on_the_clock
async def test_a_place_is_held_while_an_idle_connection_is_reset() -> None:
    async with a_station() as station:
        (await station.take()).end(sound=True, reads=True)
        hanging = asyncio.Event()

        async def hang() -> None:
            await hanging.wait()

        station.driver.resetting = hang
        await asyncio.sleep(0.05)
        assert station.pool.numbers().in_use == 1
        hanging.set()
        await settle()
        assert station.pool.numbers().in_use == 0
