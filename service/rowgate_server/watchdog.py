"""Ends a process that was told to end and can't, since its event loop is stuck: in a thread, beside it.

Python's own part of a signal is done by the main thread, between two steps of it. But the octet that says which signal
it was is written to a socket at once; this thread reads it first, and passes it on to the event loop.
"""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import threading
from time import monotonic
from typing import NoReturn

from rowgate_server import signals
from rowgate_server.observability.logging import get_logger
from rowgate_server.observability.outlet import outlets

_log = get_logger("rowgate.watchdog")

LATEST = 1.95
"""Seconds after the grace. Behind what ends by itself, and what a supervisor ends."""

_HURRIED = 0.5 + LATEST
"""Seconds after a second signal: callers have half a second to be told why their calls are cut short."""

_LAST_WORDS = 0.03


class Watchdog:
    """Counts from the first signal to stop.

    Args:
        grace: seconds from there until nothing but the end itself is left to do.
    """

    def __init__(self, grace: float) -> None:
        self._grace = grace
        self._lock = threading.Lock()
        self._loops: int | None = None
        self._ours, theirs = socket.socketpair()
        # A signal must never wait for room.
        theirs.settimeout(0.0)
        self._theirs = theirs
        threading.Thread(target=self._watch, name="rowgate-watchdog", daemon=True).start()

    def stand_between(self) -> None:
        """Hear of signals before the loop, which has just told the interpreter that it listens to them."""
        listener = signal.set_wakeup_fd(self._theirs.fileno(), warn_on_full_buffer=False)
        if listener != self._theirs.fileno():
            self._loops = listener

    def stand_alone(self) -> None:
        """The loop listens no more, and its socket is closed next."""
        with self._lock:
            self._loops = None

    def _watch(self) -> None:
        end: float | None = None
        while True:
            self._ours.settimeout(None if end is None else max(0.001, end - monotonic()))
            try:
                octets = self._ours.recv(64)
            except TimeoutError:
                _end()
            for number in octets:
                if number in signals.STOPPING:
                    now = monotonic()
                    end = now + self._grace + LATEST if end is None else min(end, now + _HURRIED)
            with self._lock, contextlib.suppress(BlockingIOError):
                if self._loops is not None:
                    os.write(self._loops, octets)


def _end() -> NoReturn:
    _log.error("something is stuck, the process is ended")
    outlets.flush(_LAST_WORDS)
    os._exit(0)
