"""Large requests that the process holds for their callers, in bytes.

There is so much in all, and half of what the others leave of it for each caller: half of it for one who is alone, a
quarter for the next. So there is always something left for one more, however long those before him hold theirs.
"""

from __future__ import annotations

import asyncio
import contextlib
from weakref import WeakValueDictionary

from rowgate_server.errors import Outcome, Reason, RowgateError

COUNTED = 64 * 1024
"""Bytes from which on a message is counted: what is smaller costs no more than the call itself."""

_RETRY_AFTER = 1.0

_PATIENCE = 2.0
"""Seconds that a request waits for room."""


class HeldBytes:
    """Counts them.

    Args:
        most: bytes of them in all; no single one may have more than half as many.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._of: dict[str, int] = {}
        self._total = 0
        self._waiting = 0
        """Bytes that wait for room."""
        self._turns: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()
        """The callers' whose requests wait."""
        self._freed = asyncio.Event()

    def hold(self, who: str, octets: int) -> None:
        """So many more."""
        self._total += octets
        self._of[who] = self._of.get(who, 0) + octets

    def release(self, who: str, octets: int) -> None:
        """So many less."""
        self._total -= octets
        left = self._of[who] - octets
        if left:
            self._of[who] = left
        else:
            del self._of[who]
        self._freed.set()

    async def room(self, who: str, octets: int) -> None:
        """Wait for a moment until there is room for so many more, unless half as many as there may be wait already.

        A caller's wait in order: small ones would pass a large one for good.

        Raises:
            RowgateError: QUOTA_EXCEEDED, nothing having been run.
        """
        turn = self._turns.get(who)
        if (turn is not None or self._refusal(who, octets) is not None) and self._waiting + octets <= self._most // 2:
            if turn is None:
                turn = self._turns[who] = asyncio.Lock()
            self._waiting += octets
            try:
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(_PATIENCE), turn:
                        while self._refusal(who, octets) is not None:
                            self._freed.clear()
                            await self._freed.wait()
            finally:
                self._waiting -= octets
        self.check(who, octets)

    def check(self, who: str, octets: int) -> None:
        """See whether there is room for so many more.

        Raises:
            RowgateError: QUOTA_EXCEEDED, nothing having been run.
        """
        limit = self._refusal(who, octets)
        if limit is not None:
            raise RowgateError(
                Reason.QUOTA_EXCEEDED,
                "requests under way take all the room that there is for them",
                retry_after=_RETRY_AFTER,
                limit=limit,
                outcome=Outcome.NOT_RUN,
            )

    def _refusal(self, who: str, octets: int) -> str | None:
        """The limit that so many more would break."""
        own = self._of.get(who, 0)
        left = self._most - (self._total - own)
        if own + octets <= left // 2:
            return None
        if own + octets > self._most // 2:
            return f"{self._most // 2} bytes for a caller"
        return f"half of the {left} bytes that other callers leave"
