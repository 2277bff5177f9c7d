"""One deadline for a whole call: the least of all limits, computed once, that remembers whose it is."""

from __future__ import annotations

import math
from typing import NamedTuple

from rowgate_server.engines import clock
from rowgate_server.errors import Outcome, Reason, RowgateError

_EARLIER, _EARLIER_AT_MOST = 0.05, 0.05
"""A part of what a caller's deadline gives, and seconds."""
_LONGER, _LONGER_BY = 0.01, 0.001
"""A part of it, and seconds, by which a call may have more time left than its caller has set."""
_SHORTER, _SHORTER_BY = 0.0025, 0.002
"""The same of less."""
_ROUND = (86_400, 3600, 1000, 600, 100, 60, 30, 10, 5, 1, 0.5, 0.1, 0.05, 0.01, 0.005, 0.001)
"""Seconds of which people set multiples, the roundest first."""
_MILLISECOND = 0.001


class Imposed(float):
    """Seconds that the server gives a call whose caller has set no deadline."""

    __slots__ = ()


class Called(float):
    """Seconds that a call has whose caller gives up after `whole`: the answer has to be there by then."""

    __slots__ = ("whole",)

    whole: float


def of_call(seconds: float | None) -> tuple[float | None, str]:
    """The seconds that a call has left, and whose limit that is.

    At its deadline gRPC ends a call on both sides, and no answer gets through: none that says what became of a write.
    So what the caller has set decides a moment earlier.
    """
    if seconds is None or isinstance(seconds, Imposed):
        return seconds, "server.request_timeout"
    called = Called(seconds - max(0.0, min(seconds * _EARLIER, _EARLIER_AT_MOST)))
    called.whole = seconds
    return called, "the call's deadline"


def _as_set(left: float) -> float:
    """What the caller of a call with so many seconds left is likely to have set: the roundest number it can have been.

    gRPC hands on what is left, in three digits that are rounded up, and then the way takes its time: of 1 s, 1.009 s
    may arrive.
    """
    least, most = left * (1 - _LONGER) - _LONGER_BY, left * (1 + _SHORTER) + _SHORTER_BY
    for step in _ROUND:
        below = math.floor(left / step) * step
        for asked in (below, below + step):
            if max(least, step / 2) <= asked <= most:
                return asked
    return left


class Deadline(NamedTuple):
    """A point on the event loop's clock.

    Attributes:
        at: when, by `clock.now()`, in seconds.
        seconds: how far away that was.
        whose: whose limit it is: `options.timeout`.
    """

    at: float
    seconds: float
    whose: str

    @property
    def limit(self) -> str:
        """As the error's metadata `limit` tells it: `options.timeout 2s`."""
        seconds = _as_set(self.seconds.whole) if isinstance(self.seconds, Called) else self.seconds
        # No finer than a millisecond, unless it is all there was.
        digits = 3 if seconds >= _MILLISECOND else 9
        return f"{self.whose} {seconds:.{digits}f}".rstrip("0").rstrip(".") + "s"

    @classmethod
    def soonest(cls, *limits: tuple[float | None, str]) -> Deadline:
        """The least of `(seconds from now or None, whose limit it is)`; at least one must be given."""
        seconds, whose = math.inf, ""
        for given, name in limits:
            if given is not None and given < seconds:
                seconds, whose = given, name
        if not whose:
            raise ValueError("there is no limit at all")
        return cls(clock.now() + seconds, seconds, whose)

    def remaining(self) -> float:
        """Seconds left; negative when it has passed."""
        return self.at - clock.now()

    def exceeded(self, doing: str, outcome: Outcome) -> RowgateError:
        """The error to raise once it has passed."""
        return RowgateError(
            Reason.STATEMENT_TIMEOUT,
            f"the time ran out {doing}; {self.limit} decided",
            limit=self.limit,
            outcome=outcome,
        )
