"""A span for every call, below its caller's; probes and reflection have none."""

from __future__ import annotations

from rowgate_server.observability.ids import current_trace
from rowgate_server.observability.metrics import MethodLabels
from rowgate_server.observability.tracing import CallSpan, Tracing
from rowgate_server.transport.interceptors.call import RpcCall
from rowgate_server.transport.interceptors.facts import QUIET


class CallTracer:
    """Stands outside the access log, whose line then has the trace's id, and ends after it.

    Args:
        tracing: makes the spans.
    """

    def __init__(self, tracing: Tracing) -> None:
        self._tracing = tracing
        self._spans: dict[RpcCall, CallSpan] = {}

    def register(self, labels: MethodLabels) -> None:
        """Nothing to do."""

    def enter(self, call: RpcCall) -> None:
        """Begin the span."""
        labels = call.labels
        if labels.grpc_service in QUIET:
            return
        metadata = call.context.invocation_metadata() or ()
        span = self._tracing.call(f"{labels.grpc_service}/{labels.grpc_method}", call.peer, metadata)
        self._spans[call] = span
        current_trace.set(span.trace_id)

    def leave(self, call: RpcCall, error: BaseException | None) -> BaseException | None:
        """End it."""
        span = self._spans.pop(call, None)
        if span is not None:
            span.end(call.code.name, call.reason, call.facts)
        return error
