"""Calls at a steady rate, and what became of each: for what an outage costs."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import NamedTuple, Self

from rowgate import RowgateError


class Made(NamedTuple):
    """One call; times by the event loop's clock. `error` is None for one that went well."""

    number: int
    began: float
    ended: float
    error: RowgateError | None


@dataclass
class Cost:
    """What a misfortune cost.

    Attributes:
        calls: those that ended since and began before the last that failed, or within a second.
        failed: how many of them failed.
        seconds: from the misfortune until the last failing call ended: its caller's last error.
        begun: the same until it began: who calls later than that has no error.
        slowest: seconds of the slowest call that began within five seconds of it.
        errors: by their names.
    """

    calls: int
    failed: int
    seconds: float
    begun: float
    slowest: float
    errors: Counter[str]

    @property
    def share(self) -> float:
        """The part of the calls that failed while any did."""
        return self.failed / self.calls if self.calls else 0.0

    def __str__(self) -> str:
        return (
            f"{self.failed} of {self.calls} calls failed ({self.share:.1%}), the last error after {self.seconds:.2f} s "
            f"of a call begun after {self.begun:.2f} s; the slowest took {self.slowest:.2f} s; {dict(self.errors)}"
        )


@dataclass
class Steady:
    """Calls, so many a second, whether or not those before them have been answered.

    Raises:
        Exception: at its end, what a call raised that is no RowgateError: the first of them.
    """

    call: Callable[[int], Awaitable[object]]
    rate: float
    made: list[Made] = field(default_factory=list)
    _driver: asyncio.Task[None] | None = None
    _under_way: set[asyncio.Task[None]] = field(default_factory=set)
    _broken: list[BaseException] = field(default_factory=list)

    async def __aenter__(self) -> Self:
        self._driver = asyncio.create_task(self._drive())
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._driver is not None
        self._driver.cancel()
        await asyncio.wait([self._driver, *self._under_way])
        if not self._driver.cancelled():
            self._driver.result()
        if self._broken:
            raise self._broken[0]

    def cost_since(self, moment: float) -> Cost:
        """What has failed since then; once all calls have been answered."""
        since = [made for made in self.made if made.ended >= moment]
        failed = [made for made in since if made.error is not None]
        last = max((made.began for made in failed), default=moment)
        return Cost(
            calls=sum(made.began <= max(last, moment + 1) for made in since) if failed else len(since),
            failed=len(failed),
            seconds=max((made.ended for made in failed), default=moment) - moment,
            begun=max(0.0, last - moment),
            slowest=max((made.ended - made.began for made in since if made.began < moment + 5), default=0.0),
            errors=Counter(_named(made.error) for made in failed if made.error),
        )

    async def _drive(self) -> None:
        loop = asyncio.get_running_loop()
        began, number = loop.time(), 0
        while True:
            number += 1
            task = asyncio.create_task(self._one(number))
            self._under_way.add(task)
            task.add_done_callback(self._answered)
            await asyncio.sleep(max(0.0, began + number / self.rate - loop.time()))

    def _answered(self, task: asyncio.Task[None]) -> None:
        self._under_way.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            self._broken.append(error)

    async def _one(self, number: int) -> None:
        loop = asyncio.get_running_loop()
        began, error = loop.time(), None
        try:
            await self.call(number)
        except RowgateError as raised:
            error = raised
        self.made.append(Made(number, began, loop.time(), error))


def _named(error: RowgateError) -> str:
    """What the gateway calls it, or what gRPC says."""
    return f"{error.reason or error}/{error.outcome}"
