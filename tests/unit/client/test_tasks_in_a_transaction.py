"""Several tasks in one transaction, and savepoints that could not be gone back to."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress

import pytest
from unit.client.scripted import Hang, serving
from unit.client.scripted_transact import ACTIVE, FAILED, UNKNOWN, TransactGateway, failed

import rowgate
from rowgate import Outcome, TransactionState


@pytest.fixture
async def gateway() -> TransactGateway:
    return TransactGateway()


@pytest.fixture
async def db(gateway: TransactGateway) -> AsyncIterator[rowgate.Client]:
    async with serving(gateway) as port, rowgate.connect(f"127.0.0.1:{port}", timeout=20) as client:
        yield client


def fail() -> None:
    raise ZeroDivisionError


async def go_back(db: rowgate.Client, *then: str) -> None:
    """A savepoint's block that ends by an exception, which is caught; then what comes after it."""
    async with db.transaction() as tx:
        with suppress(ZeroDivisionError):
            async with tx.savepoint():
                await tx.query("update t set n = 1")
                fail()
        for sql in then:
            await tx.query(sql)


async def test_an_exception_does_not_wait_for_what_other_tasks_ask(
    db: rowgate.Client, gateway: TransactGateway
) -> None:
    gateway.at("execute_query", Hang())
    transaction = db.transaction()
    async with asyncio.timeout(4):  # the client's own patience is 5 s
        with suppress(ZeroDivisionError):
            async with transaction as tx:
                asked = [asyncio.create_task(tx.query("select 1")) for _ in range(2)]
                await gateway.under_way.wait()
                fail()
        answers = await asyncio.gather(*asked, return_exceptions=True)
    assert [type(each) for each in answers] == [rowgate.TransactionOver] * 2
    assert [each.outcome for each in answers if isinstance(each, rowgate.RowgateError)] == ["ROLLED_BACK", "NOT_RUN"]
    assert transaction.state is TransactionState.ROLLED_BACK


async def test_a_task_that_is_cancelled_itself_is_cancelled(db: rowgate.Client, gateway: TransactGateway) -> None:
    gateway.at("execute_query", Hang())
    async with db.transaction() as tx:
        slow = asyncio.create_task(tx.query("select 1"))
        await gateway.under_way.wait()
        slow.cancel()
        with pytest.raises(asyncio.CancelledError):
            await slow
        with pytest.raises(rowgate.TransactionOver):
            await tx.query("select 1")
        await tx.rollback()


@pytest.mark.parametrize("state", [ACTIVE, FAILED])
async def test_nothing_is_committed_that_a_savepoint_did_not_undo(
    db: rowgate.Client, gateway: TransactGateway, state: int
) -> None:
    gateway.at("rollback_to", failed("QUOTA_EXCEEDED", 8, state))  # type: ignore[arg-type]  # a number of the enum's
    with pytest.raises(rowgate.TransactionOver) as caught:
        await go_back(db, "update t set n = 2")
    assert isinstance(caught.value.__cause__, rowgate.QuotaExceeded)
    assert gateway.asked == [["begin", "savepoint", "execute_query", "rollback_to"]]


async def test_such_a_block_that_ends_well_is_told_that_nothing_lasts(
    db: rowgate.Client, gateway: TransactGateway
) -> None:
    gateway.at("rollback_to", failed("QUOTA_EXCEEDED", 8, ACTIVE))
    with pytest.raises(rowgate.TransactionFailed) as caught:
        await go_back(db)
    assert (caught.value.outcome, type(caught.value.__cause__)) == (Outcome.ROLLED_BACK, rowgate.QuotaExceeded)


async def test_a_rollback_that_does_not_undo_all_says_so(db: rowgate.Client, gateway: TransactGateway) -> None:
    kept = failed("NOT_SUPPORTED", 12, UNKNOWN, outcome="UNKNOWN")
    gateway.at("rollback", kept, kept)
    async with db.transaction() as tx:
        with pytest.raises(rowgate.TransactionFailed) as caught:
            await tx.rollback()
    assert (caught.value.outcome, type(caught.value.__cause__)) == (Outcome.UNKNOWN, rowgate.NotSupported)
    with suppress(ZeroDivisionError):
        async with db.transaction() as tx:
            fail()
    assert tx.state is TransactionState.UNKNOWN


async def test_a_savepoint_that_undoes_in_part_leaves_it_unknown(db: rowgate.Client, gateway: TransactGateway) -> None:
    gateway.at("rollback_to", failed("NOT_SUPPORTED", 12, ACTIVE, outcome="UNKNOWN"))
    with pytest.raises(rowgate.TransactionFailed) as caught:
        await go_back(db)
    assert caught.value.outcome is Outcome.UNKNOWN


async def test_a_savepoint_is_not_entered_within_itself(db: rowgate.Client, gateway: TransactGateway) -> None:
    async with db.transaction() as tx:
        place = tx.savepoint()
        async with place:
            with pytest.raises(RuntimeError, match="make another one"):
                await place.__aenter__()
        async with place:
            pass
    assert gateway.asked == [["begin", "savepoint", "release", "savepoint", "release", "commit"]]
