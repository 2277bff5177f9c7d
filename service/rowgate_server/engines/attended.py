"""A timeout in the time for which the event loop was there to hear an answer.

On a machine with too much to do, or while something holds the loop, the loop comes late to everything: to the answer of
a database, which may have lain there all the while, and to the timer that gives it up, which comes first then. So the
time is counted in short steps, and what a step took too long is not counted.
"""

from __future__ import annotations

import asyncio
import math
from types import TracebackType
from typing import Self

_STEP = 1 / 16
"""Seconds. An answer takes several rounds of the loop, and each step allows for one, however late that is."""

_WHOLE, _HALF = 2, 1
"""What is left after a step that was held up must be enough for another: it counts for half of one."""


class Attended:
    """As `asyncio.timeout`, with seconds that the loop attended to.

    Args:
        seconds: how many.
    """

    __slots__ = ("_left", "_loop", "_step", "_timeout", "_timer")

    def __init__(self, seconds: float) -> None:
        steps = max(1, math.ceil(seconds / _STEP))
        self._loop = asyncio.get_running_loop()
        self._timeout = asyncio.timeout(None)
        self._step = seconds / steps
        self._left = steps * _WHOLE
        self._timer: asyncio.TimerHandle | None = None

    async def __aenter__(self) -> Self:
        await self._timeout.__aenter__()
        self._next()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._timer is not None:
            self._timer.cancel()
        await self._timeout.__aexit__(kind, error, traceback)

    def _next(self) -> None:
        due = self._loop.time() + self._step
        self._timer = self._loop.call_at(due, self._look, due)

    def _look(self, due: float) -> None:
        self._left -= _HALF if self._loop.time() - due > self._step else _WHOLE
        if self._left > 0:
            self._next()
        else:
            self._timeout.reschedule(self._loop.time())
