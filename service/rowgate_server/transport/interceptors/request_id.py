"""Gives every call a correlation id: the caller's `x-request-id` where it is a decent one, else a new one.

And the name of the trace that its caller's `traceparent` tells, whether traces are on here or not.
"""

from __future__ import annotations

import re

from rowgate_server.observability.ids import current_request, current_trace, new_id
from rowgate_server.observability.metrics import MethodLabels
from rowgate_server.transport.interceptors.call import RpcCall

HEADER = "x-request-id"
TRACE = "traceparent"
# What may be written into a log line and a trailer as it is.
_DECENT = re.compile(r"[A-Za-z0-9._:/@+=-]{1,64}\Z")
# https://www.w3.org/TR/trace-context/#traceparent-header; what comes behind the flags is a later version's.
_TRACEPARENT = re.compile(r"([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-[0-9a-f]{2}(-.*)?\Z")


class RequestId:
    """Sets `RpcCall.id`, and puts it on every log line and into the trailers; and the trace on every log line."""

    def register(self, labels: MethodLabels) -> None:
        """Nothing to do."""

    def enter(self, call: RpcCall) -> None:
        """Take or make the id."""
        offered = ""
        for key, text in call.metadata:
            if key == HEADER and not offered and isinstance(text, str) and _DECENT.match(text):
                offered = text
            elif key == TRACE and isinstance(text, str) and (trace := _trace(text)):
                current_trace.set(trace)
        call.id = offered or new_id()
        current_request.set(call.id)
        call.context.set_trailing_metadata(((HEADER, call.id),))

    def leave(self, call: RpcCall, error: BaseException | None) -> BaseException | None:
        """Nothing to do: the context dies with the call's task."""
        del call
        return error


def _trace(parent: str) -> str:
    """The trace's id; empty where the header is none that the standard knows."""
    found = _TRACEPARENT.match(parent)
    if found is None:
        return ""
    version, trace, span, more = found.groups()
    if version == "ff" or (version == "00" and more) or not trace.strip("0") or not span.strip("0"):
        return ""
    return trace
