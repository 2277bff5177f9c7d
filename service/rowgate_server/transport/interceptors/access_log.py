"""One line a call: what, how long, how it ended."""

from __future__ import annotations

import logging
from time import monotonic

import grpc

from rowgate_server.observability.logging import BoundOnce
from rowgate_server.observability.metrics import MethodLabels
from rowgate_server.transport.interceptors.call import RpcCall
from rowgate_server.transport.interceptors.facts import QUIET, shortened, who

_OURS = frozenset({grpc.StatusCode.INTERNAL, grpc.StatusCode.UNKNOWN})


class AccessLog:
    """Logs each call when it has ended, refused ones included."""

    def __init__(self) -> None:
        self._logger = BoundOnce("rowgate.access")

    def register(self, labels: MethodLabels) -> None:
        """Nothing to do."""

    def enter(self, call: RpcCall) -> None:
        """Look at the clock."""
        call.started = monotonic()

    def leave(self, call: RpcCall, error: BaseException | None) -> BaseException | None:
        """Write the line."""
        level = _level(call)
        # Before anything is put together: most calls are of no interest to a gateway that logs warnings.
        log = self._logger()
        if not log.is_enabled_for(level):
            return error
        duration = monotonic() - call.started
        log.log(
            level,
            "call",
            method=f"{call.labels.grpc_service}/{call.labels.grpc_method}",
            code=call.code.name,
            ms=round(duration * 1000, 2),
            peer=call.peer,
            **who(call.principal),
            **({"reason": call.reason} if call.reason else {}),
            **{name: shortened(fact) for name, fact in call.facts.items()},
        )
        return error


def _level(call: RpcCall) -> int:
    if call.code in _OURS:
        return logging.ERROR
    return logging.DEBUG if call.labels.grpc_service in QUIET else logging.INFO
