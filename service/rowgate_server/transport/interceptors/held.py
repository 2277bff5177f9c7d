"""What callers have the process hold for them, in bytes: so much in all, and half of it for one connection."""

from __future__ import annotations

import asyncio
import contextlib

from rowgate_server.errors import Outcome, Reason, RowgateError

COUNTED = 64 * 1024
"""Bytes from which on a message is counted: what is smaller costs no more than the call itself."""

_RETRY_AFTER = 1.0

_PATIENCE = 2.0
"""Seconds that a message waits for room."""


class HeldBytes:
    """Counts large messages.

    Args:
        what: what they are, for the callers who are refused.
        most: bytes of them in all.
    """

    def __init__(self, what: str, most: int) -> None:
        self._what = what
        self._most = most
        self._of: dict[str, int] = {}
        self._waiting = 0
        """Bytes that wait for room."""
        self._freed = asyncio.Event()
        self.total = 0

    def hold(self, peer: str, octets: int) -> None:
        """So many more."""
        self.total += octets
        self._of[peer] = self._of.get(peer, 0) + octets

    def release(self, peer: str, octets: int) -> None:
        """So many less."""
        self.total -= octets
        left = self._of[peer] - octets
        if left:
            self._of[peer] = left
        else:
            del self._of[peer]
        self._freed.set()

    async def room(self, peer: str, octets: int) -> None:
        """Wait for a moment until there is room for so many more, unless half as many as there may be wait already.

        Raises:
            RowgateError: QUOTA_EXCEEDED, nothing having been run.
        """
        if self._refusal(peer, octets) is not None and self._waiting + octets <= self._most // 2:
            self._waiting += octets
            try:
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(_PATIENCE):
                        while self._refusal(peer, octets) is not None:
                            self._freed.clear()
                            await self._freed.wait()
            finally:
                self._waiting -= octets
        self.check(peer, octets)

    def check(self, peer: str, octets: int) -> None:
        """See whether there is room for so many more.

        Raises:
            RowgateError: QUOTA_EXCEEDED, nothing having been run.
        """
        limit = self._refusal(peer, octets)
        if limit is not None:
            raise RowgateError(
                Reason.QUOTA_EXCEEDED,
                f"{self._what} take all the room that there is for them",
                retry_after=_RETRY_AFTER,
                limit=limit,
                outcome=Outcome.NOT_RUN,
            )

    def _refusal(self, peer: str, octets: int) -> str | None:
        """The limit that so many more would break."""
        if not self.total:
            return None
        if self._of.get(peer, 0) + octets > self._most // 2:
            return f"{self._most // 2} bytes for a connection"
        if self.total + octets > self._most:
            return f"{self._most} bytes for all callers"
        return None
