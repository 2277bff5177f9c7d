"""What one process of the workers has counted: asked for at each scrape, which a silent process does not hold up."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
from collections.abc import Awaitable, Callable

from rowgate_server.observability.exposition import Snapshot
from rowgate_server.workers.channel import ChannelClosedError

_PATIENCE = 0.1
"""Seconds that a scrape waits for the numbers of a process; they come within a few milliseconds."""


class Counted:
    """The numbers of one process: another one in its place begins with another of these.

    Args:
        ask: asks the process; raises ChannelClosedError where it is gone, TimeoutError where it does not answer.
    """

    def __init__(self, ask: Callable[[], Awaitable[Snapshot]]) -> None:
        self.last: Snapshot = []
        """What it told last; newer with every answer, and never older."""
        self.silent = False
        """Whether it has not answered in time, and not since."""
        self._ask = ask
        self._numbers = itertools.count(1)
        self._newest = 0
        self._asking: set[asyncio.Task[None]] = set()

    async def refresh(self) -> None:
        """Have newer numbers, if they come soon; those that come later are there the next time."""
        asking = asyncio.create_task(self._take())
        self._asking.add(asking)
        asking.add_done_callback(self._asking.discard)
        if not self.silent:
            await asyncio.wait({asking}, timeout=_PATIENCE)
            self.silent = not asking.done()

    async def _take(self) -> None:
        number = next(self._numbers)
        with contextlib.suppress(ChannelClosedError, TimeoutError):
            told = await self._ask()
            self.silent = False
            # The process writes its answers in threads, of which a later one may be the first to end.
            if number > self._newest:
                self._newest, self.last = number, told
