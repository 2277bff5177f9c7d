"""A circuit breaker: while a database is down, callers hear so at once, and nobody stands in line for it.

It opens when connections fail one after another, or when the health probe finds the database down; but not while
statements still succeed: a busy server may be late to answer a probe. Open, it tries a connection of its own every now
and then (half-open), with growing pauses and jitter, and closes with the first that succeeds, or when the probe does.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable
from enum import Enum

from rowgate_server.engines import clock
from rowgate_server.errors import Outcome, Reason, RowgateError

_FAILURES = 3
"""Connections that fail one after another."""

_QUIET = 1.0
"""Seconds without a statement that succeeded, before a probe that failed is believed."""

_FIRST_PAUSE, _LONGEST_PAUSE = 0.1, 1.0
_TRIAL = 2.0
"""Seconds that a trial may take."""


class BreakerState(Enum):
    """As the metric has them."""

    CLOSED = 0
    HALF_OPEN = 1
    OPEN = 2


class Breaker:
    """The breaker of one database.

    Args:
        trial: makes a connection, and lets go of it.
        tell: is told of each change.
    """

    def __init__(self, trial: Callable[[], Awaitable[None]], tell: Callable[[BreakerState], None]) -> None:
        self._trial = trial
        self._tell = tell
        self._failures = 0
        self._heard_at = float("-inf")
        self._down = False
        self._judging: asyncio.TimerHandle | None = None
        self._trying: asyncio.Task[None] | None = None
        self._next_trial = 0.0
        self.closed = True

    def heard(self, now: float) -> None:
        """The database has answered, at that moment."""
        self._heard_at = now
        self._failures = 0

    def failed(self) -> None:
        """A connection could not be made, and not because the database said so."""
        self._failures += 1
        if self._failures >= _FAILURES:
            self._open()

    def probed(self, up: bool) -> None:
        """The health probe has found the database up, or down."""
        self._down = not up
        if up:
            self._close()
        else:
            self._judge()

    def refusal(self) -> RowgateError:
        """What callers are told while it is open."""
        pause = max(_FIRST_PAUSE, self._next_trial - clock.now())
        return RowgateError(
            Reason.DATABASE_UNAVAILABLE,
            "the database cannot be reached",
            # Not all at the same moment.
            retry_after=pause + random.uniform(0, _FIRST_PAUSE),  # noqa: S311 - it guards no secret
            outcome=Outcome.NOT_RUN,
        )

    def stop(self) -> None:
        """Try no more."""
        self._down = False
        if self._judging is not None:
            self._judging.cancel()
        if self._trying is not None:
            self._trying.cancel()
            self._trying = None

    def _judge(self) -> None:
        self._judging = None
        if not self._down or not self.closed:
            return
        quiet = clock.now() - self._heard_at
        if quiet >= _QUIET:
            self._open()
        else:
            self._judging = asyncio.get_running_loop().call_later(_QUIET - quiet, self._judge)

    def _open(self) -> None:
        if not self.closed:
            return
        self.closed = False
        self._trying = asyncio.create_task(self._try(), name="rowgate-breaker")
        self._tell(BreakerState.OPEN)

    def _close(self) -> None:
        if self.closed:
            return
        trying, self._trying = self._trying, None
        if trying is not None and trying is not asyncio.current_task():
            trying.cancel()
        self.closed, self._down = True, False
        self.heard(clock.now())
        self._tell(BreakerState.CLOSED)

    async def _try(self) -> None:
        me, pause = asyncio.current_task(), _FIRST_PAUSE
        # A driver may make an error of its own of the cancellation, or a connection.
        while self._trying is me:
            seconds = pause * random.uniform(0.5, 1.0)  # noqa: S311 - it guards no secret
            self._next_trial = clock.now() + seconds
            await asyncio.sleep(seconds)
            self._tell(BreakerState.HALF_OPEN)
            try:
                async with asyncio.timeout(_TRIAL):
                    await self._trial()
            except Exception:  # noqa: BLE001 - whatever it was, callers would meet with it too
                if self._trying is me:
                    self._tell(BreakerState.OPEN)
                pause = min(pause * 2, _LONGEST_PAUSE)
            else:
                if self._trying is me:
                    self._close()
