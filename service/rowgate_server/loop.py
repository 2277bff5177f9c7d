"""The event loop: asyncio's own, with a watchdog beside it, and without what asyncio has too much to say of."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from time import monotonic
from typing import Any, TypeVarTuple

from rowgate_server.engines.descriptors import OUT_OF_DESCRIPTORS, limit
from rowgate_server.observability.causes import in_a_line
from rowgate_server.observability.logging import get_logger
from rowgate_server.watchdog import Watchdog

_Ts = TypeVarTuple("_Ts")

_log = get_logger("rowgate.loop")

_QUIET = 60.0
"""Seconds from one such line to the next."""


class Loop(asyncio.SelectorEventLoop):
    """The event loop of a process that serves, or supervises.

    Args:
        watchdog: hears of signals before the loop does.
    """

    def __init__(self, watchdog: Watchdog) -> None:
        super().__init__()
        self._watchdog = watchdog
        self._quiet_until = 0.0

    def add_signal_handler(self, sig: int, callback: Callable[[*_Ts], object], *args: *_Ts) -> None:
        """The watchdog hears of it first."""
        super().add_signal_handler(sig, callback, *args)
        self._watchdog.stand_between()

    def remove_signal_handler(self, sig: int) -> bool:
        """Once it is closed they are ignored; asyncio would have their default again, which ends the process."""
        return not self.is_closed() and super().remove_signal_handler(sig)

    def default_exception_handler(self, context: dict[str, Any]) -> None:
        """Asyncio has a hundred tracebacks a second for a connection that no descriptor is left for."""
        error = context.get("exception")
        if "socket" not in context or not isinstance(error, OSError) or error.errno not in OUT_OF_DESCRIPTORS:
            super().default_exception_handler(context)
        elif monotonic() >= self._quiet_until:
            self._quiet_until = monotonic() + _QUIET
            _log.error("connections wait, no descriptor is left for them", limit=limit(), cause=in_a_line(error))

    def close(self) -> None:
        """No signal reaches it from now on."""
        self._watchdog.stand_alone()
        super().close()
