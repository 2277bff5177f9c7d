"""Counts every call in the standard `grpc_server_*` metrics."""

from __future__ import annotations

from time import monotonic

import grpc

from rowgate_server.errors import Reason
from rowgate_server.observability.metrics import CallMetrics, MethodLabels, Metrics
from rowgate_server.transport.interceptors.call import RpcCall

# go-grpc spells them so, and its dashboards ask for these words.
CODE_NAMES: dict[grpc.StatusCode, str] = {
    grpc.StatusCode.OK: "OK",
    grpc.StatusCode.CANCELLED: "Canceled",
    grpc.StatusCode.UNKNOWN: "Unknown",
    grpc.StatusCode.INVALID_ARGUMENT: "InvalidArgument",
    grpc.StatusCode.DEADLINE_EXCEEDED: "DeadlineExceeded",
    grpc.StatusCode.NOT_FOUND: "NotFound",
    grpc.StatusCode.ALREADY_EXISTS: "AlreadyExists",
    grpc.StatusCode.PERMISSION_DENIED: "PermissionDenied",
    grpc.StatusCode.RESOURCE_EXHAUSTED: "ResourceExhausted",
    grpc.StatusCode.FAILED_PRECONDITION: "FailedPrecondition",
    grpc.StatusCode.ABORTED: "Aborted",
    grpc.StatusCode.OUT_OF_RANGE: "OutOfRange",
    grpc.StatusCode.UNIMPLEMENTED: "Unimplemented",
    grpc.StatusCode.INTERNAL: "Internal",
    grpc.StatusCode.UNAVAILABLE: "Unavailable",
    grpc.StatusCode.DATA_LOSS: "DataLoss",
    grpc.StatusCode.UNAUTHENTICATED: "Unauthenticated",
}


class CallCounter:
    """Started on the way in; handled, messages and seconds on the way out."""

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics
        self._methods: dict[MethodLabels, CallMetrics] = {}
        self._failures = metrics.failures
        self._failures.expect(Reason)

    def register(self, labels: MethodLabels) -> None:
        """Make the metrics of one method, so that all begin at zero."""
        self._methods[labels] = self._metrics.call(labels, tuple(CODE_NAMES.values()))

    def enter(self, call: RpcCall) -> None:
        """Count the start."""
        self._methods[call.labels].started += 1

    def leave(self, call: RpcCall, error: BaseException | None) -> BaseException | None:
        """Count the end."""
        metrics = self._methods[call.labels]
        metrics.handled[CODE_NAMES[call.code]] += 1
        if call.reason:
            self._failures.count(call.facts.get("database", ""), call.reason)
        metrics.received += call.received
        metrics.sent += call.sent
        metrics.seconds.add(monotonic() - call.started)
        return error
