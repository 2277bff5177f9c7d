"""Ends work whose deadline has passed, or that is to stop: what `asyncio.timeout_at` does, at a fifth of its price.

One timer stands for all of the work of a pool, armed for the earliest deadline that was seen. Deadlines are seconds
away and most work takes a millisecond, so a timer for each would be made and thrown away with every call.
"""

from __future__ import annotations

import asyncio
import math
from types import TracebackType


class Watched:
    """A stretch of a task's work; its deadline ends it with TimeoutError, `stop` with whatever it is given.

    Use it as a context manager, again and again if need be.
    """

    __slots__ = ("_at", "_cancelling", "_ended_by", "_entered", "_task", "_watch")

    def __init__(self, watch: Watch, at: float) -> None:
        self._watch = watch
        self._at = at
        self._entered = False
        self._ended_by: Exception | None = None

    def __enter__(self) -> None:
        if self._ended_by is not None:
            raise self._ended_by
        loop = self._watch.loop
        task = asyncio.current_task(loop)
        if task is None:
            raise RuntimeError("a deadline can end only a task")
        self._task = task
        self._cancelling = task.cancelling()
        self._entered = True
        self._watch.add(self, self._at)

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self._entered = False
        self._watch.remove(self)
        # As in asyncio.timeout: a cancellation from elsewhere that came as well goes on as what it is.
        if self._ended_by is not None and self._task.uncancel() <= self._cancelling and kind is asyncio.CancelledError:
            raise self._ended_by from error

    def expire(self) -> None:
        """The deadline has passed."""
        self.stop(TimeoutError())

    def stop(self, error: Exception) -> bool:
        """End the work with this error; where none is going on, the next stretch does not begin.

        Returns:
            Whether work was going on.
        """
        if self._ended_by is None:
            self._ended_by = error
            if self._entered:
                self._task.cancel()
        return self._entered


class Watch:
    """The deadlines of one event loop's work."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.loop = loop
        self._watched: dict[Watched, float] = {}
        self._armed_for = math.inf
        self._timer: asyncio.TimerHandle | None = None

    def until(self, at: float) -> Watched:
        """Work that has to be over at this point of the loop's clock."""
        return Watched(self, at)

    def add(self, watched: Watched, at: float) -> None:
        """From now on."""
        self._watched[watched] = at
        if at < self._armed_for:
            self._arm(at)

    def remove(self, watched: Watched) -> None:
        """No longer. The timer stays: it finds nothing to do."""
        self._watched.pop(watched, None)

    def _arm(self, at: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._armed_for = at
        self._timer = self.loop.call_at(at, self._sweep)

    def _sweep(self) -> None:
        now = self.loop.time()
        for watched in [watched for watched, at in self._watched.items() if at <= now]:
            self.remove(watched)
            watched.expire()
        self._timer, self._armed_for = None, math.inf
        if self._watched:
            self._arm(min(self._watched.values()))
