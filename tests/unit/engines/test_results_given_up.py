"""A result that nobody wants to the end, in a transaction that is wanted: its rest is read, or costs the connection."""

from __future__ import annotations

from typing import Any

import pytest
from unit.engines.clock import on_the_clock
from unit.engines.scripted_driver import DriverError, ScriptedCursor, Step, lasting, never
from unit.engines.station import GIVEN_BACK, KILLED, Station, a_station, call, rows

from rowgate_server.engines import clock
from rowgate_server.engines.limits import ResultLimits
from rowgate_server.engines.results import Chunk, Completion
from rowgate_server.engines.running import Call
from rowgate_server.engines.transaction import Transaction, TransactionState
from rowgate_server.errors import Reason, RowgateError

DONE = Completion(affected_rows=1)
ACTIVE, ROLLED_BACK = TransactionState.ACTIVE, TransactionState.ROLLED_BACK


class SlowToStop(ScriptedCursor):
    """Its rest takes some time."""

    def __init__(self, *batches: Any, rest: Step) -> None:
        super().__init__(*batches, stops=DONE)
        self._rest = rest

    async def stop(self) -> Completion | None:
        await self._rest()
        return await super().stop()


async def collected(transaction: Transaction, asked: Call) -> list[Chunk]:
    return [chunk async for chunk in transaction.stream(asked)]


async def given_up(transaction: Transaction, cells_per_chunk: int | None = None) -> list[Chunk]:
    """The chunks of a stream that is forgone after its first one."""
    chunks = []
    async for chunk in transaction.stream(call(seconds=9), cells_per_chunk):
        chunks.append(chunk)
        transaction.forgo()
    return chunks


async def what_is_left(transaction: Transaction, station: Station, *, active: bool) -> list[str]:
    """Whether the transaction goes on, as it should; then what became of its connection."""
    assert transaction.state is (ACTIVE if active else ROLLED_BACK)
    assert transaction.sound is active
    if active:
        station.will_answer(rows(1))
        await transaction.run(call(seconds=9))
    return GIVEN_BACK if active else KILLED


async def test_a_stream_that_is_forgone_ends_and_the_transaction_goes_on() -> None:
    async with a_station() as station:
        station.will_answer(rows(1, 2), never, stops=DONE)
        async with station.transaction() as transaction:
            one, last = await given_up(transaction, cells_per_chunk=1)
            assert (one.rows, last.rows) == ([(1,)], [])
            assert last.stats is not None
            expected = await what_is_left(transaction, station, active=True)
        assert [line for line in await station.fate() if "execute" not in line] == expected


@pytest.mark.parametrize(("seconds", "active"), [(0.9, True), (1.1, False)])
@on_the_clock
async def test_a_rest_is_read_for_a_second_at_most(seconds: float, active: bool) -> None:
    async with a_station() as station:
        station.driver.answers.append(SlowToStop(rows(1), rows(2), rest=lasting(seconds)))
        async with station.transaction() as transaction:
            began = clock.now()
            await given_up(transaction, cells_per_chunk=1)
            assert clock.now() - began == pytest.approx(min(seconds, 1.0))
            expected = await what_is_left(transaction, station, active=active)
        assert [line for line in await station.fate() if "execute" not in line] == expected


@pytest.mark.parametrize(("seconds", "active"), [(0.9, True), (1.1, False)])
@on_the_clock
async def test_a_fetch_that_is_under_way_is_not_cancelled_at_once(seconds: float, active: bool) -> None:
    async with a_station() as station:
        station.will_answer(rows(1), lasting(seconds), stops=DONE)
        async with station.transaction() as transaction:
            await given_up(transaction)
            assert ("fetch cancelled" in station.driver.log) is not active
            expected = await what_is_left(transaction, station, active=active)
        assert [line for line in await station.fate() if "execute" not in line] == expected


@on_the_clock
async def test_what_the_rest_fails_with_is_told() -> None:
    async with a_station() as station:

        async def fails() -> None:
            await lasting(0.5)()
            raise DriverError(Reason.DEADLOCK)

        station.will_answer(rows(1), fails, stops=DONE)
        async with station.transaction() as transaction:
            with pytest.raises(RowgateError) as caught:
                await given_up(transaction)
            assert caught.value.reason is Reason.DEADLOCK


@pytest.mark.parametrize("how", ["run", "stream"])
async def test_a_result_over_a_cap_is_stopped_where_that_is_possible(how: str) -> None:
    async with a_station() as station:
        station.will_answer(rows(1, 2), never, stops=DONE)
        async with station.transaction() as transaction:
            over = call(seconds=9, limits=ResultLimits(cap_rows=1))
            with pytest.raises(RowgateError) as caught:
                await (transaction.run(over) if how == "run" else collected(transaction, over))
            assert caught.value.reason is Reason.RESULT_TOO_LARGE
            expected = await what_is_left(transaction, station, active=True)
        assert [line for line in await station.fate() if "execute" not in line] == expected


async def test_what_ended_the_transaction_is_told_behind_a_result_over_a_cap() -> None:
    """As a procedure does that commits, and returns more rows than may be."""
    async with a_station() as station:
        station.will_answer(rows(1, 2), stops=DONE)
        looked = []

        async def look() -> None:
            looked.append(True)

        station.driver.looking = look
        async with station.transaction() as transaction:
            with pytest.raises(RowgateError):
                await transaction.run(call(seconds=9, limits=ResultLimits(cap_rows=1)))
            assert looked
