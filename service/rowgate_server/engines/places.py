"""A bounded number of places, shared fairly among callers who wait, and refused to those who would wait too long.

- A freed place goes to the caller who holds the fewest, or was served longest ago. So a caller with a thousand calls
  does not keep out one with a single call.
- A burst may wait as long as patience lasts. A line is one for 0.2 s, whatever comes, and for `busy_wait` where it gets
  shorter: that more than can be done at once came at once is no reason to refuse what will be done in time.
- A line that does not get empty may be as long as comes to its turn soon: in 20 ms, or the time that a place is usually
  held for. All are served then, the first come first.
- Where it would be longer, more is asked for than can be done, and whoever has the most in line makes room. As long as
  that goes on, nobody waits longer than a place is usually held for: the last come is served first, and those who have
  waited longer are refused. So whoever is served is served in good time
  (https://queue.acm.org/detail.cfm?id=2209336, https://queue.acm.org/detail.cfm?id=2839461).
- Who asks for less than there is for everyone may wait some more, for the place that comes free next, and is served in
  the order of coming.
- Where nothing comes to its end any more, no more is asked for than can be done: it is done later. Those who can have a
  place through such a stall (`through_stalls`) wait for as long as their patience lasts, and are served in order.

Unlike asyncio.Semaphore it can be asked without waiting, and tells how many wait.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from collections.abc import Callable
from statistics import median

from rowgate_server.engines import clock

_GROWING, _SHRINKING, _CALM, _STILL, _IN_WORK = 0.2, 0.1, 0.5, 0.1, 2
"""Seconds for which a line that grows is a burst; after which one that has not been as long as before gets shorter;
without a refusal, after which no more is asked for than can be done; and without an end of any work, after which it
stands still. All are so many works at the least."""

_SOON, _IN_GOOD_TIME = 0.02, 0.005
"""Seconds that are soon, however short the work, as nobody notices them; and those that are in good time where calls
are refused, as a timer, or a wake-up, may come as late as that."""

_SELDOM, _MORE_FOR_MODEST = 3, 4
"""Who has had no place for so many fair intervals asks for less than there is for everyone; so does who holds and waits
for no more places than a fair share. They may wait so many times as long."""

_REMEMBERED, _LEARNED_EVERY = 32, 16
_MOST_FOR_A_PLACE, _QUICK_FOR_A_PLACE = 32, 256
"""How many may wait in a burst, and how many whose work is so quick that all come to their turn within `busy_wait`."""
_MOST_CALLERS = 1024


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
        busy_wait: the most seconds that anyone may wait in a line that is no burst.
        through_stalls: whether that is no bound where work stands still; `release` must tell of all work that ends.
    """

    def __init__(self, count: int, busy_wait: float, *, through_stalls: bool = False) -> None:
        self._count = self._free = count
        self._busy_wait = busy_wait
        self._through_stalls = through_stalls
        self._worked_at = self._after_stall = float("-inf")
        self._held: dict[str, int] = {}
        self._queues: dict[str, deque[_Waiter]] = {}
        self._served: dict[str, float] = {}
        """When callers who had to wait were last given a place, the longest ago first."""
        self._standing_since = 0.0
        self._longest = 0
        """How long the line has been since it was last empty."""
        self._longest_at = 0.0
        self._refused_at = float("-inf")
        self._work: deque[float] = deque(maxlen=_REMEMBERED)
        self._learned = 0
        self._typical = 0.0
        """Seconds that a place is held for."""
        self.waiting = 0

    def take(self, caller: str) -> bool:
        """Take a place if one is free and nobody waits for it."""
        if self._free <= 0:
            return False
        self._free -= 1
        self._held[caller] = self._held.get(caller, 0) + 1
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
            self._end_stall()
            self._learn(worked)
        held = self._held[caller] - 1
        if held:
            self._held[caller] = held
        else:
            del self._held[caller]
        self._free += 1
        while self.waiting and self._free > 0:
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

    def _serve(self, caller: str) -> None:
        self.take(caller)
        served = self._served
        served.pop(caller, None)
        served[caller] = clock.now()
        if len(served) > 1:
            self._forget(served)

    def _forget(self, served: dict[str, float]) -> None:
        """One that has had no place for so long that it makes no difference, or for the longest of too many."""
        caller = next(iter(served))
        if served[caller] < clock.now() - _GROWING - 2 * _SELDOM * self._fair_interval() or len(served) > _MOST_CALLERS:
            del served[caller]

    def _next(self) -> _Waiter | None:
        """Whose turn it is: taken from the line."""
        crowded, bound = self._is_crowded(), self._bound(_IN_GOOD_TIME)
        while self._queues:
            caller = min(self._queues, key=self._rank)
            modest = crowded and self._is_modest(caller)
            waiter = self._queues[caller][-1 if crowded and not modest else 0]
            more = _MORE_FOR_MODEST if modest or (crowded and self._is_seldom(caller)) else 1
            if crowded and clock.now() - waiter.since > bound * more:
                self._refuse(waiter, self._crowded())
                continue
            self._dequeue(waiter)
            return waiter
        return None

    def _rank(self, caller: str) -> tuple[int, float]:
        return self._held.get(caller, 0), self._served.get(caller, 0.0)

    def _make_room(self, caller: str) -> None:
        """Where the line is as long as it may be, the longest waits no more; a newcomer's own, if that is as long."""
        if self._is_stalled() or (self._is_burst() and not self._is_crowded()):
            if self.waiting >= self._count * self._most():
                self._make_way(caller, CrowdedError(self._bound(_SOON)), -1)
        elif self.waiting >= self._room():
            self._make_way(caller, self._crowded(), 0)

    def _make_way(self, caller: str, error: CrowdedError, which: int) -> None:
        longest = max(self._queues, key=lambda each: (len(self._queues[each]), self._rank(each)))
        own = self._queues.get(caller, ())
        if len(self._queues[longest]) > len(own) + 1:
            self._refuse(self._queues[longest][which], error)
        elif own and not which:
            self._refuse(own[which], error)
        else:
            raise error

    def _is_burst(self) -> bool:
        """Whether the line will be empty again in time, as far as can be told."""
        now = clock.now()
        stood = now - self._standing_since
        if not self.waiting or stood <= self._long(_GROWING):
            return True
        return stood <= self._busy_wait and now - self._longest_at > self._long(_SHRINKING)

    def _most(self) -> float:
        """How many may wait in a burst for each place."""
        in_time = self._busy_wait / self._typical if self._typical else 0
        return max(_MOST_FOR_A_PLACE, min(_QUICK_FOR_A_PLACE, in_time))

    def _is_crowded(self) -> bool:
        """Whether more is asked for than can be done."""
        return clock.now() - self._refused_at < self._long(_CALM)

    def _is_stalled(self) -> bool:
        """Whether the line stands and no work ends; or what has come together meanwhile is still being done."""
        if not self._through_stalls or not self.waiting:
            return False
        return clock.now() < self._after_stall or self._still() > self._long(_STILL)

    def _still(self) -> float:
        """Seconds for which no work has ended while there was a line."""
        return clock.now() - max(self._worked_at, self._standing_since)

    def _end_stall(self) -> None:
        """Some work has ended. What a stall has held up may take as long again."""
        if self._through_stalls and self.waiting and self._still() > self._long(_STILL):
            self._after_stall = clock.now() + self._long(max(_CALM, self._still()))
        self._worked_at = clock.now()

    def _long(self, seconds: float) -> float:
        return max(seconds, _IN_WORK * self._typical)

    def _crowded(self) -> CrowdedError:
        """For one who is refused for that, which shows that it still is so."""
        self._refused_at = clock.now()
        return CrowdedError(self._bound(_SOON))

    def _is_modest(self, caller: str) -> bool:
        """Whether what it holds and waits for is no more than a fair share: then it is served, if late."""
        callers = len(self._queues) + sum(each not in self._queues for each in self._held)
        wanted = max(2, self._held.get(caller, 0) + len(self._queues[caller]))
        return wanted * callers <= self._count

    def _is_seldom(self, caller: str) -> bool:
        """Whether it has had no place for longer than one who gets no more than a fair share."""
        since = clock.now() - self._served.get(caller, float("-inf"))
        return caller not in self._held and since > _SELDOM * self._fair_interval()

    def _fair_interval(self) -> float:
        """Seconds from place to place, where everyone has the same."""
        return len(self._served) * self._typical / self._count

    def _bound(self, least: float) -> float:
        """Seconds that one may wait in a line that is no burst."""
        return min(self._busy_wait, max(least, self._typical))

    def _room(self) -> int:
        """How many come to their turn soon."""
        return max(1, int(self._bound(_SOON) / max(self._typical, 1e-6) * self._count))

    def _learn(self, worked: float) -> None:
        """The median is worked out anew now and then: it costs as much as all the rest."""
        self._work.append(worked)
        self._learned += 1
        if self._learned <= _REMEMBERED or not self._learned % _LEARNED_EVERY:
            self._typical = median(self._work)

    def _refuse(self, waiter: _Waiter, error: Exception) -> None:
        self._dequeue(waiter)
        if not waiter.granted.done():
            waiter.granted.set_exception(error)

    def _enqueue(self, waiter: _Waiter) -> None:
        if not self.waiting:
            self._standing_since = waiter.since
            self._longest = 0
        self._queues.setdefault(waiter.caller, deque()).append(waiter)
        self.waiting += 1
        if self.waiting >= self._longest:
            self._longest, self._longest_at = self.waiting, waiter.since

    def _dequeue(self, waiter: _Waiter) -> None:
        queue = self._queues.get(waiter.caller, deque())
        with contextlib.suppress(ValueError):  # it was passed by already
            queue.remove(waiter)
            self.waiting -= 1
            if not queue:
                del self._queues[waiter.caller]
