"""Turns on the event loop: a hundred callers of the same large answer must not all be served in one round of it."""

from __future__ import annotations

import asyncio
from collections import deque


class Turns:
    """Lets so many through in each round of the event loop; the others wait for the next ones, in order.

    Args:
        most: how many.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._taken = 0
        self._waiting: deque[asyncio.Future[None]] = deque()

    async def take(self) -> None:
        """Wait for a turn."""
        loop = asyncio.get_running_loop()
        if not self._taken:
            loop.call_soon(self._next_round)
        if self._taken < self._most:
            self._taken += 1
            return
        turn = loop.create_future()
        self._waiting.append(turn)
        await turn

    def _next_round(self) -> None:
        self._taken = 0
        while self._waiting and self._taken < self._most:
            turn = self._waiting.popleft()
            if not turn.done():  # else whoever waited has gone away
                turn.set_result(None)
                self._taken += 1
        if self._taken:
            asyncio.get_running_loop().call_soon(self._next_round)
