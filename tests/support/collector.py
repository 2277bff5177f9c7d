"""An OpenTelemetry collector that keeps what it is sent."""

from __future__ import annotations

import asyncio
from typing import Any, Self

import grpc.aio
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2, trace_service_pb2_grpc
from opentelemetry.proto.trace.v1 import trace_pb2


def value(told: Any) -> Any:
    """What an AnyValue holds."""
    return getattr(told, told.WhichOneof("value"))


class Collected:
    """One span."""

    def __init__(self, span: trace_pb2.Span, resource: dict[str, Any]) -> None:
        self.name = span.name
        self.trace = span.trace_id.hex()
        self.id = span.span_id.hex()
        self.parent = span.parent_span_id.hex()
        self.kind = trace_pb2.Span.SpanKind.Name(span.kind)
        self.failed = span.status.code == trace_pb2.Status.STATUS_CODE_ERROR
        self.told = {each.key: value(each.value) for each in span.attributes}
        self.events = [event.name for event in span.events]
        self.resource = resource


class Collector(trace_service_pb2_grpc.TraceServiceServicer):
    """Serves on a free port within `async with`."""

    def __init__(self) -> None:
        self.spans: list[Collected] = []
        self.raw = b""
        self._more = asyncio.Condition()

    async def Export(self, request: Any, _context: Any) -> Any:
        self.raw += request.SerializeToString()
        for each in request.resource_spans:
            resource = {one.key: value(one.value) for one in each.resource.attributes}
            self.spans += [Collected(span, resource) for scope in each.scope_spans for span in scope.spans]
        async with self._more:
            self._more.notify_all()
        return trace_service_pb2.ExportTraceServiceResponse()

    async def of_trace(self, trace: str, count: int, within: float = 20.0) -> list[Collected]:
        """The spans of a trace, once there are so many besides waits for connections, which come by chance."""

        def found() -> list[Collected]:
            return [span for span in self.spans if span.trace == trace]

        def enough() -> bool:
            return sum(span.kind != "SPAN_KIND_INTERNAL" for span in found()) >= count

        async with asyncio.timeout(within), self._more:
            await self._more.wait_for(enough)
        return found()

    async def __aenter__(self) -> Self:
        self._server = grpc.aio.server()
        trace_service_pb2_grpc.add_TraceServiceServicer_to_server(self, self._server)
        port = self._server.add_insecure_port("127.0.0.1:0")
        self.endpoint = f"http://127.0.0.1:{port}"
        await self._server.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._server.stop(0)
