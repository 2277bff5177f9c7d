"""What signals have told a serving process, or a supervisor: to stop, to hurry, to look at files anew."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

from rowgate_server import signals

_T = TypeVar("_T")

_GIVEN_UP = 0.5
"""Seconds that what was cancelled may take to end."""


class Told:
    """To stop; by a second one, to hurry.

    SIGINT is sent by a person at a terminal: no load balancer has to hear of it first.
    """

    def __init__(self) -> None:
        self.stop = asyncio.Event()
        self.hurry = asyncio.Event()
        self.patient = False
        loop = asyncio.get_running_loop()
        for number in signals.STOPPING:
            loop.add_signal_handler(number, self.tell, number)
        signals.let_through()

    def on_hangup(self, reload: Callable[[], None]) -> None:
        """What SIGHUP is to do from now on, instead of ending the process."""
        asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, reload)

    async def unless_stopped(self, work: Coroutine[Any, Any, _T]) -> _T | None:
        """What the work comes to; None where the word to stop came first, and it was cancelled."""
        working, stopped = asyncio.ensure_future(work), asyncio.ensure_future(self.stop.wait())
        try:
            await asyncio.wait({working, stopped}, return_when=asyncio.FIRST_COMPLETED)
            if working.done():
                return working.result()
            working.cancel()
            await asyncio.wait({working}, timeout=_GIVEN_UP)
            if working.done() and not working.cancelled():
                working.exception()  # nobody waits for it any more
            return None
        finally:
            stopped.cancel()

    def tell(self, number: signal.Signals) -> None:
        """A signal has come."""
        if self.stop.is_set():
            self.hurry.set()
        self.patient = self.patient or (number == signal.SIGTERM and not self.stop.is_set())
        self.stop.set()
