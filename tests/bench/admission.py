"""`python -m bench.admission`: who waits how long for a connection when three times what can be done is asked for.

And how many are refused where calls come at random, and ask for nearly as much; and who is of a burst that comes beside
half of what can be done.

In time of its own (`unit.engines.clock`), so that the machine's load makes no difference: what is compared is the rule.
"""

from __future__ import annotations

import asyncio
import math
import random
import sys
from collections.abc import Coroutine
from typing import Any, TypeVar
from unittest.mock import patch

from unit.engines.clock import ClockLoop

from rowgate_server.engines import clock
from rowgate_server.engines.line import CrowdedError
from rowgate_server.engines.places import Places

_T = TypeVar("_T")

_TIMES = 3
_SETTLING = 1.0
_WORKS, _BURSTS, _LOADS = 400, 40.0, 20.0
"""Seconds at the start that do not count; and how long the rest is, in works, or in seconds where there are bursts, or
where it is how much they ask for that differs."""
_ASKED = (0.8, 0.9, 0.95, 1.0, 1.2, 3.0)


class Run:
    """Calls at random, each of whose work takes between 0.9 and 1.1 times so many seconds."""

    def __init__(self, places: int, work: float, callers: int, times: float = _TIMES) -> None:
        self._times = times
        self._places, self._count, self._work, self._callers = Places(places, 0.5), places, work, callers
        self._dice = random.Random(7)
        self._settled = 0.0
        self.took: list[float] = []
        self.refused = 0

    async def all(self, seconds: float = 0.0) -> None:
        """Let them come, for so long at the least."""
        loop = asyncio.get_running_loop()
        self._settled = loop.time() + _SETTLING
        async with asyncio.TaskGroup() as calls:
            while loop.time() < self._settled + max(seconds, _WORKS * self._work):
                calls.create_task(self._call(self._caller()))
                await asyncio.sleep(self._dice.expovariate(self._times * self._count / self._work))

    async def bursts(self, calls: int, within: float) -> float:
        """As `all`, with bursts of so many calls within so many seconds: the share of them that was refused."""
        refused = came = 0
        async with asyncio.TaskGroup() as tasks:
            steady = tasks.create_task(self.all(_BURSTS))
            while not steady.done():
                await asyncio.sleep(2)
                before = self.refused
                await asyncio.gather(*(self._later(self._dice.uniform(0, within)) for _ in range(calls)))
                refused, came = refused + self.refused - before, came + calls
        return refused / came

    async def _later(self, seconds: float) -> None:
        await asyncio.sleep(seconds)
        await self._call(self._caller())

    def _caller(self) -> str:
        return f"caller {self._dice.randrange(self._callers)}"

    async def _call(self, caller: str) -> None:
        began = clock.now()
        if not self._places.take(caller):
            try:
                await self._places.wait(caller, 5)
            except (CrowdedError, TimeoutError):
                self.refused += began > self._settled
                return
        taken = clock.now()
        await asyncio.sleep(self._work * self._dice.uniform(0.9, 1.1))
        self._places.release(caller, clock.now() - taken)
        if began > self._settled:
            self.took.append(clock.now() - began)

    @property
    def p99(self) -> float:
        """Of those who were served, in that of the work alone."""
        return sorted(self.took)[math.ceil(len(self.took) * 0.99) - 1] / (1.098 * self._work)

    @property
    def share_refused(self) -> float:
        """Of all that came."""
        return self.refused / (self.refused + len(self.took))

    def __str__(self) -> str:
        used = len(self.took) / _WORKS / self._count
        return (
            f"{self._count:6} | {self._work * 1000:4.0f} ms | {self._callers:7} | {self.p99:5.2f} | "
            f"{used:4.0%} | {self.share_refused:4.0%}"
        )


def _on_the_clock(work: Coroutine[Any, Any, _T]) -> _T:
    runner = asyncio.Runner(loop_factory=ClockLoop)
    with runner, patch.object(clock, "now", runner.get_loop().time):
        return runner.run(work)


def main() -> None:
    """The three tables."""
    _overload()
    _loads()
    _bursts()


def _overload() -> None:
    """p99 of those who were served, in that of the work alone; use of the places; share of the refused."""
    sys.stdout.write("places | work    | callers | p99 x | used | refused\n")
    for places in (1, 4, 10):
        for work in (0.005, 0.02, 0.05, 0.1):
            for callers in (1, 30):
                run = Run(places, work, callers)
                _on_the_clock(run.all())
                sys.stdout.write(f"{run}\n")


def _loads() -> None:
    """Who is refused, and p99 of the others, by how much is asked for of what can be done."""
    sys.stdout.write("\nplaces | work    | " + " | ".join(f"asked {times:4.2f} x" for times in _ASKED) + "\n")
    for places in (1, 4, 10):
        for work in (0.005, 0.02, 0.05):
            runs = [Run(places, work, 4, times) for times in _ASKED]
            for run in runs:
                _on_the_clock(run.all(_LOADS))
            told = " | ".join(f"{run.share_refused:4.0%}, {run.p99:5.2f}" for run in runs)
            sys.stdout.write(f"{places:6} | {work * 1000:4.0f} ms | {told}\n")


def _bursts() -> None:
    """Who is refused of a hundred calls on four places, beside nothing, and beside half of what can be done."""
    sys.stdout.write("\n100 calls on 4 places, beside nothing, and beside half of what can be done: refused\n")
    sys.stdout.write("work    | within 0 ms | within 100 ms | within 200 ms\n")
    for work in (0.002, 0.005, 0.01, 0.02):
        shares = []
        for within in (0.0, 0.1, 0.2):
            alone, beside = (_on_the_clock(Run(4, work, 30, times).bursts(100, within)) for times in (0.001, 0.5))
            shares.append(f"{alone:5.0%} {beside:5.0%}")
        sys.stdout.write(f"{work * 1000:4.0f} ms | {' | '.join(shares)}\n")


if __name__ == "__main__":
    main()
