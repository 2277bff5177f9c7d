"""One deadline for a whole call: the least of all limits, computed once, that remembers whose it is."""

from __future__ import annotations

import asyncio
from typing import NamedTuple

from rowgate_server.errors import Outcome, Reason, RowgateError


class Deadline(NamedTuple):
    """A point on the event loop's clock.

    Attributes:
        at: when, by `loop.time()`, in seconds.
        limit: whose limit it is, as the error's metadata `limit` tells it (`options.timeout 2s`).
    """

    at: float
    limit: str

    @classmethod
    def soonest(cls, *limits: tuple[float | None, str]) -> Deadline:
        """The least of `(seconds from now or None, whose limit it is)`; at least one must be given."""
        now = asyncio.get_running_loop().time()
        seconds, name = min((seconds, name) for seconds, name in limits if seconds is not None)
        return cls(now + seconds, f"{name} {round(seconds, 3):.12g}s")

    def remaining(self) -> float:
        """Seconds left; negative when it has passed."""
        return self.at - asyncio.get_running_loop().time()

    def exceeded(self, doing: str, outcome: Outcome) -> RowgateError:
        """The error to raise once it has passed."""
        return RowgateError(
            Reason.STATEMENT_TIMEOUT,
            f"the time ran out {doing}; {self.limit} decided",
            limit=self.limit,
            outcome=outcome,
        )
