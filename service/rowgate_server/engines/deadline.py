"""One deadline for a whole call: the least of all limits, computed once, that remembers whose it is."""

from __future__ import annotations

import math
from typing import NamedTuple

from rowgate_server.engines import clock
from rowgate_server.errors import Outcome, Reason, RowgateError

_EARLIER, _EARLIER_AT_MOST = 0.05, 0.05
_MILLISECOND = 0.001
"""A part of what a caller's deadline gives, and seconds."""


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
        seconds = self.seconds.whole if isinstance(self.seconds, Called) else self.seconds
        # The time that a call has left is measured: no finer than a millisecond, unless it is all there was.
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
