"""A bounded number of places, shared fairly among callers who wait, and refused to those who would wait too long.

- A freed place goes to the caller who holds the fewest, or was served longest ago. So a caller with a thousand calls
  does not keep out one with a single call.
- In a line that is a burst, or that comes to its turn soon, all are served, the first come first.
- Where it would be longer (see `line`), more is asked for than can be done, and whoever holds and waits for the most
  makes room. As long as that goes on, nobody waits longer than a place is usually held for: the last come is served
  first, and those who have waited longer are refused. So whoever is served is served in good time
  (https://queue.acm.org/detail.cfm?id=2209336, https://queue.acm.org/detail.cfm?id=2839461).
- Who asks for less than there is for everyone may wait some more, for the place that comes free next, and is served in
  the order of coming.
- In a stall all are served in order, if late.

Unlike asyncio.Semaphore it can be asked without waiting, and tells how many wait.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from collections.abc import Callable

from rowgate_server.engines import clock
from rowgate_server.engines.line import GROWING, CrowdedError, Line

_SELDOM, _MORE_FOR_MODEST = 3, 4
"""Who has had no place for so many fair intervals asks for less than there is for everyone; so does who holds and waits
for no more places than a fair share. They may wait so many times as long."""

_MOST_CALLERS = 1024


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
        busy_wait: the most seconds that anyone may wait in a line that is no burst.
        through_stalls: whether that is no bound where work stands still; `release` must tell of all work that ends.
    """

    def __init__(self, count: int, busy_wait: float, *, through_stalls: bool = False) -> None:
        self._count = self._free = count
        self._line = Line(count, busy_wait, through_stalls=through_stalls)
        self._held: dict[str, int] = {}
        self._queues: dict[str, deque[_Waiter]] = {}
        self._served: dict[str, float] = {}
        """When callers who had to wait were last given a place, the longest ago first."""

    @property
    def waiting(self) -> int:
        """How many wait."""
        return self._line.length

    def held(self, caller: str) -> int:
        """How many places a caller has."""
        return self._held.get(caller, 0)

    def others_wait(self, caller: str, seconds: float) -> bool:
        """Whether the line has stood for so long, and others than this caller wait in it."""
        return self._line.stood() >= seconds and any(each != caller for each in self._queues)

    def take(self, caller: str) -> bool:
        """Take a place if one is free and nobody waits for it."""
        if self._free <= 0:
            return False
        self._line.passed_by()
        self._hold(caller)
        return True

    async def wait(self, caller: str, patience: float) -> None:
        """Wait for a place.

        Args:
            caller: for whom.
            patience: seconds.

        Raises:
            TimeoutError: none came free in time.
            CrowdedError: too many wait already.
            Exception: what `refuse_all` makes for it.
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
            self._line.worked(worked)
        held = self._held[caller] - 1
        if held:
            self._held[caller] = held
        else:
            del self._held[caller]
        self._free += 1
        while self._line.length and self._free > 0:
            waiter = self._next()
            if waiter is None:
                return
            if not waiter.granted.done():
                self._serve(waiter.caller)
                waiter.granted.set_result(None)

    def refuse_all(self, refusal: Callable[[], Exception]) -> None:
        """Let nobody wait any longer; each gets an error of its own, to which its call adds what it knows."""
        for queue in list(self._queues.values()):
            for waiter in list(queue):
                self._refuse(waiter, refusal())

    def _hold(self, caller: str) -> None:
        self._free -= 1
        self._held[caller] = self._held.get(caller, 0) + 1

    def _serve(self, caller: str) -> None:
        self._hold(caller)
        served = self._served
        served.pop(caller, None)
        served[caller] = clock.now()
        if len(served) > 1:
            self._forget(served)

    def _forget(self, served: dict[str, float]) -> None:
        """One that has had no place for so long that it makes no difference, or for the longest of too many."""
        caller = next(iter(served))
        if served[caller] < clock.now() - GROWING - 2 * _SELDOM * self._fair_interval() or len(served) > _MOST_CALLERS:
            del served[caller]

    def _next(self) -> _Waiter | None:
        """Whose turn it is: taken from the line."""
        crowded, bound = self._line.is_crowded(), self._line.good_time()
        while self._queues:
            caller = min(self._queues, key=self._rank)
            modest = crowded and self._is_modest(caller)
            waiter = self._queues[caller][-1 if crowded and not modest else 0]
            more = _MORE_FOR_MODEST if modest or (crowded and self._is_seldom(caller)) else 1
            if crowded and clock.now() - waiter.since > bound * more:
                self._refuse(waiter, self._line.crowded())
                continue
            self._dequeue(waiter)
            return waiter
        return None

    def _rank(self, caller: str) -> tuple[int, float]:
        return self._held.get(caller, 0), self._served.get(caller, 0.0)

    def _make_room(self, caller: str) -> None:
        """Where the line is as long as it may be, one of who has the most waits no more; or of a newcomer's own."""
        line = self._line
        if line.is_stalled() or (line.is_burst() and not line.is_crowded()):
            if line.length >= line.most():
                self._make_way(caller, CrowdedError(line.soon()), -1)
        elif line.length >= line.room():
            self._make_way(caller, line.crowded(), 0)

    def _make_way(self, caller: str, error: CrowdedError, which: int) -> None:
        most = max(self._queues, key=lambda each: (self._has(each), self._rank(each)))
        own = self._queues.get(caller, ())
        if self._has(most) > self._has(caller) + 1:
            self._refuse(self._queues[most][which], error)
        elif own and not which:
            self._refuse(own[which], error)
        else:
            raise error

    def _has(self, caller: str) -> int:
        """How many places it holds or waits for."""
        return self._held.get(caller, 0) + len(self._queues.get(caller, ()))

    def _is_modest(self, caller: str) -> bool:
        """Whether what it holds and waits for is no more than a fair share: then it is served, if late."""
        callers = len(self._queues) + sum(each not in self._queues for each in self._held)
        wanted = max(2, self._has(caller))
        return wanted * callers <= self._count

    def _is_seldom(self, caller: str) -> bool:
        """Whether it has had no place for longer than one who gets no more than a fair share."""
        since = clock.now() - self._served.get(caller, float("-inf"))
        return caller not in self._held and since > _SELDOM * self._fair_interval()

    def _fair_interval(self) -> float:
        """Seconds from place to place, where everyone has the same."""
        return len(self._served) * self._line.typical / self._count

    def _refuse(self, waiter: _Waiter, error: Exception) -> None:
        self._dequeue(waiter)
        if not waiter.granted.done():
            waiter.granted.set_exception(error)

    def _enqueue(self, waiter: _Waiter) -> None:
        self._line.grew(waiter.since)
        self._queues.setdefault(waiter.caller, deque()).append(waiter)

    def _dequeue(self, waiter: _Waiter) -> None:
        queue = self._queues.get(waiter.caller, deque())
        with contextlib.suppress(ValueError):  # it was passed by already
            queue.remove(waiter)
            self._line.shrank()
            if not queue:
                del self._queues[waiter.caller]
