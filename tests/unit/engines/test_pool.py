"""Whatever becomes of a connection, its place comes back, and nobody gets a connection that was not wiped clean."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from unit.engines.clock import now, on_the_clock, settle, until
from unit.engines.scripted_driver import DriverError, ScriptedDriver, failing, lasting, never

from rowgate_server.engines.deadline import Deadline
from rowgate_server.engines.lease import Lease
from rowgate_server.engines.pool import Pool, PoolSettings
from rowgate_server.errors import Reason, RowgateError
from rowgate_server.observability.metrics import Metrics, PoolNumbers


class Station:
    """A pool over a scripted driver."""

    def __init__(self, size: int, max_overflow: int) -> None:
        self.driver = ScriptedDriver()
        self._metrics = Metrics()
        settings = PoolSettings(size, max_overflow, recycle=0, pre_ping=False, wait_timeout=3.0, cleanup=5.0)
        self.pool = Pool(self.driver, settings, self._metrics.database("db"))
        self._leases: set[Lease] = set()

    @property
    def log(self) -> list[str]:
        return self.driver.log

    @property
    def in_use(self) -> int:
        return self.pool.numbers().in_use

    async def take(self, seconds: float = 60) -> Lease:
        """A connection, for the test to give back, or for `a_pool` to when the test is over."""
        lease = await self.pool.checkout(within(seconds))
        self._leases.add(lease)
        return lease

    def give(self, lease: Lease, *, sound: bool = True) -> None:
        self._leases.remove(lease)
        lease.end(sound=sound)

    async def close(self) -> None:
        for lease in self._leases:
            lease.end(sound=True)
        await self.pool.close()

    def count(self, name: str, **labels: str) -> float:
        return self._metrics.registry.get_sample_value(f"rowgate_pool_{name}_total", {"database": "db", **labels}) or 0


@asynccontextmanager
async def a_pool(size: int = 1, max_overflow: int = 0) -> AsyncIterator[Station]:
    station = Station(size, max_overflow)
    yield station
    station.driver.resetting = station.driver.killing = lasting(0)
    await station.close()
    assert station.in_use == 0


def within(seconds: float) -> Deadline:
    return Deadline.soonest((seconds, "options.timeout"))


async def refused(station: Station, seconds: float) -> RowgateError:
    with pytest.raises(RowgateError) as caught:
        await station.take(seconds)
    return caught.value


@on_the_clock
async def test_a_connection_given_back_is_reset_and_used_again() -> None:
    async with a_pool() as station:
        for _ in range(2):
            station.give(await station.take())
            await settle()
        assert station.log == ["connect 1", "reset 1", "reset 1"]
        assert station.pool.numbers() == PoolNumbers(in_use=0, idle=1, waiting=0, maximum=1)


@on_the_clock
async def test_a_connection_stays_checked_out_until_its_reset_is_over() -> None:
    async with a_pool() as station:
        station.driver.resetting = lasting(2)
        station.give(await station.take())
        assert station.in_use == 1
        await station.take()
        assert now() == 1002
        assert station.log == ["connect 1", "reset 1"]


@on_the_clock
async def test_a_connection_that_cannot_be_reset_is_dropped_and_its_place_is_free() -> None:
    async with a_pool() as station:
        station.driver.resetting = failing(DriverError())
        station.give(await station.take())
        await station.take()
        assert station.log == ["connect 1", "reset 1", "abort 1", "close 1", "connect 2"]
        assert station.count("cleanup_failures", kind="reset") == 1


@on_the_clock
async def test_a_reset_that_hangs_is_given_up_after_its_bound() -> None:
    async with a_pool() as station:
        station.driver.resetting = never
        station.give(await station.take())
        await until(lambda: not station.in_use)
        assert 1005 <= now() < 1006
        assert station.log == ["connect 1", "reset 1", "abort 1", "close 1"]


@on_the_clock
async def test_what_runs_on_an_unsound_connection_is_killed_before_the_place_is_free() -> None:
    async with a_pool() as station:
        station.driver.killing = lasting(2)
        station.give(await station.take(), sound=False)
        await station.take()
        assert now() == 1002
        assert station.log == ["connect 1", "kill 1", "abort 1", "close 1", "connect 2"]
        assert station.count("cleanup_failures", kind="kill") == 0


@pytest.mark.parametrize("killing", [never, failing(DriverError()), failing(asyncio.CancelledError())])
@on_the_clock
async def test_a_kill_that_fails_or_hangs_still_drops_the_connection(killing: Any) -> None:
    async with a_pool() as station:
        station.driver.killing = killing
        station.give(await station.take(), sound=False)
        await until(lambda: not station.in_use)
        assert station.log == ["connect 1", "kill 1", "abort 1", "close 1"]


@on_the_clock
async def test_a_link_that_cannot_even_be_cut_does_not_keep_its_place() -> None:
    async with a_pool() as station:

        def cut() -> None:
            raise OSError("no link to cut")

        station.driver.aborting = cut
        station.give(await station.take(), sound=False)
        await settle()
        assert station.log == ["connect 1", "kill 1", "abort 1", "close 1"]
        assert station.in_use == 0
        await station.take()


@on_the_clock
async def test_a_full_pool_is_waited_for_and_then_refuses() -> None:
    async with a_pool() as station:
        await station.take()
        error = await refused(station, 60)
        assert now() == 1003
        assert error.reason is Reason.POOL_EXHAUSTED
        assert error.retry_after == 3
        assert error.metadata == {"limit": "pool of 1, wait 3s", "outcome": "NOT_RUN"}
        assert station.count("timeouts") == 1
        assert station.pool.numbers() == PoolNumbers(in_use=1, idle=0, waiting=0, maximum=1)


@on_the_clock
async def test_a_deadline_sooner_than_the_wait_is_the_one_that_is_told() -> None:
    async with a_pool() as station:
        await station.take()
        error = await refused(station, 1)
        assert now() == 1001
        assert error.reason is Reason.STATEMENT_TIMEOUT
        assert error.metadata == {"limit": "options.timeout 1s", "outcome": "NOT_RUN"}


@on_the_clock
async def test_a_deadline_that_has_passed_waits_for_nothing() -> None:
    async with a_pool() as station:
        await station.take()
        assert (await refused(station, -1)).reason is Reason.STATEMENT_TIMEOUT
        assert now() == 1000


@on_the_clock
async def test_waiters_are_served_in_their_order() -> None:
    async with a_pool() as station:
        lease = await station.take()
        served: list[int] = []

        async def wait(number: int) -> None:
            own = await station.take()
            served.append(number)
            station.give(own)

        tasks = [asyncio.create_task(wait(number)) for number in range(3)]
        await settle()
        assert station.pool.numbers() == PoolNumbers(in_use=1, idle=0, waiting=3, maximum=1)
        station.give(lease)
        await asyncio.gather(*tasks)
        assert served == [0, 1, 2]


@on_the_clock
async def test_a_waiter_that_gives_up_leaves_its_turn_to_the_next() -> None:
    async with a_pool() as station:
        lease = await station.take()
        first, second = (asyncio.create_task(station.take()) for _ in range(2))
        await settle()
        first.cancel()
        station.give(lease)
        await second
        assert first.cancelled()
        assert station.pool.numbers() == PoolNumbers(in_use=1, idle=0, waiting=0, maximum=1)


@on_the_clock
async def test_a_waiter_cancelled_in_the_moment_of_its_turn_gives_the_place_back() -> None:
    async with a_pool() as station:
        for ticks in range(12):
            lease = await station.take()
            waiter = asyncio.create_task(station.take())
            await settle()
            station.give(lease)
            for _ in range(ticks):
                await asyncio.sleep(0)
            waiter.cancel()
            await asyncio.wait({waiter})
            if not waiter.cancelled():
                station.give(waiter.result())
            await settle()
            assert station.pool.numbers()._replace(idle=0) == PoolNumbers(0, 0, 0, 1), f"cancelled after {ticks} ticks"


@on_the_clock
async def test_more_connections_than_the_pool_keeps_are_closed_again() -> None:
    async with a_pool(size=1, max_overflow=2) as station:
        leases = [await station.take() for _ in range(3)]
        assert (await refused(station, 60)).reason is Reason.POOL_EXHAUSTED
        for lease in leases:
            station.give(lease)
        await asyncio.sleep(3)  # until they are no longer warm
        assert station.pool.numbers() == PoolNumbers(in_use=0, idle=1, waiting=0, maximum=3)
        assert len([line for line in station.log if line.startswith("close")]) == 2


@on_the_clock
async def test_a_database_that_refuses_is_unavailable_with_its_own_codes() -> None:
    async with a_pool() as station:
        station.driver.connecting = failing(DriverError(Reason.PERMISSION_DENIED))
        error = await refused(station, 1)
        assert error.reason is Reason.DATABASE_UNAVAILABLE
        assert error.metadata == {"outcome": "NOT_RUN", "sqlstate": "SCRPT", "vendor_code": "42"}
        assert error.retry_after
        assert station.count("connect_failures") == 1
        station.driver.connecting = lasting(0)
        await station.take()


@on_the_clock
async def test_a_connect_that_runs_into_its_own_limit_is_unavailable() -> None:
    async with a_pool() as station:
        station.driver.connecting = failing(TimeoutError())
        assert (await refused(station, 60)).reason is Reason.DATABASE_UNAVAILABLE


@on_the_clock
async def test_a_connect_that_hangs_ends_at_the_deadline_and_frees_the_place() -> None:
    async with a_pool() as station:
        station.driver.connecting = never
        error = await refused(station, 2)
        assert now() == 1002
        assert error.reason is Reason.STATEMENT_TIMEOUT
        assert error.metadata == {"limit": "options.timeout 2s", "outcome": "NOT_RUN"}
        station.driver.connecting = lasting(0)
        await station.take()


@on_the_clock
async def test_a_fault_that_is_not_the_database_s_stays_what_it_is() -> None:
    async with a_pool() as station:
        station.driver.connecting = failing(KeyError("a bug"))
        with pytest.raises(KeyError, match="a bug"):
            await station.take()
        station.driver.connecting = lasting(0)
        await station.take()


@on_the_clock
async def test_a_caller_cancelled_while_connecting_frees_the_place() -> None:
    async with a_pool() as station:
        station.driver.connecting = never
        caller = asyncio.create_task(station.take())
        await settle()
        caller.cancel()
        await asyncio.wait({caller})
        assert caller.cancelled()
        station.driver.connecting = lasting(0)
        await station.take()
        assert station.in_use == 1


@on_the_clock
async def test_closing_waits_for_clean_ups_and_closes_what_is_idle() -> None:
    station = Station(2, 0)
    station.driver.resetting, station.driver.killing = lasting(1), lasting(4)
    leases = [await station.take() for _ in range(2)]
    station.give(leases[0])
    station.give(leases[1], sound=False)
    await station.pool.close()
    assert now() == 1004
    assert sorted(station.log[2:4]) == ["kill 2", "reset 1"]
    assert station.log[4:] == ["abort 2", "close 2", "close 1", "driver closed"]
    assert station.pool.numbers() == PoolNumbers(in_use=0, idle=0, waiting=0, maximum=2)
