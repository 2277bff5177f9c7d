"""What a transaction does by itself, at savepoints and at its end, is listed while it runs, and can be stopped."""

from __future__ import annotations

import asyncio

import pytest
from unit.engines.clock import on_the_clock, settle
from unit.engines.scripted_driver import never
from unit.engines.station import KILLED, a_station, call, rows

from rowgate_server.engines.driver import NotUndoneError
from rowgate_server.engines.transaction import Transaction, TransactionState
from rowgate_server.engines.underway import Phase, UnderWay
from rowgate_server.errors import Outcome, Reason, RowgateError

WAYS = {
    "COMMIT": (Transaction.commit, Outcome.UNKNOWN, TransactionState.UNKNOWN),
    "ROLLBACK": (Transaction.rollback, Outcome.ROLLED_BACK, TransactionState.ROLLED_BACK),
    "SAVEPOINT rowgate_0": (lambda each: each.savepoint("a"), Outcome.ROLLED_BACK, TransactionState.ROLLED_BACK),
}


def told(one: UnderWay) -> tuple[str, str, Phase]:
    return one.call.query_id, "".join(one.call.statement.fragments), one.phase


@pytest.mark.parametrize("sql", WAYS)
@pytest.mark.parametrize("name", ["", "of the transaction"])
@on_the_clock
async def test_a_command_that_is_stopped_ends_its_transaction(sql: str, name: str) -> None:
    command, outcome, state = WAYS[sql]
    async with a_station() as station:
        station.driver.committing = never
        station.will_answer(rows(1))
        async with station.transaction() as transaction:
            await transaction.run(call(seconds=9))
            transaction.listing.name = name
            work = asyncio.create_task(command(transaction))
            await settle()
            (one,) = station.under_way
            assert told(one) == (name or "id", sql, Phase.RUNNING)
            one.stop(RowgateError(Reason.QUERY_CANCELLED, "somebody wanted that"))
            with pytest.raises(RowgateError, match="somebody") as caught:
                await work
            assert (caught.value.outcome, transaction.state) == (outcome, state)
            assert not station.under_way
        assert (await station.fate())[-3:] == KILLED


@on_the_clock
async def test_one_that_is_answered_is_listed_no_more() -> None:
    async with a_station() as station, station.transaction() as transaction:
        await transaction.savepoint("a")
        assert not station.under_way


@on_the_clock
async def test_an_idle_one_is_listed_until_it_is_busy_or_its_connection_is_given_back() -> None:
    ended: list[RowgateError] = []
    gave_way: list[float] = []
    async with a_station() as station:
        async with station.transaction() as transaction:
            transaction.listing.name = "held"
            for _ in range(2):
                transaction.listing.idle(1000.0, call(seconds=9).deadline, ended.append, gave_way.append)
            (one,) = station.under_way
            assert told(one) == ("held", "", Phase.IDLE)
            one.stop(NotUndoneError())
            assert len(ended) == 1
            transaction.listing.busy()
            assert not station.under_way
            transaction.listing.idle(1000.0, call(seconds=9).deadline, ended.append, gave_way.append)
        assert not station.under_way
