"""Turns on the event loop, for what might never wait by itself: it reads what has come, and more comes meanwhile."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from typing import Any, ClassVar
from weakref import WeakKeyDictionary

TURN = 0.002
"""Seconds of work in one go: so long every other call waits, at each of the twenty steps that it takes."""


class Breaths:
    """Leaves everybody else every other turn."""

    __slots__ = ("_until",)

    def __init__(self) -> None:
        self._until = time.monotonic() + TURN

    async def take(self) -> None:
        """Between two pieces of the work, each of which is short."""
        if time.monotonic() >= self._until:
            await asyncio.sleep(TURN)
            self._until = time.monotonic() + TURN


class Receiving:
    """Connections that receive more than is read in a turn: they rest, and one goes on in each round of the loop.

    If all received in each round, a call that takes twenty rounds would wait for twelve connections twenty times.
    """

    _of_loops: ClassVar[WeakKeyDictionary[asyncio.AbstractEventLoop, Receiving]] = WeakKeyDictionary()

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._resting: deque[Any] = deque()

    @classmethod
    def of_this_loop(cls) -> Receiving:
        """That of all connections on the running loop."""
        loop = asyncio.get_running_loop()
        if (found := cls._of_loops.get(loop)) is None:
            found = cls._of_loops[loop] = cls(loop)
        return found

    def rest(self, transport: Any) -> None:
        """Its turn is over; it receives no more until the next one."""
        transport.pause_reading()
        self._resting.append(transport)
        if len(self._resting) == 1:
            self._loop.call_soon(self._go_on)

    def _go_on(self) -> None:
        transport = self._resting.popleft()
        if not transport.is_closing():
            transport.resume_reading()
        if self._resting:
            self._loop.call_soon(self._go_on)
