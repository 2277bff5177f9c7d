"""Work on the event loop that might never wait by itself: what it reads has come already, and more comes meanwhile."""

from __future__ import annotations

import asyncio
import time

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
