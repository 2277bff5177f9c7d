"""A bounded number of places, given out in the order of asking.

Unlike asyncio.Semaphore it can be asked without waiting, tells how many wait, and hands a freed place straight to the
first that waits, so that a newcomer cannot overtake.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque


class Places:
    """So many places."""

    def __init__(self, count: int) -> None:
        self._free = count
        self._waiters: deque[asyncio.Future[None]] = deque()

    @property
    def waiting(self) -> int:
        """How many wait."""
        return len(self._waiters)

    def take(self) -> bool:
        """Take a place if one is free and nobody waits for it."""
        if self._free <= 0:
            return False
        self._free -= 1
        return True

    async def wait(self, patience: float) -> None:
        """Wait for a place.

        Args:
            patience: seconds.

        Raises:
            TimeoutError: none came free in time.
        """
        waiter = asyncio.get_running_loop().create_future()
        self._waiters.append(waiter)
        try:
            async with asyncio.timeout(patience):
                await waiter
        except BaseException:
            # The place may have come together with the timeout or the cancellation: it goes to the next.
            if waiter.done() and not waiter.cancelled():
                self.release()
            else:
                with contextlib.suppress(ValueError):  # a release has passed it by already
                    self._waiters.remove(waiter)
            raise

    def release(self) -> None:
        """Give a place back."""
        while self._waiters:
            waiter = self._waiters.popleft()
            if not waiter.done():
                waiter.set_result(None)
                return
        self._free += 1
