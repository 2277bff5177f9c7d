"""Work beside the event loop: what takes long because it is much, and waits for nothing.

Threads of Python's do not work at once: each that wants to go on has to wait until the one that works gives way. With
twelve large answers laid out at a time, another call, of twenty steps on the event loop, took 1.6 s. So there is one
such thread, and it gives way five times as soon as Python has it: 9 ms.

Whoever comes waits. Next is the caller for whom the thread has worked the least, and of a caller's work what came
first. So one with little work waits for a piece of another's, however much that one has waiting; and what is long is
cut into slices, between which others have their turn.
"""

from __future__ import annotations

import asyncio
import contextvars
import sys
from collections import deque
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from threading import Lock
from time import monotonic, thread_time
from types import TracebackType
from typing import Any, Generic, ParamSpec, TypeVar

from rowgate_server.engines.caller import caller

_P = ParamSpec("_P")
_T = TypeVar("_T")

_SECONDS = 0.001
"""After which a thread that works gives way to one that wants to; Python's own is 0.005."""

_SLICE = 0.01
"""Seconds of a caller's turn, where the work can be cut."""

_MOST_CALLERS = 1024
"""Of whom it is known how much was done for them, though nothing of theirs waits."""

_MANY_CELLS = 4096
"""They take a few milliseconds to be converted."""

Slices = Generator[None, None, _T]
"""Work that may be interrupted wherever it yields; its result is what it returns."""


def give_way_soon() -> None:
    """Have all threads of this process give way soon."""
    sys.setswitchinterval(_SECONDS)


async def beside(work: Callable[_P, _T], *arguments: _P.args, **named: _P.kwargs) -> _T:
    """As `asyncio.to_thread`, by turns; what its caller no longer waits for is not begun."""
    return await slices_beside(_in_one(lambda: work(*arguments, **named)))


async def slices_beside(slices: Slices[_T]) -> _T:
    """The result of work that is cut; what its caller no longer waits for is not gone on with."""
    work = _Work(slices)
    _turns.add(caller.get(), work)
    try:
        return await asyncio.wrap_future(work.result)
    finally:
        work.slices = None  # what nobody waits for holds nothing either, until its turn comes


async def if_many(cells: int, work: Callable[[], _T]) -> _T:
    """Beside the event loop, where so many cells would hold up every other call; else here and now."""
    return await beside(work) if cells > _MANY_CELLS else work()


async def listed_if_many(cells: int, results: Iterable[_T]) -> list[_T]:
    """A list of them, put together in slices beside the event loop where they have so many cells."""
    slices = listed(results)
    return await slices_beside(slices) if cells > _MANY_CELLS else whole(slices)


def listed(results: Iterable[_T]) -> Slices[list[_T]]:
    """A list of them, which may be interrupted between any two."""
    found = []
    for result in results:
        found.append(result)
        yield
    return found


def whole(slices: Slices[_T]) -> _T:
    """The result of work that is little, here and now."""
    while True:
        try:
            next(slices)
        except StopIteration as end:
            result: _T = end.value
            return result


def _in_one(work: Callable[[], _T]) -> Slices[_T]:
    yield from ()
    return work()


class _Work(Generic[_T]):
    """What is to be done.

    Attributes:
        slices: None once nobody waits for it.
    """

    __slots__ = ("_context", "result", "slices")

    def __init__(self, slices: Slices[_T]) -> None:
        self.slices: Slices[_T] | None = slices
        self._context = contextvars.copy_context()
        self.result: Future[_T] = Future()

    def go_on(self) -> bool:
        """Do a slice of it. Whether there is more."""
        slices = self.slices
        if slices is not None:
            with self:
                self._context.run(_a_slice, slices)
                return True
        return False

    def __enter__(self) -> None:
        """It goes on."""

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> bool:
        """Tell whoever waits how it has ended, if it has; the thread goes on, for others."""
        if error is not None and self.result.set_running_or_notify_cancel():
            if isinstance(error, StopIteration):
                self.result.set_result(error.value)
            else:
                self.result.set_exception(error)
        return True


def _a_slice(slices: Slices[_T]) -> None:
    until = monotonic() + _SLICE
    while monotonic() < until:
        next(slices)


class _Turns:
    """The thread, and who waits for it."""

    def __init__(self) -> None:
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="rowgate-beside")
        self._lock = Lock()
        self._works = False
        self._queues: dict[str, deque[_Work[Any]]] = {}
        self._had: dict[str, float] = {}
        """Seconds that it has worked for each, those who came since counted as if they had had the least."""
        self._least = 0.0

    def add(self, caller: str, work: _Work[Any]) -> None:
        """Work for a caller, to be done in its turn."""
        with self._lock:
            queue = self._queues.get(caller)
            if queue is None:
                queue = self._queues[caller] = deque()
                self._had[caller] = max(self._had.get(caller, 0.0), self._least)
            queue.append(work)
            if not self._works:
                self._thread.submit(self._work)
                self._works = True

    def _work(self) -> None:
        while (turn := self._next()) is not None:
            caller, work = turn
            began = thread_time()
            more = work.go_on()
            self._had_turn(caller, thread_time() - began, more=more)

    def _next(self) -> tuple[str, _Work[Any]] | None:
        with self._lock:
            if not self._queues:
                self._had.clear()
                self._least = 0.0
                self._works = False
                return None
            caller = min(self._queues, key=self._had.__getitem__)
            self._least = self._had[caller]
            return caller, self._queues[caller][0]

    def _had_turn(self, caller: str, seconds: float, *, more: bool) -> None:
        with self._lock:
            self._had[caller] += seconds
            if more:
                return
            queue = self._queues[caller]
            queue.popleft()
            if not queue:
                del self._queues[caller]
                if len(self._had) > _MOST_CALLERS:
                    had = self._had.items()
                    self._had = {each: so_far for each, so_far in had if each in self._queues or so_far > self._least}


_turns = _Turns()
