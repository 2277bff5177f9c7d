"""Work that is done once for all who wait for it: listed as each of theirs, and ended with the last of them.

Where its link has gone dark it comes to no end by itself. So once somebody has waited for long and goes away without
it, nobody else should join: the next one begins anew, on another connection.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Coroutine, Iterator
from typing import Any, Generic, TypeVar

from rowgate_server.engines import clock
from rowgate_server.engines.underway import Phase, UnderWay
from rowgate_server.observability.callers import of_nobody

_T = TypeVar("_T")

_LONG = 1.0
"""Seconds; what is shared takes milliseconds."""


class Shared(Generic[_T]):
    """A task of its own, so that who goes away takes it from no other. It has no deadline but those of who waits.

    Args:
        work: what is done.
        over: called as soon as nobody should join any more, and maybe again.

    Attributes:
        task: it itself, to see when it ends.
    """

    def __init__(self, work: Callable[[], Coroutine[Any, Any, _T]], over: Callable[[Shared[_T]], None]) -> None:
        self._over = over
        self._waiting = 0
        self._began = clock.now()
        self.task = asyncio.create_task(of_nobody(work))
        self.task.add_done_callback(self._done)

    @contextlib.contextmanager
    def joined(self) -> Iterator[None]:
        """It goes on for as long as this lasts, unless it is done before."""
        self._waiting += 1
        try:
            yield
        finally:
            self._waiting -= 1
            if not self.task.done() and (not self._waiting or clock.now() - self._began > _LONG):
                self._over(self)
            if not self._waiting:
                self.task.cancel()

    @property
    def goes_on(self) -> bool:
        """Whether it is under way, and somebody waits for it."""
        return self._waiting > 0 and not self.task.done()

    async def result(self) -> _T:
        """What comes of it; only while it is `joined`."""
        return await asyncio.shield(self.task)

    def _done(self, task: asyncio.Task[_T]) -> None:
        self._over(self)
        if not task.cancelled():
            task.exception()  # else asyncio complains where nobody has waited to its end


class Awaited(UnderWay):
    """What one of them waits for, in the database for all of them."""

    __slots__ = ()

    @property
    def phase(self) -> Phase:
        """It runs."""
        return Phase.RUNNING
