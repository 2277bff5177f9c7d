"""Gives every call a correlation id: the caller's `x-request-id` where it is a decent one, else a new one."""

from __future__ import annotations

import re

from rowgate_server.observability.ids import current_request, new_id
from rowgate_server.observability.metrics import MethodLabels
from rowgate_server.transport.interceptors.chain import RpcCall

HEADER = "x-request-id"
# What may be written into a log line and a trailer as it is.
_DECENT = re.compile(r"[A-Za-z0-9._:/@+=-]{1,64}\Z")


class RequestId:
    """Sets `RpcCall.id`, and puts it on every log line and into the trailers."""

    def register(self, labels: MethodLabels) -> None:
        """Nothing to do."""

    def enter(self, call: RpcCall) -> None:
        """Take or make the id."""
        call.id = _offered(call) or new_id()
        current_request.set(call.id)
        call.context.set_trailing_metadata(((HEADER, call.id),))

    def leave(self, call: RpcCall, error: BaseException | None) -> BaseException | None:
        """Nothing to do: the context dies with the call's task."""
        del call
        return error


def _offered(call: RpcCall) -> str:
    for key, text in call.metadata:
        if key == HEADER and isinstance(text, str) and _DECENT.match(text):
            return text
    return ""
