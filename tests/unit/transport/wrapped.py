"""A small service of the tests' own behind the real interceptors, on a real server."""

from __future__ import annotations

import asyncio
import io
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, TypeAlias

import grpc
import grpc.aio

from rowgate.v1 import query_service_pb2, query_service_pb2_grpc
from rowgate.v1.query_service_pb2 import ExecuteQueryRequest, ExecuteQueryResponse, StreamQueryResponse
from rowgate_server.observability.metrics import MethodLabels, Metrics
from rowgate_server.transport.interceptors import Chain, Interceptor, RpcCall
from rowgate_server.transport.interceptors.audit import Audit
from rowgate_server.transport.interceptors.authentication import Authentication
from rowgate_server.transport.interceptors.metrics import CODE_NAMES
from rowgate_server.transport.interceptors.requests import Requests
from rowgate_server.transport.interceptors.underway import CallsUnderWay
from rowgate_server.transport.interceptors.unread import Unread
from rowgate_server.transport.server import Around, interceptors
from support import bare_http2
from support.single_statements import SingleStatements
from support.streams import WINDOW_STAYS

Context: TypeAlias = "grpc.aio.ServicerContext[Any, Any]"
Behaviour = Callable[[Context], Awaitable[None]]

SERVICE = query_service_pb2.DESCRIPTOR.services_by_name["QueryService"].full_name
MOST_REQUESTED = 1024 * 1024
MOST_UNREAD = 2 * 1024 * 1024
UNARY = MethodLabels("unary", SERVICE, "ExecuteQuery")
STREAM = MethodLabels("server_stream", SERVICE, "StreamQuery")


class Witness:
    """Stands outside all interceptors: the last to leave, so that a test can wait for the end of a call."""

    def __init__(self) -> None:
        self.left: asyncio.Queue[RpcCall] = asyncio.Queue()

    def register(self, labels: MethodLabels) -> None:
        pass

    def enter(self, call: RpcCall) -> None:
        pass

    def leave(self, call: RpcCall, error: BaseException | None) -> BaseException | None:
        self.left.put_nowait(call)
        return error


class Service(SingleStatements):
    """Both methods behave as `behaviours` says under the request's `sql`; a stream sends one message before."""

    def __init__(self) -> None:
        self.behaviours: dict[str, Behaviour] = {}
        self.entered = asyncio.Event()
        self.cleaned_up = asyncio.Event()

    async def ExecuteQuery(self, request: Any, context: Any) -> ExecuteQueryResponse:
        self.entered.set()
        try:
            await self.behaviours[request.sql](context)
        finally:
            self.cleaned_up.set()
        return ExecuteQueryResponse()

    async def StreamQuery(self, request: Any, context: Any) -> AsyncIterator[StreamQueryResponse]:
        yield StreamQueryResponse()
        self.entered.set()
        try:
            await self.behaviours[request.sql](context)
            yield StreamQueryResponse()
        finally:
            self.cleaned_up.set()


@dataclass
class Wrapped:
    """The service while it is served, and what its interceptors told.

    Attributes:
        service: says how calls behave.
        left: the calls that have ended, in order.
        metrics: what was counted.
        log: what was logged, as text.
        unary, stream: the stub's methods.
        channel: what they go over.
        under_way: the calls that have begun.
        unread: the answers that are on their way.
        address: where it is served.
    """

    service: Service
    left: asyncio.Queue[RpcCall]
    metrics: Metrics
    log: io.StringIO
    unary: Any
    stream: Any
    channel: grpc.aio.Channel
    under_way: CallsUnderWay
    unread: Unread
    address: str

    def lines(self) -> list[dict[str, Any]]:
        """The log, line by line."""
        return [json.loads(line) for line in self.log.getvalue().splitlines()]

    def calls(self) -> list[dict[str, Any]]:
        """The access log."""
        return [line for line in self.lines() if line["event"] == "call"]

    def started(self, labels: MethodLabels) -> float:
        """Calls of one method that have begun."""
        return self._sample("grpc_server_started_total", labels._asdict())

    def handled(self, labels: MethodLabels) -> dict[str, int]:
        """Calls of one method that have ended, by code; codes that none ended with are left out."""
        counts = {
            code: int(self._sample("grpc_server_handled_total", {**labels._asdict(), "grpc_code": code}))
            for code in CODE_NAMES.values()
        }
        return {code: count for code, count in counts.items() if count}

    def _sample(self, name: str, labels: dict[str, str]) -> float:
        value = self.metrics.registry.get_sample_value(name, labels)
        assert value is not None, f"{name} {labels} is not there"
        return value


def unguarded(metrics: Metrics, calls: CallsUnderWay) -> tuple[Interceptor, ...]:
    """The real interceptors, where nobody is asked who calls and nothing is kept of it."""
    audit = Audit(None, lambda _: None, sql=False)
    return interceptors(Around(metrics, audit, calls, Unread(MOST_UNREAD), Authentication(None)))


@asynccontextmanager
async def wrapping(service: Service, log: io.StringIO) -> AsyncIterator[Wrapped]:
    """Serve it on a free loopback port."""
    witness, metrics, calls = Witness(), Metrics(), CallsUnderWay()
    server = grpc.aio.server(options=[("grpc.so_reuseport", 0)])
    unread = Unread(MOST_UNREAD, metrics.readers_cut.inc)
    guards = (witness, *unguarded(metrics, calls))
    chain: Any = Chain(server, guards, calls, Requests(MOST_REQUESTED), unread)
    query_service_pb2_grpc.add_QueryServiceServicer_to_server(service, chain)
    port = server.add_insecure_port("127.0.0.1:0")
    unread.serve(port)
    await server.start()
    try:
        async with grpc.aio.insecure_channel(f"127.0.0.1:{port}", [WINDOW_STAYS]) as channel:
            stub: Any = query_service_pb2_grpc.QueryServiceStub(channel)
            methods = stub.ExecuteQuery, stub.StreamQuery
            address = f"127.0.0.1:{port}"
            yield Wrapped(service, witness.left, metrics, log, *methods, channel, calls, unread, address)
    finally:
        await server.stop(None)


@dataclass(frozen=True)
class Ending:
    """How a call ended for its caller."""

    code: grpc.StatusCode
    message: str
    trailers: dict[str, str | bytes]


async def ending(call: Any) -> Ending:
    """Wait for the end of a call, its answers read."""
    try:
        if isinstance(call, grpc.aio.UnaryStreamCall):
            async for _ in call:
                pass
        else:
            await call
    except (grpc.aio.AioRpcError, asyncio.CancelledError):
        assert call.done()
    return Ending(await call.code(), await call.details(), dict(await call.trailing_metadata()))


def request(behaviour: str) -> ExecuteQueryRequest:
    """A request for one of the behaviours: both methods' requests look alike on the wire."""
    return ExecuteQueryRequest(sql=behaviour)


def bare(method: str, number: int, behaviour: str) -> bytes:
    """That call in HTTP/2, of a caller who makes no room for the answer."""
    headers = bare_http2.call_headers(f"/{SERVICE}/{method}")
    return bare_http2.begun(number, headers, request(behaviour).SerializeToString())
