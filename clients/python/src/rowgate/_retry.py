"""When a call is made again, and how long all of it may take."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from typing import Final, TypeVar

from rowgate._errors import DeadlineExceeded, Outcome, Unavailable

_T = TypeVar("_T")

_NOTHING_LEFT_BEHIND: Final = (Outcome.NOT_RUN, Outcome.ROLLED_BACK)


@dataclass(frozen=True, slots=True, kw_only=True)
class Retry:
    """How often and how soon a call is made again after UNAVAILABLE, where doing so is safe.

    Before the second attempt the client waits for half to all of `first_delay`, and before each further one for
    twice as long, up to `longest_delay`; longer where the gateway asks for it (`retry_after`).

    Attributes:
        attempts: how often a call is made at most, the first time included.
        first_delay: in seconds.
        longest_delay: in seconds.

    Raises:
        ValueError: an argument is out of range.
    """

    attempts: int = 4
    first_delay: float = 0.1
    longest_delay: float = 2.0

    def __post_init__(self) -> None:
        if self.attempts < 1:
            raise ValueError("attempts must be 1 or more")
        if not 0 <= self.first_delay <= self.longest_delay:
            raise ValueError("first_delay must be 0 or more, and longest_delay no less")

    def delays(self) -> Iterator[float]:
        """Seconds to wait before each attempt but the first."""
        delay = self.first_delay
        for _ in range(self.attempts - 1):
            # Jitter, so that callers who failed together do not come back together.
            yield delay * random.uniform(0.5, 1.0)  # noqa: S311 - it guards no secret
            delay = min(2 * delay, self.longest_delay)


DEFAULT_RETRY: Final = Retry()


class Deadline:
    """The end of a call, computed once; its attempts and the waiting between them share it.

    Args:
        timeout: seconds from now; None for no end.
    """

    __slots__ = ("_at", "_loop")

    def __init__(self, timeout: float | None) -> None:
        self._loop = asyncio.get_running_loop()
        self._at = None if timeout is None else self._loop.time() + timeout

    def remaining(self) -> float | None:
        """Seconds left.

        Raises:
            DeadlineExceeded: none are.
        """
        if self._at is None:
            return None
        seconds = self._at - self._loop.time()
        if seconds <= 0:
            raise DeadlineExceeded("the time ran out before the gateway was asked", outcome=Outcome.NOT_RUN)
        return seconds

    def allows(self, pause: float) -> bool:
        """Whether there is time left after a pause of so many seconds."""
        return self._at is None or self._loop.time() + pause < self._at


async def run(attempt: Callable[[], Awaitable[_T]], *, retry: Retry | None, deadline: Deadline, repeatable: bool) -> _T:
    """Make a call, and make it again while that is safe, may help and is in time.

    It is safe when the call changes nothing (`repeatable`), or when the gateway says that nothing is left of it.
    It may help after UNAVAILABLE only.

    Raises:
        RowgateError: the last attempt's.
    """
    delays = iter(()) if retry is None else retry.delays()
    while True:
        try:
            return await attempt()
        except Unavailable as error:
            delay = next(delays, None)
            if delay is None or not (repeatable or error.outcome in _NOTHING_LEFT_BEHIND):
                raise
            pause = max(delay, error.retry_after or 0.0)
            if not deadline.allows(pause):
                raise
        await asyncio.sleep(pause)
