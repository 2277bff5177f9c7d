"""A bounded number of places, shared fairly among callers who wait, and refused to those who would wait too long.

- A freed place goes to the caller who holds the fewest, or was served longest ago; of one's waiters, to the first. So
  a caller with a thousand calls does not keep out one with a single call. A newcomer overtakes nobody.
- A burst may wait as long as patience lasts. But a queue that does not get empty tells that more is asked for than can
  be done: then only so many wait as come to their turn soon, and the others are refused at once, so that those who are
  served are served in good time (https://queue.acm.org/detail.cfm?id=2209336).

Unlike asyncio.Semaphore it can be asked without waiting, and tells how many wait.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import Counter, deque
from statistics import median

from rowgate_server.engines import clock

_STANDING = 0.1
"""Seconds after which a queue that has not been empty is no burst."""

_PART_OF_WORK = 0.5
"""The part of the time that a place is usually held for which anyone may wait, too."""

_REMEMBERED = 32
_MOST_FOR_A_PLACE = 32


class CrowdedError(Exception):
    """Too many wait already. `soon`: seconds after which it may be otherwise."""

    def __init__(self, soon: float) -> None:
        super().__init__("too many wait already")
        self.soon = soon


class _Waiter:
    """One that waits."""

    __slots__ = ("caller", "granted", "since")

    def __init__(self, caller: str) -> None:
        self.caller = caller
        self.since = clock.now()
        self.granted: asyncio.Future[None] = asyncio.get_running_loop().create_future()


class Places:
    """So many places.

    Args:
        count: how many.
        busy_wait: seconds that anyone may wait, however long the queue has been standing.
    """

    def __init__(self, count: int, busy_wait: float) -> None:
        self._count = self._free = count
        self._busy_wait = busy_wait
        self._held: Counter[str] = Counter()
        self._queues: dict[str, deque[_Waiter]] = {}
        self._standing_since: dict[str, float] = {}
        self._served: dict[str, int] = {}
        self._turns = 0
        self._work: deque[float] = deque(maxlen=_REMEMBERED)
        self.waiting = 0

    def take(self, caller: str) -> bool:
        """Take a place if one is free and nobody waits for it."""
        if self._free <= 0:
            return False
        self._free -= 1
        self._held[caller] += 1
        return True

    async def wait(self, caller: str, patience: float) -> None:
        """Wait for a place.

        Args:
            caller: for whom.
            patience: seconds.

        Raises:
            TimeoutError: none came free in time.
            CrowdedError: too many wait already.
            Exception: what `refuse_all` was given.
        """
        self._make_room(caller)
        waiter = _Waiter(caller)
        self._enqueue(waiter)
        try:
            async with asyncio.timeout(patience):
                await waiter.granted
        except BaseException:
            granted = waiter.granted
            # The place may have come together with the timeout or the cancellation: it goes to the next.
            if granted.done() and not granted.cancelled() and granted.exception() is None:
                self.release(caller)
            else:
                self._dequeue(waiter)
            raise

    def release(self, caller: str, worked: float | None = None) -> None:
        """Give a place back, after so many seconds of work."""
        if worked is not None:
            self._work.append(worked)
        self._held[caller] -= 1
        if not self._held[caller]:
            del self._held[caller]
        self._free += 1
        while self.waiting and self._free > 0:
            waiter = self._next()
            if waiter is None:
                return
            if not waiter.granted.done():
                self._free -= 1
                self._held[waiter.caller] += 1
                waiter.granted.set_result(None)

    def refuse_all(self, error: Exception) -> None:
        """Let nobody wait any longer."""
        for queue in list(self._queues.values()):
            for waiter in list(queue):
                self._refuse(waiter, error)

    def _next(self) -> _Waiter | None:
        """Whose turn it is: taken from the queue."""
        while self._queues:
            caller = min(self._queues, key=lambda each: (self._held[each], self._served[each]))
            waiter = self._queues[caller][0]
            if self._is_late(waiter):
                self._refuse(waiter, CrowdedError(self._soon()))
                continue
            self._turns += 1
            self._served[caller] = self._turns
            self._dequeue(waiter)
            return waiter
        return None

    def _is_late(self, waiter: _Waiter) -> bool:
        """Whether it came in a burst that has turned out to be none."""
        queue = self._queues[waiter.caller]
        return (
            len(queue) > self._room(waiter.caller)
            and self._stands(waiter.caller)
            and clock.now() - waiter.since > self._soon()
        )

    def _make_room(self, caller: str) -> None:
        queue = self._queues.get(caller, ())
        if len(queue) >= self._room(caller) and self._stands(caller):
            raise CrowdedError(self._soon())
        if self.waiting < self._count * _MOST_FOR_A_PLACE:
            return
        longest = max(self._queues.values(), key=len)
        if len(longest) <= len(queue) + 1:
            raise CrowdedError(self._soon())
        self._refuse(longest[-1], CrowdedError(self._soon()))

    def _stands(self, caller: str) -> bool:
        since = self._standing_since.get(caller)
        return since is not None and clock.now() - since > _STANDING

    def _soon(self) -> float:
        """Seconds that anyone may wait, however long the queue has been standing."""
        return max(self._busy_wait, self._typical() * _PART_OF_WORK)

    def _room(self, caller: str) -> int:
        """How many calls of one caller come to their turn that soon, as each who waits gets as many places."""
        waiting = len(self._queues) + (caller not in self._queues)
        turns = self._soon() / max(self._typical(), 1e-6) * self._count / waiting
        return max(1, int(turns))

    def _typical(self) -> float:
        """Seconds that a place is held for."""
        return median(self._work) if self._work else 0.0

    def _refuse(self, waiter: _Waiter, error: Exception) -> None:
        self._dequeue(waiter)
        if not waiter.granted.done():
            waiter.granted.set_exception(error)

    def _enqueue(self, waiter: _Waiter) -> None:
        queue = self._queues.setdefault(waiter.caller, deque())
        if not queue:
            self._standing_since[waiter.caller] = waiter.since
            self._served[waiter.caller] = 0
        queue.append(waiter)
        self.waiting += 1

    def _dequeue(self, waiter: _Waiter) -> None:
        queue = self._queues.get(waiter.caller, deque())
        with contextlib.suppress(ValueError):  # it was passed by already
            queue.remove(waiter)
            self.waiting -= 1
            if not queue:
                del self._queues[waiter.caller]
                del self._standing_since[waiter.caller], self._served[waiter.caller]
