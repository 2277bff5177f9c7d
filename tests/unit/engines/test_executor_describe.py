"""Describing a statement takes the same ways out as running one, and never runs it."""

from __future__ import annotations

import asyncio

import pytest
from unit.engines.clock import now, on_the_clock, settle
from unit.engines.scripted_driver import DriverError, failing, lasting, never
from unit.engines.station import Station, call

from rowgate_server.engines.description import Description
from rowgate_server.engines.results import Stats
from rowgate_server.errors import Outcome, Reason, RowgateError


class Describing(Station):
    async def describe(self, seconds: float = 9) -> tuple[Description, Stats]:
        return await self._executor.describe(call(seconds=seconds, reads=False), valued=False)

    async def fate(self) -> list[str]:
        """What happened to the connection, once it is over."""
        await self.pool.close()  # which waits for clean-ups
        return [line.split()[0] for line in self.driver.log if line.split()[0] in ("reset", "kill", "close")]


@on_the_clock
async def test_what_the_driver_tells_is_handed_on_with_the_time_it_took() -> None:
    station = Describing()
    station.driver.executing = lasting(2)
    description, stats = await station.describe()
    assert [column.name for column in description.columns] == ["c0"]
    assert (stats.query_id, stats.elapsed, stats.row_count, stats.truncation) == ("id", 2, 0, None)
    assert (await station.fate())[0] == "reset"


@on_the_clock
async def test_over_its_time_it_is_killed_and_was_not_run() -> None:
    station = Describing()
    station.driver.executing = never
    with pytest.raises(RowgateError) as caught:
        await station.describe(seconds=4)
    assert now() == 1004
    assert caught.value.reason is Reason.STATEMENT_TIMEOUT
    assert caught.value.outcome == Outcome.NOT_RUN
    assert "kill" in await station.fate()


@on_the_clock
async def test_a_cancelled_one_is_killed() -> None:
    station = Describing()
    station.driver.executing = never
    caller = asyncio.create_task(station.describe())
    await settle()
    caller.cancel()
    await asyncio.wait({caller})
    assert caller.cancelled()
    assert "kill" in await station.fate()


@pytest.mark.parametrize(("broken", "expected"), [(False, "reset"), (True, "kill")])
@on_the_clock
async def test_an_error_of_the_database_s_is_told_and_a_broken_connection_dropped(broken: bool, expected: str) -> None:
    station = Describing()
    station.driver.executing = failing(DriverError(Reason.UNKNOWN_TABLE, broken=broken))
    with pytest.raises(RowgateError, match="the database's words") as caught:
        await station.describe()
    assert caught.value.reason is Reason.UNKNOWN_TABLE
    assert (await station.fate())[0] == expected
