"""AdminService: what runs is listed, and ended on demand, in the database too; each caller has to do with its own."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Callable
from typing import Any

import pytest

import rowgate
from rowgate.v1 import admin_service_pb2, admin_service_pb2_grpc
from support.engines import Engine
from support.eventually import eventually
from support.mariadb import MariaDB
from support.postgresql import PostgreSQL
from support.process import Gateway
from support.transactions import Transact

_numbers = itertools.count(1)
WAITING = rowgate.QueryState.WAITING
GONE_WITHIN = 2.0
"""Seconds, on a machine under load; the promise is 0.5, and it takes some 20 ms."""


@pytest.fixture
def running(engine: Engine, mariadb_server: MariaDB, postgresql_server: PostgreSQL) -> Callable[[str], int]:
    """How many statements run on the server that contain a text. SQLite has no server: there it is always none."""
    servers: dict[str, Any] = {"mariadb": mariadb_server, "postgresql": postgresql_server}
    if not engine.running:
        return lambda _: 0
    return lambda text: int(servers[engine.name].execute(engine.running.format(text=text))[0][0])


async def begun(db: rowgate.Database, tag: str) -> rowgate.RunningQuery:
    """The query of that tag, once it is in the database."""
    (query,) = await listed(db, tag, lambda found: [query.state for query in found] not in ([], [WAITING]))
    return query


async def listed(
    db: rowgate.Database, tag: str, enough: Callable[[list[rowgate.RunningQuery]], bool]
) -> list[rowgate.RunningQuery]:
    """The queries of that tag, once they are what is waited for."""
    for _ in range(1000):
        found = await db.running(tag=tag)
        if enough(found):
            return found
        await asyncio.sleep(0.01)
    raise AssertionError(f"never listed: {tag}")


async def test_a_query_is_listed_and_cancelled_in_the_database_too(
    db: rowgate.Database, engine: Engine, running: Callable[[str], int]
) -> None:
    tag = f"endless-{next(_numbers)}"
    name = f"endless_{next(_numbers)}"
    tagged = db.with_options(tag=tag, timeout=60)
    call = asyncio.create_task(tagged.query(engine.endless.replace("endless", name)))
    query = await begun(db, tag)
    assert (query.database, query.rpc, query.tag) == (engine.name, "rowgate.v1.QueryService/ExecuteQuery", tag)
    assert query.state is rowgate.QueryState.RUNNING
    assert name in query.statement
    assert "300" not in query.statement, "what is written as a value is left out"
    assert query.elapsed >= 0
    assert query.peer.startswith("ipv4:")
    cancelled = await db.cancel(query.query_id)
    assert cancelled.query_id == query.query_id
    with pytest.raises(rowgate.QueryCancelled) as caught:
        await call
    assert caught.value.metadata["cancelled_by"] == query.peer
    assert caught.value.metadata["query_id"] == query.query_id
    assert caught.value.outcome is rowgate.Outcome.UNKNOWN
    await eventually(lambda: running(name) == 0, GONE_WITHIN, "the statement was gone")
    assert await db.running(tag=tag) == []


async def test_others_have_nothing_to_do_with_it(db: rowgate.Database, engine: Engine, gateway: Gateway) -> None:
    tag = f"foreign-{next(_numbers)}"
    call = asyncio.create_task(db.with_options(tag=tag, timeout=60).query(engine.endless))
    query = await begun(db, tag)
    async with rowgate.connect(gateway.address, database=engine.name) as other:
        assert await other.running(tag=tag) == []
        with pytest.raises(rowgate.QueryNotFound, match="no query of that name"):
            await other.cancel(query.query_id)
    assert not call.done()
    await db.cancel(query.query_id)
    with pytest.raises(rowgate.QueryCancelled):
        await call


async def test_a_stream_whose_reader_is_slow_is_ended_at_once(
    db: rowgate.Database, engine: Engine, running: Callable[[str], int]
) -> None:
    tag, name = f"slow-{next(_numbers)}", f"wide_{next(_numbers)}"
    sql = f"select s.i, '{'x' * 2000}' as {name} from ({engine.series.format(n=300_000)}) as s"
    async with db.with_options(tag=tag, timeout=60).stream(sql) as rows:
        await anext(aiter(rows))
        await asyncio.sleep(0.5)  # the transport fills up, and then the gateway waits for this reader
        streaming = [rowgate.QueryState.STREAMING]
        (query,) = await listed(db, tag, lambda found: [query.state for query in found] == streaming)
        assert query.rows > 0
        await db.cancel(query.query_id)
        await eventually(lambda: running(name) == 0, GONE_WITHIN, "the statement was gone")
        with pytest.raises(rowgate.QueryCancelled):
            async for _ in rows:
                pass


async def test_a_cancelled_statement_of_a_transaction_is_an_answer_with_what_is_true(
    client: rowgate.Client, channel: Any, engine: Engine, running: Callable[[str], int]
) -> None:
    name = f"held_{next(_numbers)}"
    admin: Any = admin_service_pb2_grpc.AdminServiceStub(channel)
    async with Transact(channel) as tx:
        await tx.begin(engine.name)
        await tx.send(execute_query={"sql": engine.endless.replace("endless", name)})
        found: Any = []
        for _ in range(1000):
            listed = (await admin.ListQueries(admin_service_pb2.ListQueriesRequest())).queries
            found = [query for query in listed if query.state != admin_service_pb2.QUERY_STATE_IDLE]
            if found:
                break
            await asyncio.sleep(0.01)
        assert [query.rpc for query in found] == ["rowgate.v1.QueryService/Transact"]
        await admin.CancelQuery(admin_service_pb2.CancelQueryRequest(query_id=found[0].query_id))
        answer = await tx.answer()
        assert answer.error.reason == "QUERY_CANCELLED"
        assert (answer.state, answer.error.metadata["outcome"]) == ("ROLLED_BACK", "ROLLED_BACK")
        await eventually(lambda: running(name) == 0, GONE_WITHIN, "the statement was gone")
    assert (await client.using(engine.name).query("select 1")).scalar() == 1


async def test_a_statement_of_a_transaction_goes_by_its_own_tag_else_by_that_of_the_transaction(
    channel: Any, engine: Engine
) -> None:
    """Which is the only way to tell it from others: it runs over the same stream as they do."""
    admin: Any = admin_service_pb2_grpc.AdminServiceStub(channel)
    whole, own = f"whole-{next(_numbers)}", f"own-{next(_numbers)}"
    request = admin_service_pb2.ListQueriesRequest

    async def tags_of_it(stated: str) -> list[str]:
        """The tags of what runs, once it does; and it is cancelled."""
        async with Transact(channel) as tx:
            await tx.begin(engine.name, tag=whole)
            # One before it that has another.
            await tx.ask(execute_query={"sql": "select 1", "options": {"tag": "another"}})
            await tx.send(execute_query={"sql": engine.endless, "options": {"tag": stated}})
            found: Any = []
            while not found:
                listed = (await admin.ListQueries(request())).queries
                found = [query for query in listed if query.state != admin_service_pb2.QUERY_STATE_IDLE]
                await asyncio.sleep(0.01)
            for tag in {whole, own, "another"} - {query.tag for query in found}:
                assert not (await admin.ListQueries(request(tag=tag))).queries
            await admin.CancelQuery(admin_service_pb2.CancelQueryRequest(query_id=found[0].query_id))
            await tx.answer()
            return [query.tag for query in found]

    assert await tags_of_it(own) == [own]
    assert await tags_of_it("") == [whole]


async def test_a_query_that_waits_for_a_connection_is_listed_and_cancelled(
    db: rowgate.Database, engine: Engine
) -> None:
    """The gateway of these tests has four connections."""
    tag = f"full-{next(_numbers)}"
    tagged = db.with_options(tag=tag, timeout=60)
    calls = [asyncio.create_task(tagged.query(engine.endless)) for _ in range(5)]
    found = await listed(db, tag, lambda found: [query.state for query in found].count(WAITING) == len(found) - 4 == 1)
    waiting = [query for query in found if query.state is WAITING]
    await db.cancel(waiting[0].query_id)
    done, _ = await asyncio.wait(calls, return_when=asyncio.FIRST_COMPLETED, timeout=10)
    (refused,) = done
    error = refused.exception()
    assert isinstance(error, rowgate.QueryCancelled)
    assert error.outcome is rowgate.Outcome.NOT_RUN, "it never got a connection"
    for query in found:
        if query is not waiting[0]:
            await db.cancel(query.query_id)
    assert {type(error) for error in await asyncio.gather(*calls, return_exceptions=True)} == {rowgate.QueryCancelled}


async def test_a_query_that_is_not_there(db: rowgate.Database) -> None:
    with pytest.raises(rowgate.QueryNotFound):
        await db.cancel("0" * 32)
    with pytest.raises(rowgate.InvalidRequest):
        await db.cancel("")
