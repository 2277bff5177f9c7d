"""AdminService and what no statement is: transactions that are open and idle, and their COMMIT while it runs."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator, Sequence
from typing import Any

import grpc.aio
import pytest

import rowgate
from rowgate import Outcome, QueryState
from rowgate.v1 import admin_service_pb2, admin_service_pb2_grpc
from support.engines import Engine
from support.eventually import eventually
from support.postgresql import PostgreSQL
from support.transactions import Transact, query

_numbers = itertools.count(1)


@pytest.fixture
def admin(channel: grpc.aio.Channel) -> Any:
    """Over the same connection as `Transact`: a caller has to do with its own."""
    return admin_service_pb2_grpc.AdminServiceStub(channel)


async def test_an_idle_transaction_is_listed_and_rolled_back_on_demand(
    client: rowgate.Client, engine: Engine, table: str
) -> None:
    db, tag = client.using(engine.name), f"idle-{next(_numbers)}"
    tagged = db.with_options(tag=tag)
    found: list[rowgate.RunningQuery] = []

    async def work() -> None:
        async with tagged.transaction() as tx:
            await tx.query(f"insert into {table} values (1, 'a', 1)")
            found.extend(await db.running(tag=tag))
            assert (await db.cancel(found[0].query_id)).state is QueryState.IDLE
            await tx.query("select 1")

    with pytest.raises(rowgate.QueryCancelled) as caught:
        await work()
    (idle,) = found
    assert (idle.state, idle.statement, idle.rpc) == (QueryState.IDLE, "", "rowgate.v1.QueryService/Transact")
    assert caught.value.metadata["transaction_id"] == idle.query_id
    assert caught.value.outcome is Outcome.ROLLED_BACK
    assert caught.value.metadata["cancelled_by"] == idle.peer
    assert await db.running(tag=tag) == []
    assert (await db.query(f"select count(*) from {table}")).scalar() == 0


async def test_a_request_that_meets_the_end_is_not_begun(
    client: rowgate.Client, channel: grpc.aio.Channel, admin: Any, engine: Engine, table: str
) -> None:
    """Whichever comes first: it was committed and there was nothing to cancel, or it was cancelled and rolled back."""
    db = client.using(engine.name)
    for number in range(8):
        async with Transact(channel) as tx:
            name = (await tx.begin(engine.name)).last.begin.transaction_id
            await tx.sql(f"insert into {table} values ({number}, 'a', 1)")
            ending = asyncio.create_task(cancel(admin, name))
            await asyncio.sleep(number / 2000)
            both: Sequence[Any] = await asyncio.gather(tx.commit(), ending, return_exceptions=True)
        answer, cancelled = both
        kept = bool((await db.query(f"select count(*) from {table} where id = {number}")).scalar())
        if isinstance(answer, BaseException):
            assert isinstance(answer, grpc.aio.AioRpcError)
            # INTERNAL is what grpc makes of a write that meets the end of its stream, whatever that had to say.
            assert answer.code() in (grpc.StatusCode.CANCELLED, grpc.StatusCode.INTERNAL)
            assert not kept
            assert cancelled.query.state == admin_service_pb2.QUERY_STATE_IDLE
        elif answer.kind == "error":  # the COMMIT was under way
            assert (answer.error.reason, answer.state) == ("QUERY_CANCELLED", "UNKNOWN")
        else:
            assert (answer.state, kept) == ("COMMITTED", True)
            assert isinstance(cancelled, grpc.aio.AioRpcError) or cancelled.query.statement == "COMMIT"


async def test_one_that_works_is_not_idle_and_one_that_is_over_is_not_listed(
    channel: grpc.aio.Channel, admin: Any, engine: Engine
) -> None:
    tag = f"busy-{next(_numbers)}"

    async def listed() -> list[Any]:
        return [*(await admin.ListQueries(admin_service_pb2.ListQueriesRequest(tag=tag))).queries]

    async with Transact(channel) as tx, Transact(channel) as other:
        await tx.begin(engine.name, tag=tag)
        await tx.send(execute_query=query(engine.endless))
        found: list[Any] = []
        while not found or found[0].state == admin_service_pb2.QUERY_STATE_IDLE:
            found = await listed()
            assert len(found) <= 1
        await cancel(admin, found[0].query_id)
        assert (await tx.answer()).state == "ROLLED_BACK"
        await other.begin(engine.name, tag=tag)
        assert len(await listed()) == 1
        assert (await other.commit()).state == "COMMITTED"
        assert await listed() == [], "their streams last, and they hold nothing"


async def cancel(admin: Any, name: str) -> Any:
    return await admin.CancelQuery(admin_service_pb2.CancelQueryRequest(query_id=name))


@pytest.fixture
async def slow(postgresql_server: PostgreSQL) -> AsyncIterator[str]:
    """A table whose inserts take a minute to commit."""
    name = f"slow_{next(_numbers)}"
    for sql in (
        f"create table {name} (id integer primary key)",
        f"create function {name}() returns trigger language plpgsql as 'begin perform pg_sleep(60); return null; end'",
        f"create constraint trigger t after insert on {name} initially deferred for each row execute function {name}()",
        f"grant all on {name} to public",
    ):
        postgresql_server.execute(sql)
    yield name
    postgresql_server.execute(f"drop table {name}")
    postgresql_server.execute(f"drop function {name}()")


@pytest.mark.engines("postgresql")
@pytest.mark.parametrize("how", ["transaction", "batch"])
async def test_a_commit_is_listed_and_cancelled_in_doubt(
    client: rowgate.Client, engine: Engine, slow: str, how: str, postgresql_server: PostgreSQL
) -> None:
    """Its deferred trigger takes long; nothing makes the others' commits slow."""
    db, tag = client.using(engine.name), f"commit-{next(_numbers)}"
    tagged = db.with_options(tag=tag)

    def committing() -> Any:
        return postgresql_server.execute("select 1 from pg_stat_activity where query = 'COMMIT' and state = 'active'")

    async def work() -> None:
        sql = f"insert into {slow} values (1)"
        if how == "transaction":
            async with tagged.transaction() as tx:
                await tx.query(sql)
        else:
            await tagged.batch([sql])

    call = asyncio.create_task(work())
    await eventually(committing, 5, "the commit ran")
    (commit,) = await db.running(tag=tag)
    assert (commit.state, commit.statement) == (QueryState.RUNNING, "COMMIT")
    await db.cancel(commit.query_id)
    with pytest.raises(rowgate.QueryCancelled) as caught:
        await call
    assert caught.value.outcome is Outcome.UNKNOWN
    await eventually(lambda: not committing(), 2, "the commit was gone")
    assert (await db.query(f"select count(*) from {slow}")).scalar() == 0
