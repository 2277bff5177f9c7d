"""Where there is no room for an answer nothing is run: seen once the wait for a connection is over, which goes back."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from unit.engines.clock import on_the_clock, settle
from unit.engines.scripted_driver import at_once, never
from unit.engines.station import Station

from rowgate_server.errors import Outcome, Reason, RowgateError
from rowgate_server.observability.callers import current_caller


class Crowded:
    """A call for whose answer there is no room, from a moment on."""

    peer, rpc, tag, identity = "ipv4:127.0.0.1:1", "ExecuteQuery", "", ""

    def __init__(self) -> None:
        self.may = self.will = True
        self.comes = asyncio.Event()
        self.kept: list[int] = []

    def may_answer(self) -> bool:
        if not self.will:
            raise RowgateError(Reason.QUOTA_EXCEEDED, "no room", outcome=Outcome.NOT_RUN)
        return self.may

    async def room(self, patience: float) -> None:
        async with asyncio.timeout(patience):
            await self.comes.wait()

    def keeps(self, octets: int) -> int | None:
        self.kept.append(octets)
        return None if self.will else 1000

    def end_at(self, when: float, error: Exception) -> None:
        raise AssertionError(when, error)


@asynccontextmanager
async def calling(station: Station) -> AsyncIterator[Crowded]:
    """The station's pool is whole again at the end."""
    caller = Crowded()
    token = current_caller.set(caller)
    try:
        yield caller
        await settle()
        assert station.pool.numbers().in_use == 0
    finally:
        current_caller.reset(token)
        await station.pool.close()


@on_the_clock
async def test_a_statement_that_waited_for_its_connection_is_not_run() -> None:
    station = Station()
    async with calling(station) as caller:
        station.will_answer(never)
        first = asyncio.create_task(station.run())
        await settle()
        second = asyncio.create_task(station.run())
        await settle()
        caller.will = False
        first.cancel()
        with pytest.raises(RowgateError, match="no room"):
            await second
        station.driver.killing = at_once


@on_the_clock
async def test_neither_is_a_transaction_begun_nor_a_statement_on_a_warm_connection() -> None:
    station = Station()
    async with calling(station) as caller:
        station.will_answer([(1,)])
        assert (await station.run()).rows == [(1,)]
        caller.will = False
        with pytest.raises(RowgateError, match="no room"):
            await station.run()
        with pytest.raises(RowgateError, match="no room"):
            async with station.transaction():
                raise AssertionError
        caller.will = True
        station.will_answer([(2,)])
        assert (await station.run()).rows == [(2,)]


@on_the_clock
async def test_what_waits_for_room_holds_no_connection() -> None:
    station = Station()
    async with calling(station) as caller:
        caller.may = False
        tasks = [asyncio.create_task(station.run()), asyncio.create_task(begun(station))]
        await settle()
        assert station.pool.numbers().in_use == 0
        assert not [line for line in station.driver.log if line.startswith("execute")]
        station.will_answer([(1,)])
        caller.comes.set()
        await asyncio.gather(*tasks)


async def begun(station: Station) -> None:
    async with station.transaction():
        pass


@on_the_clock
async def test_nobody_waits_for_room_beyond_the_deadline() -> None:
    station = Station()
    async with calling(station) as caller:
        caller.may = False
        with pytest.raises(RowgateError, match="waiting for room for its result") as caught:
            await station.run(seconds=3)
        assert (caught.value.reason, caught.value.outcome) == (Reason.STATEMENT_TIMEOUT, Outcome.NOT_RUN)


@on_the_clock
async def test_a_connection_that_goes_back_unused_is_reset_when_it_lies_idle_as_it_would_have_been() -> None:
    station = Station()
    async with calling(station) as caller:
        station.driver.defers = True
        station.will_answer([(1,)])
        await station.run()
        caller.will = False
        for _ in range(10):
            await asyncio.sleep(0.015)  # again and again before its reset is due
            with pytest.raises(RowgateError, match="no room"):
                await station.run()
        assert station.driver.log.count("reset 1") == 1


@on_the_clock
async def test_what_a_large_result_takes_is_told_and_of_small_ones_nothing() -> None:
    station = Station()
    async with calling(station) as caller:
        station.will_answer([(number,) for number in range(100)])
        await station.run()
        assert not caller.kept
        station.will_answer([(number,) for number in range(5_000)])
        await station.run()
        station.will_answer([(None,) for number in range(20_000)])
        await station.run()
        assert caller.kept == [5_000 * (8 + 64), 20_000 * (8 + 64)]


@on_the_clock
async def test_a_result_that_is_too_much_beside_others_of_its_call_is_refused() -> None:
    station = Station()
    async with calling(station) as caller:

        async def crowd() -> None:
            caller.will = False

        station.will_answer(crowd, [(number,) for number in range(5_000)])
        with pytest.raises(RowgateError, match="1000 bytes in memory, of all results of a call") as caught:
            await station.run()
        assert (caught.value.reason, caught.value.outcome) == (Reason.RESULT_TOO_LARGE, Outcome.UNKNOWN)
        caller.will = True
        station.will_answer([(1,)])
        assert (await station.run()).rows == [(1,)]
