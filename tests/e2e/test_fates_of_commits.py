"""What is told of a commit that something cuts short: never that it was rolled back, where nobody knows.

PostgreSQL's commits take as long as their deferred triggers; nothing makes those of the others slow.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from collections.abc import Iterator

import pytest

import rowgate
from rowgate import Outcome, TransactionState
from support.eventually import eventually
from support.postgresql import PostgreSQL
from support.process import Gateway

FUNCTION = """
create function tx_slow_commit() returns trigger language plpgsql as 'begin perform pg_sleep(20); return null; end'
"""
TRIGGER = """
create constraint trigger tx_slow after insert on tx_slow deferrable initially deferred
for each row execute function tx_slow_commit()
"""


@pytest.fixture(scope="module")
def slow(postgresql_server: PostgreSQL) -> Iterator[PostgreSQL]:
    """Commits of inserts into `tx_slow` take 20 seconds."""
    for sql in ("create table tx_slow (id integer primary key)", FUNCTION, TRIGGER, "grant all on tx_slow to public"):
        postgresql_server.execute(sql)
    yield postgresql_server
    postgresql_server.execute("drop table tx_slow")
    postgresql_server.execute("drop function tx_slow_commit()")


def start(slow: PostgreSQL, **settings: str) -> Gateway:
    environment = {"ROWGATE_DATABASES__SLOW__URL": slow.url}
    return Gateway.start(environment={**environment, **{f"ROWGATE_{key}": text for key, text in settings.items()}})


def committing(slow: PostgreSQL) -> bool:
    return bool(slow.execute("select 1 from pg_stat_activity where query ilike 'commit%' and state = 'active'"))


async def insert(transaction: rowgate.Transaction) -> None:
    async with transaction as tx:
        await tx.query("insert into tx_slow values (1)")


async def stopping(db: rowgate.Database) -> None:
    """Wait until the gateway takes nothing new."""
    with contextlib.suppress(rowgate.Unavailable):
        while True:
            await db.with_options(retry=None).query("select 1")


async def error_of(work: asyncio.Task[None]) -> rowgate.RowgateError:
    with pytest.raises(rowgate.RowgateError) as caught:
        await work
    return caught.value


async def test_a_gateway_that_stops_during_a_commit_does_not_claim_to_know(slow: PostgreSQL) -> None:
    with start(slow, SERVER__DRAIN_GRACE="1s") as gateway:
        async with rowgate.connect(gateway.address) as db:
            transaction = db.transaction()
            work = asyncio.create_task(insert(transaction))
            await eventually(lambda: committing(slow), 10, "the commit was under way")
            os.kill(gateway.child.pid, signal.SIGTERM)
            error = await error_of(work)
    assert (type(error), error.outcome) == (rowgate.ShuttingDown, Outcome.UNKNOWN)
    assert transaction.state is TransactionState.UNKNOWN


async def test_a_commit_that_was_sent_to_a_stopping_gateway_is_in_doubt_too(slow: PostgreSQL) -> None:
    with start(slow, SERVER__DRAIN_GRACE="2s") as gateway:
        async with rowgate.connect(gateway.address) as db:
            transaction = db.transaction()

            async def work() -> None:
                async with transaction as tx:
                    await tx.query("insert into tx_slow values (1)")
                    os.kill(gateway.child.pid, signal.SIGTERM)
                    await stopping(db)

            error = await error_of(asyncio.create_task(work()))
    assert (type(error), error.outcome) == (rowgate.ShuttingDown, Outcome.UNKNOWN)


async def test_a_commit_that_takes_too_long_is_in_doubt(slow: PostgreSQL) -> None:
    with start(slow) as gateway:
        async with rowgate.connect(gateway.address) as db:
            transaction = db.transaction(timeout=2)
            error = await error_of(asyncio.create_task(insert(transaction)))
            assert (isinstance(error, rowgate.Timeout), error.outcome) == (True, Outcome.UNKNOWN)
            assert transaction.state is TransactionState.UNKNOWN


async def test_a_gateway_that_dies_during_a_commit_leaves_it_in_doubt(slow: PostgreSQL) -> None:
    with start(slow) as gateway:
        async with rowgate.connect(gateway.address) as db:
            transaction = db.transaction()
            calls = 0

            async def work(tx: rowgate.Transaction) -> None:
                nonlocal calls
                calls += 1
                await tx.query("insert into tx_slow values (1)")

            running = asyncio.create_task(db.run_transaction(work))
            await eventually(lambda: committing(slow), 10, "the commit was under way")
            gateway.kill()
            error = await error_of(running)
            assert (type(error), error.outcome, calls) == (rowgate.GatewayUnreachable, Outcome.UNKNOWN, 1)
            # And where no commit was sent, nothing is left.
            assert (await error_of(asyncio.create_task(insert(transaction)))).outcome is Outcome.NOT_RUN
