"""Traces: a span for each call, and for each statement, transaction command and wait within it, exported by OTLP.

Names and attributes are those of OpenTelemetry's semantic conventions, in the release that `_SCHEMA` names:
https://opentelemetry.io/docs/specs/semconv/rpc/rpc-spans/ and .../db/database-spans/. Never a value, never a principal;
SQL only where the configuration asks for it. Imported only where traces are switched on: the libraries are an extra.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from opentelemetry import context as contexts
from opentelemetry import trace
from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter
from opentelemetry.sdk.trace.sampling import ParentBased, TraceIdRatioBased
from opentelemetry.trace import Span, SpanKind, Status, StatusCode
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from rowgate_server.observability.tracing import Place

_SCHEMA = "https://opentelemetry.io/schemas/1.44.0"
_LONGEST_SQL = 2048
_LAST_EXPORT = 2.0
_CARRIED = frozenset({"traceparent", "tracestate"})
_SERVER_ERRORS = frozenset({"UNKNOWN", "DEADLINE_EXCEEDED", "UNIMPLEMENTED", "INTERNAL", "UNAVAILABLE", "DATA_LOSS"})
"""Codes that make a server's span an error; the others are the caller's."""
_FIRST_WORD = re.compile(r"(?:\s|\(|--[^\n]*\n|#[^\n]*\n|/\*.*?\*/)*+([A-Za-z]{1,16})\b", re.DOTALL)


class OtlpTracing:
    """Makes spans.

    Args:
        exporter: where they go; in a thread of its own, in batches.
        ratio: how many of the calls that bring no decision of their caller's are traced, from 0 to 1.
        version: the gateway's.
        sql: whether a statement's text is told, its values never.
    """

    def __init__(self, exporter: SpanExporter, ratio: float, version: str, *, sql: bool) -> None:
        self._provider = TracerProvider(
            sampler=ParentBased(TraceIdRatioBased(ratio)),
            resource=Resource.create({"service.name": "rowgate", "service.version": version}),
            shutdown_on_exit=False,
        )
        self._exporter = exporter
        self._provider.add_span_processor(BatchSpanProcessor(exporter))
        self._tracer = self._provider.get_tracer("rowgate_server", version, schema_url=_SCHEMA)
        self._propagator = TraceContextTextMapPropagator()
        self._sql = sql

    def call(self, method: str, peer: str, metadata: Iterable[tuple[str, Any]]) -> _CallSpan:
        """The span of a call, below its caller's; statements of the same task, and of those it starts, go below it."""
        carrier = {key: text for key, text in metadata if key in _CARRIED and isinstance(text, str)}
        outer = self._propagator.extract(carrier, contexts.Context())
        span = self._tracer.start_span(
            method,
            outer,
            SpanKind.SERVER,
            {"rpc.system.name": "grpc", "rpc.method": method, "network.peer.address": peer},
        )
        # Never detached: it dies with the call's task.
        contexts.attach(trace.set_span_in_context(span, outer))
        return _CallSpan(span)

    def statement(self, place: Place, fragments: Sequence[str], sets: int = 1) -> _StatementSpan | None:
        """The span of a statement, below the call of this task; None where that is not recorded."""
        if not trace.get_current_span().is_recording():
            return None
        first = _FIRST_WORD.match(fragments[0])
        operation = first[1].upper() if first else ""
        told = _where(place)
        if operation:
            told["db.operation.name"] = operation
        if sets > 1:
            told["db.operation.batch.size"] = sets
        if self._sql:
            told["db.query.text"] = "?".join(fragments)[:_LONGEST_SQL]
        return _StatementSpan(
            self._tracer.start_span(f"{operation} {place.namespace}".strip(), None, SpanKind.CLIENT, told)
        )

    def command(self, place: Place, operation: str) -> _PartSpan | None:
        """The same of a command about a transaction: `COMMIT`."""
        if not trace.get_current_span().is_recording():
            return None
        told = _where(place) | {"db.operation.name": operation}
        return _PartSpan(self._tracer.start_span(f"{operation} {place.namespace}", None, SpanKind.CLIENT, told))

    def wait(self, place: Place, what: str, pool: str) -> _PartSpan | None:
        """The same of a wait for a connection, and for what: a pool, as the metrics name it."""
        if not trace.get_current_span().is_recording():
            return None
        told = _where(place) | {"db.client.connection.pool.name": pool}
        return _PartSpan(self._tracer.start_span(f"{what} {pool}", None, SpanKind.INTERNAL, told))

    async def close(self) -> None:
        """Export what is left, as far as that can be done in two seconds."""
        ending = asyncio.create_task(asyncio.to_thread(self._provider.shutdown))
        done, _ = await asyncio.wait({ending}, timeout=_LAST_EXPORT)
        if not done:
            # A collector that is not there is tried again and again, for ten seconds, unless it is told of the end.
            self._exporter.shutdown()
        await ending


def _where(place: Place) -> dict[str, Any]:
    """What all spans below a call's tell of the database."""
    told: dict[str, Any] = {
        "db.system.name": place.system,
        "db.namespace": place.namespace,
        "rowgate.database": place.name,
    }
    return told | {"server.address": place.host, "server.port": place.port} if place.host else told


class _CallSpan:
    """Tells what the conventions of RPC want."""

    __slots__ = ("_span", "trace_id")

    def __init__(self, span: Span) -> None:
        self._span = span
        self.trace_id = trace.format_trace_id(span.get_span_context().trace_id)

    def end(self, code: str, reason: str, facts: Mapping[str, Any]) -> None:
        """See `CallSpan`."""
        span = self._span
        if span.is_recording():
            span.set_attribute("rpc.response.status_code", code)
            if reason or code in _SERVER_ERRORS:
                span.set_attribute("error.type", reason or code)
            if code in _SERVER_ERRORS:
                span.set_status(Status(StatusCode.ERROR))
            for fact in ("database", "query_id", "rows"):
                if fact in facts:
                    span.set_attribute(f"rowgate.{fact}", facts[fact])
        span.end()


class _PartSpan:
    """Tells what the conventions of databases want."""

    __slots__ = ("_span",)

    def __init__(self, span: Span) -> None:
        self._span: Span | None = span

    def end(self) -> None:
        """It went well."""
        self._end()

    def fail(self, kind: str, code: str = "") -> None:
        """It did not go well."""
        if self._span is not None:
            self._span.set_attribute("error.type", kind)
            if code:
                self._span.set_attribute("db.response.status_code", code)
            self._span.set_status(Status(StatusCode.ERROR))
            self._end()

    def _end(self) -> None:
        span, self._span = self._span, None
        if span is not None:
            span.end()


class _StatementSpan(_PartSpan):
    """Tells of its rows too."""

    __slots__ = ("_rows",)

    def __init__(self, span: Span) -> None:
        super().__init__(span)
        self._rows = 0

    def began(self) -> None:
        """The command that begins its transaction goes with it."""
        if self._span is not None:
            self._span.add_event("BEGIN")

    def returned(self, rows: int) -> None:
        """So many more rows have come."""
        self._rows += rows

    def end(self) -> None:
        """It went well."""
        if self._span is not None:
            self._span.set_attribute("db.response.returned_rows", self._rows)
        super().end()


def by_otlp(endpoint: str) -> SpanExporter:
    """An exporter to a collector: `http://host:4317`, or `https://` with the system's certificates.

    The exporter reads OTEL_EXPORTER_OTLP_HEADERS, _TIMEOUT and _CERTIFICATE from the environment by itself.
    """
    return OTLPSpanExporter(endpoint=endpoint, insecure=endpoint.startswith("http://"))
