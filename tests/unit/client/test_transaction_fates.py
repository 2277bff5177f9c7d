"""What becomes of a client's transaction when its stream, or the function in it, ends badly."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import grpc
import pytest
from unit.client.scripted import Fault, Hang, serving
from unit.client.scripted_transact import FAILED, UNKNOWN, End, TransactGateway, failed, went_through

import rowgate
from rowgate import Outcome, Transaction, TransactionState

GONE = Fault(grpc.StatusCode.UNAVAILABLE)
DEADLOCK = failed("DEADLOCK", 10, outcome="ROLLED_BACK")


@pytest.fixture
async def gateway() -> TransactGateway:
    return TransactGateway()


@pytest.fixture
async def db(gateway: TransactGateway) -> AsyncIterator[rowgate.Client]:
    quick = rowgate.Retry(first_delay=0.001, longest_delay=0.001)
    async with serving(gateway) as port, rowgate.connect(f"127.0.0.1:{port}", timeout=20, retry=quick) as client:
        yield client


async def one_statement(transaction: Transaction) -> None:
    async with transaction as tx:
        await tx.query("update t set n = 1")


async def error_of(transaction: Transaction, work: Any = one_statement) -> rowgate.RowgateError:
    with pytest.raises(rowgate.RowgateError) as caught:
        await work(transaction)
    return caught.value


async def test_a_stream_that_ends_before_the_commit_was_sent_is_rolled_back(
    db: rowgate.Client, gateway: TransactGateway
) -> None:
    gateway.at("execute_query", GONE)
    transaction = db.transaction()
    error = await error_of(transaction)
    assert (type(error), error.outcome) == (rowgate.GatewayUnreachable, Outcome.ROLLED_BACK)
    assert transaction.state is TransactionState.ROLLED_BACK
    assert gateway.asked == [["begin", "execute_query"]]


@pytest.mark.parametrize("turn", [GONE, failed("DATABASE_UNAVAILABLE", 14, UNKNOWN, outcome="UNKNOWN"), End()])
async def test_an_answer_to_the_commit_that_is_lost_leaves_it_unknown(
    db: rowgate.Client, gateway: TransactGateway, turn: Any
) -> None:
    gateway.at("commit", turn)
    transaction = db.transaction()
    error = await error_of(transaction)
    assert error.outcome is Outcome.UNKNOWN
    assert transaction.state is TransactionState.UNKNOWN
    assert gateway.asked == [["begin", "execute_query", "commit"]]


async def test_a_commit_of_which_the_gateway_knows_more_is_what_it_says(
    db: rowgate.Client, gateway: TransactGateway
) -> None:
    gateway.at("commit", Fault(grpc.StatusCode.UNAVAILABLE, "SHUTTING_DOWN", metadata={"outcome": "ROLLED_BACK"}))
    transaction = db.transaction()
    assert (await error_of(transaction)).outcome is Outcome.ROLLED_BACK
    assert transaction.state is TransactionState.ROLLED_BACK


async def test_an_answer_to_another_request_ends_it(db: rowgate.Client, gateway: TransactGateway) -> None:
    for kind, outcome in (("execute_query", Outcome.ROLLED_BACK), ("commit", Outcome.UNKNOWN)):
        answer = went_through(kind)
        answer.sequence = 77
        gateway.at(kind, answer)
        error = await error_of(db.transaction())
        assert (type(error), error.outcome) == (rowgate.ProtocolError, outcome)


async def test_a_task_that_is_cancelled_during_the_commit_does_not_know(
    db: rowgate.Client, gateway: TransactGateway
) -> None:
    gateway.at("commit", Hang())
    transaction = db.transaction()
    task = asyncio.create_task(one_statement(transaction))
    await gateway.under_way.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert transaction.state is TransactionState.UNKNOWN


async def test_a_begin_is_tried_again_and_nothing_else_is(db: rowgate.Client, gateway: TransactGateway) -> None:
    gateway.at("begin", GONE, Fault(grpc.StatusCode.UNAVAILABLE, "DATABASE_UNAVAILABLE"))
    await one_statement(db.transaction())
    assert [len(kinds) for kinds in gateway.asked] == [1, 1, 3]
    gateway.at("begin", Fault(grpc.StatusCode.RESOURCE_EXHAUSTED, "POOL_EXHAUSTED"))
    error = await error_of(db.transaction())
    assert (type(error), error.outcome) == (rowgate.PoolExhausted, Outcome.NOT_RUN)


async def test_an_error_that_is_swallowed_is_told_where_nothing_was_committed(
    db: rowgate.Client, gateway: TransactGateway
) -> None:
    async def swallow(transaction: Transaction) -> None:
        async with transaction as tx:
            with pytest.raises(rowgate.Deadlock):
                await tx.query("update t set n = 1")
            with pytest.raises(rowgate.TransactionOver) as caught:
                await tx.query("select 1")
            assert isinstance(caught.value.__cause__, rowgate.Deadlock)

    gateway.at("execute_query", DEADLOCK)
    error = await error_of(db.transaction(), swallow)
    assert isinstance(error, rowgate.TransactionFailed)
    assert isinstance(error.__cause__, rowgate.Deadlock)


async def test_the_streams_of_transactions_that_are_over_end_by_themselves(
    db: rowgate.Client, gateway: TransactGateway
) -> None:
    """A half-close, not a cancel, which the gateway would count as a failure."""
    for expected in ("commit", "rollback"):
        gateway.ended.clear()
        async with db.transaction() as tx:
            await (tx.commit() if expected == "commit" else tx.rollback())
        await gateway.ended.wait()
        assert gateway.asked[-1] == ["begin", expected]


async def test_a_function_is_run_again_only_after_what_may_go_through(
    db: rowgate.Client, gateway: TransactGateway
) -> None:
    async def work(tx: Transaction) -> str:
        await tx.query("update t set n = 1")
        return "done"

    for again in ("DEADLOCK", "SERIALIZATION_FAILURE", "LOCK_TIMEOUT", "SOMETHING_NEW"):
        gateway.asked.clear()
        gateway.at("execute_query", failed(again, 10, FAILED, outcome="ROLLED_BACK"))
        gateway.at("commit", failed(again, 10, outcome="ROLLED_BACK"))
        assert await db.run_transaction(work) == "done"
        assert len(gateway.asked) == 3
    for reason, code, state in (
        ("TRANSACTION_EXPIRED", 10, FAILED),
        ("DUPLICATE_KEY", 6, FAILED),
        ("DATABASE_UNAVAILABLE", 14, FAILED),
        ("SERIALIZATION_FAILURE", 10, UNKNOWN),
    ):
        gateway.asked.clear()
        outcome = "UNKNOWN" if state is UNKNOWN else "ROLLED_BACK"
        gateway.at("commit" if state is UNKNOWN else "execute_query", failed(reason, code, state, outcome=outcome))
        with pytest.raises(rowgate.RowgateError):
            await db.run_transaction(work)
        assert len(gateway.asked) == 1


async def test_a_deadlock_that_was_swallowed_is_a_reason_to_run_again(
    db: rowgate.Client, gateway: TransactGateway
) -> None:
    async def work(tx: Transaction) -> None:
        try:
            await tx.query("update t set n = 1")
        except rowgate.Deadlock:
            return

    gateway.at("execute_query", DEADLOCK)
    await db.run_transaction(work)
    assert [kinds[-1] for kinds in gateway.asked] == ["execute_query", "commit"]


async def test_a_function_is_not_run_again_once_it_has_committed(db: rowgate.Client, gateway: TransactGateway) -> None:
    async def work(tx: Transaction) -> None:
        await tx.commit()
        raise rowgate.Deadlock("of something else")

    with pytest.raises(rowgate.Deadlock):
        await db.run_transaction(work)
    assert len(gateway.asked) == 1


async def test_a_function_is_run_as_often_as_it_says_and_within_its_time(
    db: rowgate.Client, gateway: TransactGateway
) -> None:
    gateway.at("execute_query", *[DEADLOCK] * 9)
    with pytest.raises(rowgate.Deadlock):
        await db.run_transaction(one_query, attempts=2)
    assert len(gateway.asked) == 2
    with pytest.raises(rowgate.Deadlock):
        await db.run_transaction(one_query, timeout=2, attempts=9)  # a pause is longer than what is left
    with pytest.raises(ValueError, match="attempts"):
        await db.run_transaction(one_query, attempts=0)


async def one_query(tx: Transaction) -> None:
    await tx.query("update t set n = 1")


async def test_what_a_transaction_cannot_be_is_refused(db: rowgate.Client, gateway: TransactGateway) -> None:
    with pytest.raises(TypeError, match="'serializable'"):
        db.transaction(isolation="SERIALIZABLE")  # type: ignore[arg-type]  # that is the test
    with pytest.raises(TypeError, match="no option 'readonly'"):
        db.transaction(readonly=True)  # type: ignore[call-arg]  # that is the test
    for name in ("lock_timeout", "idle_timeout", "timeout"):
        with pytest.raises(ValueError, match=name):
            db.transaction(**{name: 0})  # type: ignore[arg-type]  # any of the three
    transaction = db.transaction()
    with pytest.raises(RuntimeError, match="async with"):
        _ = transaction.state
    with pytest.raises(RuntimeError, match="async with"):
        await transaction.query("select 1")
    await one_statement(transaction)
    with pytest.raises(RuntimeError, match="begun once"):
        await one_statement(transaction)
    with pytest.raises(TypeError, match="no option 'retry'"):
        transaction.with_options(retry=None)  # type: ignore[call-arg]  # that is the test
    assert len(gateway.asked) == 1


async def test_savepoints_of_tasks_must_not_overlap(db: rowgate.Client) -> None:
    transaction = db.transaction()

    async def overlap() -> None:
        async with transaction as tx:
            outer = tx.savepoint()
            await outer.__aenter__()
            await tx.savepoint().__aenter__()
            await outer.__aexit__(None, None, None)

    with pytest.raises(RuntimeError, match="must not overlap"):
        await overlap()
    assert transaction.state is TransactionState.ROLLED_BACK


async def test_a_client_that_is_closed_ends_its_transactions(gateway: TransactGateway) -> None:
    gateway.at("execute_query", Hang())
    async with serving(gateway) as port:
        client = rowgate.connect(f"127.0.0.1:{port}")
        transaction = client.transaction()
        task = asyncio.create_task(one_statement(transaction))
        await gateway.under_way.wait()
        await client.aclose()
        with pytest.raises(rowgate.ClientClosed) as caught:
            await task
    assert caught.value.outcome is Outcome.ROLLED_BACK
