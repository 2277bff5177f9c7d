"""What a real database cannot be made to do at the right moment: a commit without an answer, a link that breaks."""

from __future__ import annotations

import asyncio

import pytest
from unit.engines.clock import on_the_clock, settle
from unit.engines.scripted_driver import DriverError, Step, at_once, failing, never
from unit.engines.station import GIVEN_BACK, KILLED, Station, a_station, call, rows

from rowgate_server.engines.driver import Standing
from rowgate_server.engines.limits import ResultLimits
from rowgate_server.engines.transaction import TransactionState
from rowgate_server.errors import Outcome, Reason, RowgateError

BROKEN = DriverError(Reason.DATABASE_UNAVAILABLE, broken=True)


async def one_statement(station: Station, *, commit: bool = True, cap: int | None = None) -> TransactionState:
    """A transaction of one statement; its state when it was left."""
    async with station.transaction() as transaction:
        try:
            await transaction.run(call(seconds=9, limits=ResultLimits(cap_rows=cap)))
            if commit:
                await transaction.commit()
        finally:
            station.driver.log.append(transaction.state.name)
    return transaction.state


async def test_a_committed_transaction_gives_its_connection_back() -> None:
    async with a_station() as station:
        station.will_answer(rows(1))
        assert await one_statement(station) is TransactionState.COMMITTED
        assert await station.fate() == ["commit 1", *GIVEN_BACK]


async def test_a_transaction_without_commit_is_rolled_back_by_the_reset_behind_the_answer() -> None:
    async with a_station() as station:
        station.will_answer(rows(1))
        await one_statement(station, commit=False)
        assert await station.fate() == GIVEN_BACK


@pytest.mark.parametrize("ending", ["no answer", "broken link"])
@on_the_clock
async def test_a_commit_that_is_not_answered_is_in_doubt(ending: str) -> None:
    async with a_station() as station:
        station.will_answer(rows(1))
        station.driver.committing = never if ending == "no answer" else failing(BROKEN)
        with pytest.raises(RowgateError) as caught:
            await one_statement(station)
        assert caught.value.outcome == Outcome.UNKNOWN
        assert await station.fate() == ["commit 1", *KILLED]


async def test_a_commit_that_the_database_refuses_is_rolled_back() -> None:
    async with a_station() as station:
        station.will_answer(rows(1))
        station.driver.committing = failing(DriverError(Reason.SERIALIZATION_FAILURE))
        with pytest.raises(RowgateError) as caught:
            await one_statement(station)
        assert (caught.value.reason, caught.value.outcome) == (Reason.SERIALIZATION_FAILURE, Outcome.ROLLED_BACK)
        assert "ROLLED_BACK" in station.driver.log
        assert await station.fate() == ["commit 1", *GIVEN_BACK]


@on_the_clock
async def test_a_link_that_breaks_before_the_commit_undoes_everything() -> None:
    async with a_station() as station:
        station.driver.executing = failing(BROKEN)
        with pytest.raises(RowgateError) as caught:
            await one_statement(station)
        assert caught.value.outcome == Outcome.ROLLED_BACK
        assert await station.fate() == KILLED


@pytest.mark.parametrize("where", ["a statement", "the commit", "between them"])
@on_the_clock
async def test_a_cancelled_transaction_is_rolled_back_and_what_may_still_run_is_killed(where: str) -> None:
    async with a_station() as station:
        station.will_answer(rows(1), *([never] if where == "a statement" else []))
        station.driver.committing = never

        async def work() -> None:
            async with station.transaction() as transaction:
                await transaction.run(call(seconds=9))
                await (transaction.commit() if where == "the commit" else never())

        caller = asyncio.create_task(work())
        await settle()
        caller.cancel()
        await asyncio.gather(caller, return_exceptions=True)
        fate = [line for line in await station.fate() if line != "commit 1"]
        assert fate == (GIVEN_BACK if where == "between them" else KILLED)


@on_the_clock
async def test_a_transaction_does_not_go_on_behind_a_statement_that_was_given_up() -> None:
    async with a_station() as station:
        station.will_answer(never)
        async with station.transaction() as transaction:
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(1):
                    await transaction.run(call(seconds=9))
            with pytest.raises(RowgateError, match="rolled back"):
                await transaction.run(call(seconds=9))
        assert await station.fate() == KILLED


async def test_a_result_over_the_cap_ends_the_transaction() -> None:
    async with a_station() as station:
        station.will_answer(rows(1, 2))
        with pytest.raises(RowgateError) as caught:
            await one_statement(station, cap=1)
        assert (caught.value.reason, caught.value.outcome) == (Reason.RESULT_TOO_LARGE, Outcome.ROLLED_BACK)
        assert await station.fate() == ["ROLLED_BACK", *KILLED][1:]


@pytest.mark.parametrize(
    ("standing", "state"),
    [
        (Standing.ACTIVE, TransactionState.ACTIVE),
        (Standing.FAILED, TransactionState.FAILED),
        (Standing.ENDED, TransactionState.ROLLED_BACK),
    ],
)
async def test_after_an_error_the_database_says_what_is_left(standing: Standing, state: TransactionState) -> None:
    async with a_station() as station:
        station.driver.executing = failing(DriverError())
        station.driver.standing = standing
        async with station.transaction() as transaction:
            with pytest.raises(RowgateError):
                await transaction.run(call(seconds=9))
            assert transaction.state is state
        assert await station.fate() == GIVEN_BACK


@pytest.mark.parametrize(
    ("looking", "reason"),
    [
        (failing(BROKEN), Reason.DATABASE_UNAVAILABLE),
        (failing(DriverError(Reason.QUERY_CANCELLED)), Reason.QUERY_CANCELLED),
        (never, Reason.STATEMENT_TIMEOUT),
    ],
    ids=["broken link", "refused", "no answer"],
)
@pytest.mark.parametrize(
    ("error", "state", "outcome"),
    [
        (None, TransactionState.UNKNOWN, Outcome.UNKNOWN),
        (DriverError(Reason.DUPLICATE_KEY), TransactionState.ROLLED_BACK, Outcome.ROLLED_BACK),
    ],
    ids=["went well", "failed"],
)
@on_the_clock
async def test_what_is_left_is_told_where_the_database_can_no_longer_say_it(
    looking: Step, reason: Reason, error: DriverError | None, state: TransactionState, outcome: Outcome
) -> None:
    async with a_station() as station:
        station.will_answer(rows(1))
        station.driver.executing = at_once if error is None else failing(error)
        station.driver.looking = looking
        async with station.transaction(seconds=2) as transaction:
            with pytest.raises(RowgateError) as caught:
                await transaction.run(call(seconds=9))
        assert caught.value.reason is reason
        assert (transaction.state, caught.value.outcome) == (state, outcome)
        assert [line for line in await station.fate() if line != "finish"] == KILLED


@on_the_clock
async def test_a_statement_ends_with_its_transactions_deadline() -> None:
    async with a_station() as station:
        station.will_answer(never)
        with pytest.raises(RowgateError) as caught:
            async with station.transaction(seconds=2) as transaction:
                await transaction.run(call(seconds=9))
        assert caught.value.metadata["limit"] == "options.timeout 2s"
        assert await station.fate() == KILLED


async def test_nothing_is_sent_once_the_connection_was_given_back() -> None:
    async with a_station() as station:
        station.will_answer(rows(1))
        async with station.transaction() as transaction:
            await transaction.run(call(seconds=9))
        fate = await station.fate()
        for late in (
            transaction.run(call(seconds=9)),
            transaction.run_many(call(seconds=9), []),
            transaction.savepoint("a"),
            transaction.rollback_to("a"),
            transaction.release("a"),
            transaction.commit(),
            transaction.rollback(),
        ):
            with pytest.raises(RowgateError) as caught:
                await late
            assert (caught.value.reason, caught.value.outcome) == (Reason.INVALID_REQUEST, Outcome.NOT_RUN)
        assert await station.fate() == fate
