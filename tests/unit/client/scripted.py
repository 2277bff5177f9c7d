"""A gateway for the client's tests: a real gRPC server that answers from a script, and keeps what it was asked."""

from __future__ import annotations

import asyncio
import math
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Final, TypeAlias

import grpc
import grpc.aio
from google.protobuf.duration_pb2 import Duration
from google.protobuf.message import Message
from google.rpc import error_details_pb2, status_pb2

from rowgate.v1 import query_service_pb2 as query_pb
from rowgate.v1 import query_service_pb2_grpc, schema_service_pb2_grpc, table_service_pb2_grpc
from rowgate.v1 import table_service_pb2 as table_pb
from rowgate.v1.result_pb2 import COLUMN_TYPE_INT, COLUMN_TYPE_STRING, Column, QueryStats, ResultSet, Row
from rowgate.v1.value_pb2 import Value
from support.single_statements import SingleStatements

PRODUCTS: Final = (Column(name="id", type=COLUMN_TYPE_INT), Column(name="name", type=COLUMN_TYPE_STRING))


@dataclass(frozen=True)
class Fault:
    """An error answer; without a reason, it has no details, as gRPC's own errors have none."""

    code: grpc.StatusCode
    reason: str | None = None
    message: str = "that went wrong"
    metadata: dict[str, str] = field(default_factory=dict)
    retry_after: float | None = None
    violations: tuple[tuple[str, str], ...] = ()
    domain: str = "rowgate"
    details: bytes | None = None

    async def abort(self, context: Any) -> None:
        packed = self.details if self.details is not None else self._details()
        await context.abort(self.code, self.message, (("grpc-status-details-bin", packed),) if packed else ())

    def _details(self) -> bytes:
        if self.reason is None:
            return b""
        status = status_pb2.Status(code=self.code.value[0], message=self.message)
        status.details.add().Pack(
            error_details_pb2.ErrorInfo(reason=self.reason, domain=self.domain, metadata=self.metadata)
        )
        if self.retry_after is not None:
            delay = Duration()
            delay.FromTimedelta(timedelta(seconds=self.retry_after))
            status.details.add().Pack(error_details_pb2.RetryInfo(retry_delay=delay))
        if self.violations:
            request = error_details_pb2.BadRequest()
            for name, description in self.violations:
                request.field_violations.add(field=name, description=description)
            status.details.add().Pack(request)
        packed: bytes = status.SerializeToString()
        return packed


class Hang:
    """No answer, until the call is ended from outside."""


Step: TypeAlias = "Message | Fault | Hang | Callable[[Any], Awaitable[Message]]"


@dataclass(frozen=True)
class Received:
    """One call, as it arrived.

    Attributes:
        seconds: what was left of the client's deadline.
        until: when that is over, by the clock of the loop; however late a busy machine came to look.
    """

    method: str
    request: Any
    metadata: dict[str, str | bytes]
    seconds: float | None
    until: float


class ScriptedGateway(
    SingleStatements,
    schema_service_pb2_grpc.SchemaServiceServicer,
    table_service_pb2_grpc.TableServiceServicer,
):
    """Answers its calls from a script, one entry a call.

    Attributes:
        received: the calls, in order.
        under_way: set as soon as a call hangs.
        cancelled: set when a call that hangs is cancelled.
    """

    def __init__(self) -> None:
        self._script: deque[Step | Sequence[Step]] = deque()
        self.received: list[Received] = []
        self.under_way = asyncio.Event()
        self.cancelled = asyncio.Event()

    def will(self, *answers: Step | Sequence[Step]) -> None:
        """Answer the next calls so: a unary one with a step, a stream with several."""
        self._script.extend(answers)

    @property
    def request(self) -> Any:
        """The request of the last call."""
        return self.received[-1].request

    async def ExecuteQuery(self, request: query_pb.ExecuteQueryRequest, context: Any) -> Any:
        return await self._answer("ExecuteQuery", request, context)

    async def StreamQuery(self, request: query_pb.StreamQueryRequest, context: Any) -> AsyncIterator[Any]:
        entry = self._next("StreamQuery", request, context)
        for step in entry if isinstance(entry, Sequence) else (entry,):
            yield await self._take(step, request, context)

    async def ExecuteBatch(self, request: query_pb.ExecuteBatchRequest, context: Any) -> Any:
        return await self._answer("ExecuteBatch", request, context)

    async def ListDatabases(self, request: Any, context: Any) -> Any:
        return await self._answer("ListDatabases", request, context)

    async def ListTables(self, request: Any, context: Any) -> Any:
        return await self._answer("ListTables", request, context)

    async def GetTable(self, request: Any, context: Any) -> Any:
        return await self._answer("GetTable", request, context)

    async def ListSchemas(self, request: Any, context: Any) -> Any:
        return await self._answer("ListSchemas", request, context)

    async def RefreshSchema(self, request: Any, context: Any) -> Any:
        return await self._answer("RefreshSchema", request, context)

    async def CreateTable(self, request: Any, context: Any) -> Any:
        return await self._answer("CreateTable", request, context)

    async def DropTable(self, request: Any, context: Any) -> Any:
        return await self._answer("DropTable", request, context)

    async def CompleteSql(self, request: Any, context: Any) -> Any:
        return await self._answer("CompleteSql", request, context)

    async def GetSchemaTree(self, request: Any, context: Any) -> AsyncIterator[Any]:
        entry = self._next("GetSchemaTree", request, context)
        for step in entry if isinstance(entry, Sequence) else (entry,):
            yield await self._take(step, request, context)

    async def ListRows(self, request: Any, context: Any) -> Any:
        return await self._answer("ListRows", request, context)

    async def GetRow(self, request: Any, context: Any) -> Any:
        return await self._answer("GetRow", request, context)

    async def CountRows(self, request: Any, context: Any) -> Any:
        return await self._answer("CountRows", request, context)

    async def InsertRows(self, request: Any, context: Any) -> Any:
        return await self._answer("InsertRows", request, context)

    async def UpdateRows(self, request: Any, context: Any) -> Any:
        return await self._answer("UpdateRows", request, context)

    async def DeleteRows(self, request: Any, context: Any) -> Any:
        return await self._answer("DeleteRows", request, context)

    def _next(self, method: str, request: Any, context: Any) -> Step | Sequence[Step]:
        metadata = dict(context.invocation_metadata())
        seconds: float | None = context.time_remaining()
        until = math.inf if seconds is None else asyncio.get_running_loop().time() + seconds
        self.received.append(Received(method, request, metadata, seconds, until))
        return self._script.popleft()

    async def _answer(self, method: str, request: Any, context: Any) -> Any:
        step = self._next(method, request, context)
        assert not isinstance(step, Sequence)
        return await self._take(step, request, context)

    async def _take(self, step: Step, request: Any, context: Any) -> Any:
        if isinstance(step, Fault):
            await step.abort(context)
        if isinstance(step, Hang):
            await self._hang()
        return await step(request) if callable(step) else step

    async def _hang(self) -> None:
        self.under_way.set()
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            self.cancelled.set()
            raise


@asynccontextmanager
async def serving(
    gateway: ScriptedGateway, credentials: grpc.ServerCredentials | None = None, port: int = 0
) -> AsyncIterator[int]:
    """Serve it on that loopback port, or on a free one."""
    server = grpc.aio.server(options=[("grpc.so_reuseport", 0)])
    query_service_pb2_grpc.add_QueryServiceServicer_to_server(gateway, server)
    schema_service_pb2_grpc.add_SchemaServiceServicer_to_server(gateway, server)
    table_service_pb2_grpc.add_TableServiceServicer_to_server(gateway, server)
    if credentials is None:
        port = server.add_insecure_port(f"127.0.0.1:{port}")
    else:
        port = server.add_secure_port(f"127.0.0.1:{port}", credentials)
    await server.start()
    try:
        yield port
    finally:
        await server.stop(None)


def product(number: int, name: str = "Oak table") -> Row:
    """A row of the columns of PRODUCTS."""
    return Row(values=[Value(int_value=number), Value(string_value=name)])


def answer(*rows: Row, columns: Sequence[Column] = PRODUCTS, **stats: Any) -> query_pb.ExecuteQueryResponse:
    """A whole result."""
    return query_pb.ExecuteQueryResponse(
        result=ResultSet(columns=columns, rows=rows), stats=QueryStats(row_count=len(rows), **stats)
    )


def page(*rows: Row, token: str = "", **told: Any) -> table_pb.ListRowsResponse:
    """A page of a table."""
    return table_pb.ListRowsResponse(
        result=ResultSet(columns=PRODUCTS, rows=rows),
        stats=QueryStats(row_count=len(rows)),
        next_page_token=token,
        **told,
    )


def head(*rows: Row, columns: Sequence[Column] = PRODUCTS) -> query_pb.StreamQueryResponse:
    """The first message of a stream."""
    return query_pb.StreamQueryResponse(result=ResultSet(columns=columns, rows=rows))


def chunk(*rows: Row) -> query_pb.StreamQueryResponse:
    """A message in the middle of a stream."""
    return query_pb.StreamQueryResponse(result=ResultSet(rows=rows))


def tail(*rows: Row, **stats: Any) -> query_pb.StreamQueryResponse:
    """The last message of a stream."""
    return query_pb.StreamQueryResponse(result=ResultSet(rows=rows), stats=QueryStats(**stats))
