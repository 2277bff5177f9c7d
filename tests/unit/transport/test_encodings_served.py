"""How QueryService uses the encodings: each is known before anything runs, and no result holds up the other calls."""

from __future__ import annotations

import sys
import threading
from collections.abc import AsyncGenerator, AsyncIterator, Iterator, Sequence
from typing import Any, cast

import grpc
import grpc.aio
import pytest
from unit.transport.wrapped import MOST_REQUESTED, MOST_UNREAD, unguarded

import rowgate
from rowgate._status import error_from_rpc
from rowgate.v1 import query_service_pb2_grpc
from rowgate.v1.query_service_pb2 import ExecuteQueryRequest, QueryOptions, StreamQueryRequest
from rowgate.v1.result_pb2 import ResultSet
from rowgate_server.core.batches import BatchRunner
from rowgate_server.core.explain import Explainer
from rowgate_server.core.policy.policies import Policies
from rowgate_server.core.policy.quotas import Quotas
from rowgate_server.core.query import QueryRequest, QueryRunner
from rowgate_server.engines.deadline import Deadline
from rowgate_server.engines.results import Chunk, Column, Result, Row, Stats
from rowgate_server.engines.values import ValueType
from rowgate_server.observability.metrics import Metrics
from rowgate_server.transport.interceptors import Chain
from rowgate_server.transport.interceptors.requests import Requests
from rowgate_server.transport.interceptors.underway import CallsUnderWay
from rowgate_server.transport.interceptors.unread import Unread
from rowgate_server.transport.query_servicer import QueryServicer
from rowgate_server.transport.transacting import Transacting
from support.encodings import READERS, Reader

COLUMNS = (Column("a", ValueType.INT), Column("b", ValueType.STRING))
STATS = Stats(query_id="q", elapsed=0.0, row_count=0)
ROWS_ENCODING, COLUMNS_ENCODING, ARROW_ENCODING = READERS


class WatchedRow:
    """A row that notes which thread reads it."""

    def __init__(self, readers: set[int]) -> None:
        self._readers = readers

    def __iter__(self) -> Iterator[Any]:
        self._readers.add(threading.get_ident())
        return iter((1, "x"))


class ScriptedQueries:
    """Answers every query with the same rows, and notes what it was asked."""

    def __init__(self) -> None:
        self.rows: list[Row] = [(1, "x"), (None, "y")]
        self.asked: list[QueryRequest] = []
        self.cells_per_chunk: list[int] = []

    def database_name(self, name: str) -> str:
        return name

    async def execute(self, request: QueryRequest) -> Result:
        self.asked.append(request)
        return Result(COLUMNS, self.rows, STATS)

    def stream_deadline(self, _: QueryRequest) -> Deadline:
        return Deadline.soonest((30.0, "the test's"))

    async def stream(self, request: QueryRequest, cells_per_chunk: int) -> AsyncGenerator[Chunk, None]:
        self.asked.append(request)
        self.cells_per_chunk.append(cells_per_chunk)
        yield Chunk(rows=self.rows, columns=COLUMNS)
        yield Chunk(rows=self.rows)
        yield Chunk(rows=[], stats=STATS)


@pytest.fixture
def queries() -> ScriptedQueries:
    return ScriptedQueries()


@pytest.fixture
async def stub(queries: ScriptedQueries) -> AsyncIterator[query_service_pb2_grpc.QueryServiceAsyncStub]:
    """The real servicer behind the real interceptors, on a real server."""
    server = grpc.aio.server(options=[("grpc.so_reuseport", 0)])
    calls = CallsUnderWay()
    chain: Any = Chain(server, unguarded(Metrics(), calls), calls, Requests(MOST_REQUESTED), Unread(MOST_UNREAD))
    servicer = QueryServicer(
        cast("QueryRunner", queries),
        cast("Explainer", None),  # nothing is explained here
        cast("BatchRunner", None),  # nor many at once
        cast("Transacting", None),  # nor is a transaction held
        Quotas(Policies()),
        request_timeout=10.0,
        largest_message=64 * 1024 * 1024,
    )
    query_service_pb2_grpc.add_QueryServiceServicer_to_server(servicer, chain)
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    try:
        async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
            yield cast("Any", query_service_pb2_grpc.QueryServiceStub(channel))
    finally:
        await server.stop(None)


def options_of(number: int) -> QueryOptions:
    return QueryOptions(encoding=number)  # type: ignore[arg-type]  # some tests send numbers that mean nothing


async def streamed(stub: query_service_pb2_grpc.QueryServiceAsyncStub, number: int) -> Sequence[ResultSet]:
    return [message.result async for message in stub.StreamQuery(StreamQueryRequest(options=options_of(number)))]


async def executed(stub: query_service_pb2_grpc.QueryServiceAsyncStub, number: int) -> Sequence[ResultSet]:
    return [(await stub.ExecuteQuery(ExecuteQueryRequest(options=options_of(number)))).result]


@pytest.mark.parametrize(("number", "read"), READERS.items())
async def test_a_result_comes_as_it_is_asked_for(
    stub: query_service_pb2_grpc.QueryServiceAsyncStub, number: int, read: Reader
) -> None:
    rows = [(("int", 1), ("string", "x")), (None, ("string", "y"))]
    assert read(await executed(stub, number)) == rows
    messages = await streamed(stub, number)
    assert read(messages) == rows * 2
    assert [bool(message.columns) for message in messages] == [True, False, False]


@pytest.mark.parametrize("ask", [executed, streamed])
async def test_arrow_is_refused_before_anything_runs_where_pyarrow_is_missing(
    stub: query_service_pb2_grpc.QueryServiceAsyncStub,
    queries: ScriptedQueries,
    monkeypatch: pytest.MonkeyPatch,
    ask: Any,
) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await ask(stub, ARROW_ENCODING)
    error = error_from_rpc(caught.value)
    assert (error.code, error.reason) == (grpc.StatusCode.UNIMPLEMENTED, "NOT_SUPPORTED")
    assert error.metadata["hint"] == "pip install './service[arrow]' in the gateway's checkout"
    assert error.outcome is rowgate.Outcome.NOT_RUN
    assert queries.asked == []


@pytest.mark.parametrize("ask", [executed, streamed])
async def test_an_unknown_encoding_is_refused_before_anything_runs(
    stub: query_service_pb2_grpc.QueryServiceAsyncStub, queries: ScriptedQueries, ask: Any
) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await ask(stub, 99)
    error = error_from_rpc(caught.value)
    assert (error.code, error.reason) == (grpc.StatusCode.UNIMPLEMENTED, "NOT_SUPPORTED")
    assert [violation.field for violation in error.field_violations] == ["options.encoding"]
    assert queries.asked == []


async def test_a_cheaper_encoding_has_larger_chunks(
    stub: query_service_pb2_grpc.QueryServiceAsyncStub, queries: ScriptedQueries
) -> None:
    for number in READERS:
        await streamed(stub, number)
    rows, columns, arrow = queries.cells_per_chunk
    assert 0 < rows < columns == arrow


@pytest.mark.parametrize("number", READERS)
async def test_a_large_result_is_laid_out_beside_the_event_loop(
    stub: query_service_pb2_grpc.QueryServiceAsyncStub, queries: ScriptedQueries, number: int
) -> None:
    here = threading.get_ident()
    for count, beside in ((10, False), (50_000, True)):
        readers: set[int] = set()
        queries.rows = cast("list[Row]", [WatchedRow(readers)] * count)
        await executed(stub, number)
        assert len(readers) == 1
        assert (here not in readers) is beside
