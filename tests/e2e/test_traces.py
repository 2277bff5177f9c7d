"""Traces of a real gateway, as a collector gets them."""

from __future__ import annotations

import asyncio
import json
import secrets
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import grpc.aio
import pytest

from rowgate.v1 import query_service_pb2 as messages
from rowgate.v1 import query_service_pb2_grpc, transact_pb2, value_pb2
from support.collector import Collected, Collector
from support.eventually import eventually
from support.mariadb import MariaDB
from support.postgresql import PostgreSQL
from support.process import Gateway
from support.scraped import total

SYSTEMS = ("mariadb", "postgresql", "sqlite")
PLANTED = "nobody may read this"


@pytest.fixture(scope="module")
async def collector() -> AsyncIterator[Collector]:
    async with Collector() as collector:
        yield collector


@pytest.fixture(scope="module")
def databases(
    mariadb_server: MariaDB, postgresql_server: PostgreSQL, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, str]:
    file = tmp_path_factory.mktemp("traced") / "traced.db"
    file.touch()
    return {
        "ROWGATE_DATABASES__MARIADB__URL": mariadb_server.url.replace("mysql:", "mariadb:"),
        "ROWGATE_DATABASES__POSTGRESQL__URL": postgresql_server.url,
        "ROWGATE_DATABASES__SQLITE__URL": f"sqlite:///{file}",
        "ROWGATE_DATABASES__NARROW__URL": f"sqlite:///{file}",
        "ROWGATE_DATABASES__NARROW__POOL__SIZE": "1",
        "ROWGATE_DATABASES__NARROW__POOL__MAX_OVERFLOW": "0",
        "ROWGATE_DATABASES__NARROW__POOL__WAIT_TIMEOUT": "1",
        "OTEL_BSP_SCHEDULE_DELAY": "50",  # milliseconds; five seconds otherwise
    }


@pytest.fixture(scope="module")
async def gateway(collector: Collector, databases: dict[str, str]) -> AsyncIterator[Gateway]:
    environment = {**databases, "ROWGATE_TRACING__ENDPOINT": collector.endpoint, "ROWGATE_LOG__FORMAT": "json"}
    with Gateway.start(environment=environment) as gateway:
        yield gateway


@pytest.fixture(scope="module")
async def channel(gateway: Gateway) -> AsyncIterator[grpc.aio.Channel]:
    async with grpc.aio.insecure_channel(gateway.address) as channel:
        yield channel


class Caller:
    """The span that a caller says it is in."""

    def __init__(self, *, sampled: bool = True) -> None:
        self.trace, self.span = secrets.token_hex(16), secrets.token_hex(8)
        self.metadata = (("traceparent", f"00-{self.trace}-{self.span}-0{int(sampled)}"),)


def one(spans: list[Collected], kind: str) -> Collected:
    (found,) = (span for span in spans if span.kind == f"SPAN_KIND_{kind}")
    return found


async def execute(channel: grpc.aio.Channel, caller: Caller, **request: Any) -> Any:
    stub: Any = query_service_pb2_grpc.QueryServiceStub(channel)
    return await stub.ExecuteQuery(messages.ExecuteQueryRequest(**request), metadata=caller.metadata, timeout=10)


@pytest.mark.parametrize("system", SYSTEMS)
async def test_a_statement_s_span_is_below_its_call_s_and_that_below_the_caller_s(
    collector: Collector, channel: grpc.aio.Channel, system: str
) -> None:
    caller = Caller()
    params = {"a": value_pb2.Value(string_value=PLANTED)}
    answer = await execute(channel, caller, database=system, sql="select :a as told", params=params)
    spans = await collector.of_trace(caller.trace, 2)
    call, statement = one(spans, "SERVER"), one(spans, "CLIENT")
    assert (call.parent, statement.parent) == (caller.span, call.id)
    assert call.name == "rowgate.v1.QueryService/ExecuteQuery"
    assert call.told["rpc.system.name"] == "grpc"
    assert call.told["rpc.method"] == call.name
    assert call.told["rpc.response.status_code"] == "OK"
    assert call.told["rowgate.database"] == system
    assert call.told["rowgate.query_id"] == answer.stats.query_id
    assert not call.failed
    assert call.resource["service.name"] == "rowgate"
    assert statement.name.startswith("SELECT ")
    assert statement.told["db.system.name"] == system
    assert statement.told["db.operation.name"] == "SELECT"
    assert statement.told["db.response.returned_rows"] == 1
    assert ("server.port" in statement.told) == (system != "sqlite")
    assert "db.query.text" not in statement.told


@pytest.mark.parametrize("system", SYSTEMS)
async def test_an_error_is_told_by_its_reason_and_the_database_s_code(
    collector: Collector, channel: grpc.aio.Channel, system: str
) -> None:
    caller = Caller()
    with pytest.raises(grpc.aio.AioRpcError):
        await execute(channel, caller, database=system, sql="select nothing from nowhere")
    spans = await collector.of_trace(caller.trace, 2)
    call, statement = one(spans, "SERVER"), one(spans, "CLIENT")
    assert statement.failed
    # SQLite has one code for every mistake in SQL.
    reason, code, its_own = {
        "mariadb": ("UNKNOWN_TABLE", "NOT_FOUND", "42S02"),
        "postgresql": ("UNKNOWN_TABLE", "NOT_FOUND", "42P01"),
        "sqlite": ("INVALID_SQL", "INVALID_ARGUMENT", "SQLITE_ERROR"),
    }[system]
    assert (statement.told["error.type"], statement.told["db.response.status_code"]) == (reason, its_own)
    # It is the caller's mistake, so the call itself went as it should.
    assert not call.failed
    assert (call.told["rpc.response.status_code"], call.told["error.type"]) == (code, reason)


def requests(database: str, *end: messages.TransactRequest) -> list[messages.TransactRequest]:
    """A transaction of one statement."""
    begin = messages.TransactRequest(begin=transact_pb2.BeginTransaction(database=database))
    return [begin, messages.TransactRequest(execute_query=messages.ExecuteQueryRequest(sql="select 3")), *end]


async def transact(channel: grpc.aio.Channel, caller: Caller, requests: list[messages.TransactRequest]) -> None:
    stub: Any = query_service_pb2_grpc.QueryServiceStub(channel)
    call = stub.Transact(metadata=caller.metadata, timeout=10)
    for request in requests:
        await call.write(request)
    await call.done_writing()
    assert [answer.WhichOneof("answer") async for answer in call] == [each.WhichOneof("request") for each in requests]


@pytest.mark.parametrize("system", SYSTEMS)
async def test_what_begins_and_ends_a_transaction_has_its_span_as_each_statement_has(
    collector: Collector, channel: grpc.aio.Channel, system: str
) -> None:
    savepoint = messages.TransactRequest(savepoint=transact_pb2.Savepoint(name="here"))
    back = messages.TransactRequest(rollback_to=transact_pb2.Savepoint(name="here"))
    commit = messages.TransactRequest(commit=transact_pb2.Commit())
    # Where the command to begin goes with the first statement, it is an event of that.
    late = system != "postgresql"
    commands = ["BEGIN"] * (not late) + ["SELECT", "SAVEPOINT", "ROLLBACK TO SAVEPOINT", "COMMIT"]
    caller = Caller()
    await transact(channel, caller, requests(system, savepoint, back, commit))
    spans = await collector.of_trace(caller.trace, len(commands) + 1)
    call, told = one(spans, "SERVER"), [span for span in spans if span.kind == "SPAN_KIND_CLIENT"]
    assert [span.told["db.operation.name"] for span in told] == commands
    assert {span.parent for span in told} == {call.id}
    assert {span.told["rowgate.database"] for span in told} == {system}
    assert [span.events for span in told if span.name.startswith("SELECT")] == [["BEGIN"] * late]


@pytest.mark.parametrize("system", SYSTEMS)
async def test_a_rollback_has_its_span_and_only_where_there_is_something_to_roll_back(
    collector: Collector, channel: grpc.aio.Channel, system: str
) -> None:
    rollback = messages.TransactRequest(rollback=transact_pb2.Rollback())
    used, empty = Caller(), Caller()
    await transact(channel, used, requests(system, rollback))
    begin, _, end = requests(system, rollback)
    await transact(channel, empty, [begin, end])
    begun = ["BEGIN"] * (system == "postgresql")
    for caller, commands in ((used, [*begun, "SELECT", "ROLLBACK"]), (empty, [*begun, *["ROLLBACK"] * len(begun)])):
        spans = await collector.of_trace(caller.trace, len(commands) + 1)
        told = [span.told["db.operation.name"] for span in spans if span.kind == "SPAN_KIND_CLIENT"]
        assert told == commands


async def test_a_wait_for_a_connection_has_its_span_and_tells_the_pool(
    gateway: Gateway, collector: Collector, channel: grpc.aio.Channel
) -> None:
    stub: Any = query_service_pb2_grpc.QueryServiceStub(channel)
    holder, waiter, refused = Caller(), Caller(), Caller()
    begin, select = requests("narrow")
    transaction = stub.Transact(metadata=holder.metadata, timeout=20)
    for request in (begin, select):
        await transaction.write(request)
        await transaction.read()
    with pytest.raises(grpc.aio.AioRpcError):
        await execute(channel, refused, database="narrow", sql="select 1")
    waiting = asyncio.create_task(execute(channel, waiter, database="narrow", sql="select 1"))
    await eventually(lambda: total(gateway, "rowgate_pool_waiting", database="narrow") == 1, 5, "somebody waits")
    await transaction.write(messages.TransactRequest(commit=transact_pb2.Commit()))
    await transaction.done_writing()
    await waiting
    names = {}
    for caller, others in ((holder, 3), (waiter, 2), (refused, 1)):
        spans = await collector.of_trace(caller.trace, others)
        waits = [span for span in spans if span.kind == "SPAN_KIND_INTERNAL"]
        assert {span.parent for span in waits} <= {one(spans, "SERVER").id}
        assert {span.told["db.client.connection.pool.name"] for span in waits} <= {"narrow"}
        names[caller] = {span.name: span.told.get("error.type") for span in waits}
    assert names[holder] == {"open connection narrow": None}
    assert names[waiter]["wait for connection narrow"] is None
    assert names[refused] == {"wait for connection narrow": "POOL_EXHAUSTED"}


@pytest.mark.parametrize("system", SYSTEMS)
async def test_a_stream_that_is_left_ends_its_statement_s_span_too(
    collector: Collector, channel: grpc.aio.Channel, system: str
) -> None:
    stub: Any = query_service_pb2_grpc.QueryServiceStub(channel)
    endless = "with recursive s(i) as (select 1 union all select i + 1 from s where i < 100000000) select i from s"
    caller = Caller()
    if system == "mariadb":
        endless = "select seq from seq_1_to_100000000"
    call = stub.StreamQuery(
        messages.StreamQueryRequest(database=system, sql=endless), metadata=caller.metadata, timeout=20
    )
    assert (await call.read()).result.rows
    call.cancel()
    spans = await collector.of_trace(caller.trace, 2)
    statement = one(spans, "CLIENT")
    assert statement.failed
    assert statement.parent == one(spans, "SERVER").id


async def test_a_caller_who_is_not_traced_leaves_no_span(collector: Collector, channel: grpc.aio.Channel) -> None:
    silent, loud = Caller(sampled=False), Caller()
    await execute(channel, silent, database="sqlite", sql="select 1")
    await execute(channel, loud, database="sqlite", sql="select 1")
    await collector.of_trace(loud.trace, 2)
    assert not [span for span in collector.spans if span.trace == silent.trace]


async def test_values_are_in_no_span_and_no_probe_has_one(collector: Collector, channel: grpc.aio.Channel) -> None:
    caller = Caller()
    await execute(channel, caller, database="sqlite", sql="select 1")
    await collector.of_trace(caller.trace, 2)
    assert PLANTED.encode() not in collector.raw
    assert not [span for span in collector.spans if "Health" in span.name]


async def test_log_lines_name_the_trace(gateway: Gateway, collector: Collector, channel: grpc.aio.Channel) -> None:
    caller = Caller()
    await execute(channel, caller, database="sqlite", sql="select 1")
    await collector.of_trace(caller.trace, 2)
    lines = [json.loads(line) for line in gateway.stderr.splitlines() if line.startswith("{")]
    assert [line["event"] for line in lines if line.get("trace_id") == caller.trace] == ["call"]


async def test_sql_is_told_where_that_is_asked_for(collector: Collector, databases: dict[str, str]) -> None:
    environment = {**databases, "ROWGATE_TRACING__ENDPOINT": collector.endpoint, "ROWGATE_TRACING__SQL": "true"}
    with Gateway.start(environment=environment) as gateway:
        async with grpc.aio.insecure_channel(gateway.address) as channel:
            caller = Caller()
            params = {"a": value_pb2.Value(string_value=PLANTED)}
            await execute(channel, caller, database="sqlite", sql="select :a as told", params=params)
        # What has not been sent yet goes out when the gateway stops.
        assert await asyncio.to_thread(gateway.terminate) == 0
    statement = one(await collector.of_trace(caller.trace, 2), "CLIENT")
    assert statement.told["db.query.text"] == "select ? as told"
    assert PLANTED.encode() not in collector.raw


async def test_a_collector_that_is_not_there_changes_nothing(databases: dict[str, str]) -> None:
    environment = {**databases, "ROWGATE_TRACING__ENDPOINT": "http://127.0.0.1:9"}
    with Gateway.start(environment=environment) as gateway:
        async with grpc.aio.insecure_channel(gateway.address) as channel:
            assert (await execute(channel, Caller(), database="sqlite", sql="select 1")).result.rows
        assert gateway.terminate(within=15) == 0


def test_an_endpoint_that_is_none_stops_the_start(tmp_path: Path) -> None:
    file = tmp_path / "x.db"
    file.touch()
    environment = {"ROWGATE_DATABASES__MAIN__URL": f"sqlite:///{file}", "ROWGATE_TRACING__ENDPOINT": "collector:4317"}
    with pytest.raises(AssertionError, match=r"tracing\.endpoint"):
        Gateway.start(environment=environment)
