"""Who leaves answers unread has nothing run: seen once the wait for a connection is over, which goes back unused."""

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


class Unread:
    """A call whose caller reads nothing, from a moment on."""

    peer, rpc, tag, identity = "ipv4:127.0.0.1:1", "ExecuteQuery", "", ""
    room = True

    def may_answer(self) -> None:
        if not self.room:
            raise RowgateError(Reason.QUOTA_EXCEEDED, "no room", outcome=Outcome.NOT_RUN)

    def end_at(self, when: float, error: Exception) -> None:
        raise AssertionError(when, error)


@asynccontextmanager
async def calling(station: Station) -> AsyncIterator[Unread]:
    """The station's pool is whole again at the end."""
    caller = Unread()
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
        caller.room = False
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
        caller.room = False
        with pytest.raises(RowgateError, match="no room"):
            await station.run()
        with pytest.raises(RowgateError, match="no room"):
            async with station.transaction():
                raise AssertionError
        caller.room = True
        station.will_answer([(2,)])
        assert (await station.run()).rows == [(2,)]
