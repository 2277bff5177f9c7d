"""A connection to MariaDB on which something is left to read answers nobody: it is dropped."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import aclosing
from typing import Any

import pytest

from rowgate_server.engines.deadline import Deadline
from rowgate_server.engines.driver import TransactionOptions
from rowgate_server.engines.executor import Call, Executor
from rowgate_server.engines.limits import ResultLimits
from rowgate_server.engines.pool import Pool
from rowgate_server.engines.transaction import Transaction, TransactionState
from rowgate_server.engines.values import BoundStatement
from rowgate_server.errors import Outcome, Reason, RowgateError
from support.direct import driver_of, pool_of
from support.mariadb import MariaDB

OTHERS = b"\x01\x00\x00\x01\x01"
"""An answer that another has not read: the number of columns, 1."""


class Served:
    """One connection at a time, and a way to leave something on the one that is there."""

    def __init__(self, executor: Executor, pool: Pool, connections: list[Any]) -> None:
        self.executor = executor
        self.pool = pool
        self.connections = connections

    def leave(self) -> None:
        received = self.connections[-1]._proto
        received.get_buffer(-1)[: len(OTHERS)] = OTHERS
        received.buffer_updated(len(OTHERS))

    async def ask(self, sql: str, through: Transaction | None = None) -> Any:
        result = await (through or self.executor).run(call(sql))
        return result.rows[0][0]


def deadline() -> Deadline:
    return Deadline.soonest((20, "the test"))


def call(sql: str) -> Call:
    return Call(BoundStatement((sql,), ()), deadline(), ResultLimits(), "id", reads=True)


@pytest.fixture
async def served(mariadb_server: MariaDB, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Served]:
    async with driver_of(mariadb_server) as driver:
        connect: Callable[..., Any] = driver.connect
        connections: list[Any] = []

        async def remembered(*arguments: Any, **named: Any) -> Any:
            connections.append(await connect(*arguments, **named))
            return connections[-1]

        monkeypatch.setattr(driver, "connect", remembered)
        async with pool_of(driver) as pool:
            yield Served(Executor(driver, pool), pool, connections)


@pytest.mark.parametrize("sql", ["select 1", "select connection_id()"], ids=["kept warm", "reset"])
async def test_a_connection_that_waits_is_exchanged(served: Served, sql: str) -> None:
    await served.ask(sql)
    served.leave()
    assert await served.ask("select 42") == 42
    assert len(served.connections) == 2


async def test_a_connection_is_not_kept_warm_with_something_left(served: Served) -> None:
    for _ in range(2):  # what there is to learn of the statement
        assert await served.ask("select 1") == 1
    async with aclosing(served.executor.stream(call("select 1"))) as chunks:
        async for chunk in chunks:
            if chunk.rows:
                served.leave()  # behind the end, which came in the same packet of the network's
    assert not served.pool._warm
    assert await served.ask("select 42") == 42
    assert len(served.connections) == 2


async def test_a_transaction_ends_before_the_next_statement(served: Served) -> None:
    async with served.executor.transaction(TransactionOptions(), deadline()) as transaction:
        assert await served.ask("select 1", transaction) == 1
        served.leave()
        with pytest.raises(RowgateError) as caught:
            await served.ask("select 42", transaction)
        assert (caught.value.reason, caught.value.outcome) == (Reason.DATABASE_UNAVAILABLE, Outcome.ROLLED_BACK)
        assert transaction.state is TransactionState.ROLLED_BACK
    assert await served.ask("select 42") == 42
    assert len(served.connections) == 2


async def test_a_transaction_is_not_committed(served: Served) -> None:
    async with served.executor.transaction(TransactionOptions(), deadline()) as transaction:
        await served.ask("select 1", transaction)
        served.leave()
        with pytest.raises(RowgateError) as caught:
            await transaction.commit()
    assert (caught.value.reason, caught.value.outcome) == (Reason.DATABASE_UNAVAILABLE, Outcome.ROLLED_BACK)
    assert transaction.state is TransactionState.ROLLED_BACK
