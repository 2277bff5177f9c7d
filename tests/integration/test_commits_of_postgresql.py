"""A COMMIT that PostgreSQL answers with ROLLBACK, as it does behind an error that nobody here has seen."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import asyncpg
import pytest

from rowgate_server.engines.deadline import Deadline
from rowgate_server.engines.driver import TransactionOptions
from rowgate_server.engines.executor import Call, Executor
from rowgate_server.engines.limits import ResultLimits
from rowgate_server.engines.registry import make_driver
from rowgate_server.engines.transaction import TransactionState
from rowgate_server.engines.values import BoundStatement
from rowgate_server.errors import Outcome, RowgateError
from support.direct import TIMEOUTS, pool_of, target_of
from support.postgresql import PostgreSQL


def deadline() -> Deadline:
    return Deadline.soonest((30, "the test"))


def call(sql: str) -> Call:
    return Call(BoundStatement((sql,), ()), deadline(), ResultLimits(), "id", reads=False)


@pytest.fixture
async def executor(postgresql_server: PostgreSQL) -> AsyncIterator[Executor]:
    driver = make_driver(target_of(postgresql_server), TIMEOUTS)
    async with pool_of(driver, 1) as pool:
        executor = Executor(driver, pool)
        await executor.run(call("create table unseen (id integer)"))
        yield executor
        await executor.run(call("drop table unseen"))


async def fail_unseen(session: Any) -> None:
    """Behind the gateway's back."""
    connection: asyncpg.Connection[asyncpg.Record] = session._connection
    with pytest.raises(asyncpg.DivisionByZeroError):
        await connection.execute("select 1 / 0")


async def count(executor: Executor) -> int:
    rows = (await executor.run(call("select count(*) from unseen"))).rows
    return int(rows[0][0])


async def test_a_transaction_is_not_told_committed(executor: Executor) -> None:
    async with executor.transaction(TransactionOptions(), deadline()) as transaction:
        await transaction.run(call("insert into unseen values (1)"))
        await fail_unseen(transaction._session)
        with pytest.raises(RowgateError) as caught:
            await transaction.commit()
        assert (caught.value.outcome, transaction.state) == (Outcome.ROLLED_BACK, TransactionState.ROLLED_BACK)
    assert await count(executor) == 0


async def test_a_statement_that_was_streamed_is_not_told_done(executor: Executor) -> None:
    lease = await executor.pool.checkout(deadline(), reads=False)
    lease.end(sound=True)  # the pool has only this one

    async def streamed() -> None:
        async for chunk in executor.stream(call("insert into unseen values (1), (2) returning id")):
            if chunk.columns:
                await fail_unseen(lease.session)

    with pytest.raises(RowgateError) as caught:
        await streamed()
    assert caught.value.outcome == Outcome.ROLLED_BACK
    assert await count(executor) == 0
