"""What is known of those who wait for a place: whether they are a burst, too many, or held up by a stall.

- A line is a burst for 0.2 s, whatever comes, and for `busy_wait` where it gets shorter: that more than can be done at
  once came at once is no reason to refuse what will be done in time.
- Any other may be as long as comes to its turn soon: in half of `busy_wait`, or three times as long as a place is
  usually held for. So any number of callers with a call each are served, if that is quick, and wait for each other.
- Where it would be longer, more is asked for than can be done: until half a second has passed without a refusal, or
  twice as many as there are places had theirs at once, one after the other. Calls that come at random ask for too much
  now and then, though on the whole it can be done.
- Where nothing comes to its end any more, no more is asked for than can be done: it is done later. Those who can have a
  place through such a stall (`through_stalls`) wait for as long as their patience lasts.
"""

from __future__ import annotations

from collections import deque
from statistics import median

from rowgate_server.engines import clock

GROWING, _SHRINKING, _CALM, _STILL, _IN_WORK = 0.2, 0.1, 0.5, 0.1, 2
"""Seconds for which a line that grows is a burst; after which one that has not been as long as before gets shorter;
without a refusal, after which no more is asked for than can be done; and without an end of any work, after which it
stands still. All are so many works at the least."""

_SOON, _SOON_IN_WORK = 0.5, 3
"""A part of `busy_wait` that is soon, however short the work; as many works are soon, too."""

_UNNOTICED, _IN_GOOD_TIME = 0.02, 0.005
"""Where calls are refused, the seconds for which a line may be there, however short the work, as nobody notices them;
and those that are in good time, as a timer, or a wake-up, may come as late as that."""

_AT_ONCE, _AT_ONCE_AT_LEAST = 2, 4
"""So many for each place in a row, who need not wait, show that no more is asked for than can be done."""

_REMEMBERED, _LEARNED_EVERY = 32, 16
_MOST_FOR_A_PLACE, _QUICK_FOR_A_PLACE = 32, 256
"""How many may wait in a burst, and how many whose work is so quick that all come to their turn within `busy_wait`."""


class CrowdedError(Exception):
    """Too many wait already. `soon`: seconds after which it may be otherwise."""

    def __init__(self, soon: float) -> None:
        super().__init__("too many wait already")
        self.soon = soon


class Line:
    """The line before so many places; the arguments are those of `Places`.

    Attributes:
        length: how many wait.
        typical: seconds that a place is held for.
    """

    def __init__(self, count: int, busy_wait: float, *, through_stalls: bool) -> None:
        self._count = count
        self._busy_wait = busy_wait
        self._through_stalls = through_stalls
        self.length = 0
        self.typical = 0.0
        self._work: deque[float] = deque(maxlen=_REMEMBERED)
        self._learned = 0
        self._standing_since = 0.0
        self._longest = 0
        """How long it has been since it was last empty."""
        self._longest_at = 0.0
        self._refused_at = float("-inf")
        self._calm = max(_AT_ONCE * count, _AT_ONCE_AT_LEAST)
        self._at_once = 0
        """How many had a place without waiting since one last had to."""
        self._worked_at = self._after_stall = float("-inf")

    def passed_by(self) -> None:
        """One had a place at once."""
        self._at_once += 1
        if self._at_once == self._calm:
            self._refused_at = float("-inf")

    def grew(self, since: float) -> None:
        """One waits since then."""
        self._at_once = 0
        if not self.length:
            self._standing_since = since
            self._longest = 0
        self.length += 1
        if self.length >= self._longest:
            self._longest, self._longest_at = self.length, since

    def shrank(self) -> None:
        """One waits no more."""
        self.length -= 1

    def crowded(self) -> CrowdedError:
        """For one who is refused for that, which shows that it still is so."""
        self._refused_at = clock.now()
        return CrowdedError(self.soon())

    def worked(self, seconds: float) -> None:
        """Some work has ended. What a stall has held up may take as long again."""
        if self._through_stalls and self.length and self._still() > self._long(_STILL):
            self._after_stall = clock.now() + self._long(max(_CALM, self._still()))
        self._worked_at = clock.now()
        self._work.append(seconds)
        self._learned += 1
        # The median is worked out anew now and then: it costs as much as all the rest.
        if self._learned <= _REMEMBERED or not self._learned % _LEARNED_EVERY:
            self.typical = median(self._work)

    def stood(self) -> float:
        """Seconds since it was last empty."""
        return clock.now() - self._standing_since if self.length else 0.0

    def is_burst(self) -> bool:
        """Whether it will be empty again in time, as far as can be told."""
        now, stood = clock.now(), self.stood()
        if not self.length or stood <= self._long(GROWING):
            return True
        return stood <= self._busy_wait and now - self._longest_at > self._long(_SHRINKING)

    def is_crowded(self) -> bool:
        """Whether more is asked for than can be done."""
        return clock.now() - self._refused_at < self._long(_CALM)

    def is_stalled(self) -> bool:
        """Whether it stands and no work ends; or what has come together meanwhile is still being done."""
        if not self._through_stalls or not self.length:
            return False
        return clock.now() < self._after_stall or self._still() > self._long(_STILL)

    def most(self) -> float:
        """How many may wait in a burst."""
        in_time = self._busy_wait / self.typical if self.typical else 0
        return self._count * max(_MOST_FOR_A_PLACE, min(_QUICK_FOR_A_PLACE, in_time))

    def room(self) -> int:
        """How many may wait otherwise: those who come to their turn soon."""
        soon = self.soon()
        if self._still() > self._long(soon):
            return self._count  # work takes longer than it used to
        return max(1, int(soon / max(self.typical, 1e-6) * self._count))

    def soon(self) -> float:
        """Seconds that come to one's turn in the longest line that is no burst."""
        if self.is_crowded():
            return min(self._busy_wait, max(_UNNOTICED, self.typical))
        return min(self._busy_wait, max(_SOON * self._busy_wait, _SOON_IN_WORK * self.typical))

    def good_time(self) -> float:
        """Seconds that one may wait where more is asked for than can be done."""
        return min(self._busy_wait, max(_IN_GOOD_TIME, self.typical))

    def _still(self) -> float:
        """Seconds for which no work has ended while there was a line."""
        return clock.now() - max(self._worked_at, self._standing_since)

    def _long(self, seconds: float) -> float:
        return max(seconds, _IN_WORK * self.typical)
