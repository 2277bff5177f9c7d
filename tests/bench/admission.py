"""`python -m bench.admission`: who waits how long for a connection when three times what can be done is asked for.

In time of its own (`unit.engines.clock`), so that the machine's load makes no difference: what is compared is the rule.
"""

from __future__ import annotations

import asyncio
import math
import random
import sys
from unittest.mock import patch

from unit.engines.clock import ClockLoop

from rowgate_server.engines import clock
from rowgate_server.engines.places import CrowdedError, Places

_TIMES = 3
_SETTLING = 1.0
_WORKS = 400
"""Seconds at the start that do not count; and how long the rest is, in works."""


class Run:
    """Calls at random, each of whose work takes between 0.9 and 1.1 times so many seconds."""

    def __init__(self, places: int, work: float, callers: int) -> None:
        self._places, self._count, self._work, self._callers = Places(places, 0.5), places, work, callers
        self._dice = random.Random(7)  # noqa: S311 - repeatable, not secret
        self._settled = 0.0
        self.took: list[float] = []
        self.refused = 0

    async def all(self) -> None:
        """Let them come."""
        loop = asyncio.get_running_loop()
        self._settled = loop.time() + _SETTLING
        async with asyncio.TaskGroup() as calls:
            while loop.time() < self._settled + _WORKS * self._work:
                calls.create_task(self._call(f"caller {self._dice.randrange(self._callers)}"))
                await asyncio.sleep(self._dice.expovariate(_TIMES * self._count / self._work))

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

    def __str__(self) -> str:
        p99 = sorted(self.took)[math.ceil(len(self.took) * 0.99) - 1]
        used = len(self.took) / _WORKS / self._count
        return (
            f"{self._count:6} | {self._work * 1000:4.0f} ms | {self._callers:7} | {p99 / (1.098 * self._work):5.2f} | "
            f"{used:4.0%} | {self.refused / (self.refused + len(self.took)):4.0%}"
        )


def main() -> None:
    """The table: p99 of those who were served, in that of the work alone; use of the places; share of the refused."""
    sys.stdout.write("places | work    | callers | p99 x | used | refused\n")
    for places in (1, 4, 10):
        for work in (0.005, 0.02, 0.05, 0.1):
            for callers in (1, 30):
                run = Run(places, work, callers)
                runner = asyncio.Runner(loop_factory=ClockLoop)
                with runner, patch.object(clock, "now", runner.get_loop().time):
                    runner.run(run.all())
                sys.stdout.write(f"{run}\n")


if __name__ == "__main__":
    main()
