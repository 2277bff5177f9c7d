"""Every connection that is opened is counted once more, when it is closed or invalidated, with the reason."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from unit.engines.clock import on_the_clock, settle
from unit.engines.scripted_driver import ScriptedDriver, failing, lasting

from rowgate_server.engines.deadline import Deadline
from rowgate_server.engines.lease import Lease
from rowgate_server.engines.pool import Pool, PoolSettings
from rowgate_server.errors import Reason, RowgateError
from rowgate_server.observability.metrics import Metrics


class Counted:
    """A pool over a scripted driver, with the metrics of its connections."""

    def __init__(self, size: int, max_overflow: int, recycle: float) -> None:
        self.driver = ScriptedDriver()
        self.metrics = Metrics()
        settings = PoolSettings(size, max_overflow, recycle, pre_ping=True, wait_timeout=3.0, cleanup=5.0)
        self.pool = Pool(self.driver, settings, self.metrics.database("db"))

    async def take(self) -> Lease:
        return await self.pool.checkout(Deadline.soonest((60, "test")))

    def told(self, name: str, **labels: str) -> float:
        value = self.metrics.registry.get_sample_value(f"rowgate_pool_{name}", {"database": "db", **labels})
        assert value is not None
        return value

    def ended(self) -> dict[str, float]:
        """What has become of connections, by reason."""
        counts = {
            sample.labels["reason"]: sample.value
            for family in self.metrics.registry.collect()
            if family.name in ("rowgate_pool_connections_closed", "rowgate_pool_connections_invalidated")
            for sample in family.samples
        }
        return {reason: count for reason, count in counts.items() if count}


@asynccontextmanager
async def counted(size: int = 1, max_overflow: int = 0, recycle: float = 0) -> AsyncIterator[Counted]:
    station = Counted(size, max_overflow, recycle)
    yield station
    station.driver.resetting = station.driver.killing = lasting(0)
    await station.pool.close()
    assert station.told("connections_opened_total") == sum(station.ended().values())


@on_the_clock
async def test_a_connection_that_is_given_back_stays() -> None:
    async with counted() as station:
        for _ in range(3):
            (await station.take()).end(sound=True)
            await settle()
        assert station.told("connections_opened_total") == 1
        assert station.ended() == {}


@on_the_clock
async def test_each_reset_is_counted_and_one_that_fails_is_not() -> None:
    async with counted() as station:
        assert station.told("resets_total") == 0
        for _ in range(2):
            (await station.take()).end(sound=True)
            await settle()
        assert station.told("resets_total") == 2
        (await station.take()).end(sound=False)
        await settle()
        station.driver.resetting = failing(OSError())
        (await station.take()).end(sound=True)
        await settle()
        assert station.told("resets_total") == 2


@on_the_clock
async def test_one_with_a_statement_on_it_is_killed() -> None:
    async with counted() as station:
        (await station.take()).end(sound=False)
        await settle()
        assert station.ended() == {"killed": 1}


@on_the_clock
async def test_one_that_cannot_be_reset_is_dropped() -> None:
    async with counted() as station:
        station.driver.resetting = failing(OSError())
        (await station.take()).end(sound=True)
        await settle()
        assert station.ended() == {"reset_failed": 1}


@on_the_clock
@pytest.mark.parametrize("idle", [0.5, 5.0], ids=["while it is warm", "before its ping"])
async def test_one_whose_link_broke_while_nobody_used_it_is_dead(idle: float) -> None:
    async with counted() as station:
        (await station.take()).end(sound=True)
        await asyncio.sleep(idle)
        station.driver.dead.add(1)
        (await station.take()).end(sound=True)
        await settle()
        assert station.ended() == {"dead": 1}
        assert station.told("connections_opened_total") == 2


@on_the_clock
async def test_one_whose_link_broke_under_a_statement_is_dead() -> None:
    async with counted() as station:
        lease = await station.take()
        station.driver.dead.add(1)
        lease.end(sound=False)
        await settle()
        assert station.ended() == {"dead": 1}


@on_the_clock
async def test_one_that_has_grown_old_is_replaced_for_its_age() -> None:
    async with counted(recycle=100) as station:
        (await station.take()).end(sound=True)
        await asyncio.sleep(101)
        (await station.take()).end(sound=True)
        await settle()
        assert station.ended() == {"age": 1}


@on_the_clock
async def test_one_that_was_reset_and_is_too_many_is_surplus() -> None:
    async with counted(size=1, max_overflow=1) as station:
        leases = [await station.take(), await station.take()]
        for lease in leases:
            lease.end(sound=True)
        await asyncio.sleep(5)
        assert station.told("connections_opened_total") == 2
        assert station.ended() == {"surplus": 1}


@on_the_clock
async def test_the_wait_for_a_connection_is_measured_whether_or_not_one_comes() -> None:
    async with counted() as station:
        lease = await station.take()
        assert station.told("wait_seconds_count") == 0
        with pytest.raises(RowgateError):
            await station.take()
        assert station.told("wait_seconds_sum") == pytest.approx(3.0)
        waiting = asyncio.create_task(station.take())
        await asyncio.sleep(0.5)
        lease.end(sound=True)
        (await waiting).end(sound=True)
        assert station.told("wait_seconds_count") == 2
        assert station.told("wait_seconds_sum") == pytest.approx(3.5)


@on_the_clock
async def test_a_call_that_is_refused_is_not_counted_as_one_that_waited() -> None:
    async with counted() as station:
        lease = await station.take()
        calls = [asyncio.create_task(station.take()) for _ in range(40)]
        await asyncio.sleep(0.1)
        refused = [call for call in calls if call.done()]
        assert refused, "the line is longer than one place is good for"
        for call in refused:
            error = call.exception()
            assert isinstance(error, RowgateError)
            assert error.reason is Reason.POOL_EXHAUSTED
        assert station.told("refused_total") == len(refused)
        assert station.told("wait_seconds_count") == 0
        for call in calls:
            call.cancel()
        await asyncio.wait(calls)
        lease.end(sound=True)
