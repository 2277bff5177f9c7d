"""Turns whatever a handler raised into a status, and decides what is a bug."""

from __future__ import annotations

import asyncio
from typing import Any

import grpc
import grpc.aio

from rowgate_server.errors import Reason, RowgateError
from rowgate_server.observability.logging import get_logger
from rowgate_server.observability.metrics import MethodLabels
from rowgate_server.transport.interceptors.call import RpcCall
from rowgate_server.transport.interceptors.facts import QUIET
from rowgate_server.transport.status import StatusError, status_error

_log = get_logger("rowgate.errors")

_SKEW = 0.1
"""Seconds. The caller's clock started earlier: it gives up, and says so, before the deadline has passed here."""


class Errors:
    """Sets `RpcCall.code` and `RpcCall.reason`.

    An exception's own text never reaches the caller, unless the gateway wrote it.
    """

    def register(self, labels: MethodLabels) -> None:
        """Nothing to do."""

    def enter(self, call: RpcCall) -> None:
        """Nothing to do."""

    def leave(self, call: RpcCall, error: BaseException | None) -> BaseException | None:
        """Exchange the error for a status."""
        if error is None:
            return None
        told = self._told(call, error)
        if isinstance(told, StatusError):
            call.code, call.reason = told.code, told.reason
        return told

    def _told(self, call: RpcCall, error: BaseException) -> BaseException:
        if isinstance(error, RowgateError):
            _note(call, error)
            call.outcome = error.outcome or ""
            return status_error(error, call.id)
        if isinstance(error, asyncio.CancelledError):
            return self._cancelled(call, error)
        if isinstance(error, grpc.aio.AbortError):
            # A handler of the grpcio packages has ended the call by itself; a second abort would be an error.
            call.code = _code(call)
            return error
        if not isinstance(error, Exception):
            call.code = grpc.StatusCode.UNAVAILABLE
            return error
        _log.error("bug", method=call.labels.grpc_method, exc_info=error)
        internal = RowgateError(
            Reason.INTERNAL, f"the gateway made a mistake; its logs know more under correlation id {call.id}"
        )
        return status_error(internal, call.id)

    def _cancelled(self, call: RpcCall, error: asyncio.CancelledError) -> BaseException:
        # The types say that it is never None; without a deadline of the caller's it is.
        remaining: float | None = call.context.time_remaining()
        task = asyncio.current_task()
        cancelled = call.gone or (task is not None and task.cancelling() > 0)
        if remaining is not None and remaining <= (_SKEW if cancelled else 0):
            call.code = grpc.StatusCode.DEADLINE_EXCEEDED
            if call.labels.grpc_service not in QUIET:  # a watch of health is to end so
                # What the gateway answers a moment before, where it comes to that: counted alike, whichever it was.
                call.reason = Reason.STATEMENT_TIMEOUT.value
            return error
        if cancelled:
            call.code = grpc.StatusCode.CANCELLED
            return error
        # Nobody cancelled this task, so the caller is still there, and grpc would leave it waiting.
        stopped = RowgateError(Reason.SHUTTING_DOWN, "the call was stopped by the gateway", retry_after=1.0)
        return status_error(stopped, call.id)


def _note(call: RpcCall, error: RowgateError) -> None:
    """What an operator wants to know of it, in the call's line of the log."""
    for key in ("sqlstate", "vendor_code"):
        if key in error.metadata:
            call.facts[key] = error.metadata[key]
    if error.cause:
        call.facts["cause"] = error.cause


def _code(call: RpcCall) -> grpc.StatusCode:
    number: Any = call.context.code()
    return next((code for code in grpc.StatusCode if number in (code, code.value[0])), grpc.StatusCode.UNKNOWN)
