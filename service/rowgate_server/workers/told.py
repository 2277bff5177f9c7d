"""What signals have told a serving process, or a supervisor: to stop, to hurry, to look at files anew."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable


class Told:
    """To stop; by a second one, to hurry.

    SIGINT is sent by a person at a terminal: no load balancer has to hear of it first.
    """

    def __init__(self) -> None:
        self.stop = asyncio.Event()
        self.hurry = asyncio.Event()
        self.patient = False
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self.tell, number)

    def on_hangup(self, reload: Callable[[], None]) -> None:
        """What SIGHUP is to do from now on, instead of ending the process."""
        asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, reload)

    def tell(self, number: signal.Signals) -> None:
        """A signal has come."""
        if self.stop.is_set():
            self.hurry.set()
        self.patient = self.patient or (number == signal.SIGTERM and not self.stop.is_set())
        self.stop.set()
