"""More is asked for than can be done: whoever is served is served in good time, and everybody has a share."""

from __future__ import annotations

import asyncio
import math
import random

import pytest

from rowgate_server.engines.caller import caller
from rowgate_server.errors import Reason, RowgateError
from support.linked import LONG, Linked, linked
from support.throwaway import ThrowawayServer

PLACES = 4
WORKS = (0.005, 0.02, 0.05, 0.1) if LONG else (0.05,)
SECONDS = 20.0 if LONG else 1.2
SETTLING = 0.5
"""Seconds in which a line may still be a burst."""


class Load:
    """Calls that each work for so long, and how they ended."""

    def __init__(self, far: Linked, work: float) -> None:
        self._far, self._work = far, work
        self.served: list[float] = []
        self.refused: list[RowgateError] = []

    async def of(self, callers: int) -> None:
        """Callers who each make one call after another."""
        until = asyncio.get_running_loop().time() + SECONDS

        async def one() -> None:
            while asyncio.get_running_loop().time() < until:
                await self._call()

        await asyncio.gather(*(one() for _ in range(callers)))

    async def at_times_capacity(self, times: float, name: str = "someone") -> None:
        """Calls that come whether the last one is back or not, at random, so many times what can be done."""
        loop, dice = asyncio.get_running_loop(), random.Random(7)  # noqa: S311 - repeatable, not secret
        caller.set(name)
        began = at = loop.time()
        async with asyncio.TaskGroup() as calls:
            while at < began + SECONDS:
                calls.create_task(self._call(counts=at > began + SETTLING))
                at += dice.expovariate(times * PLACES / self._work)
                await asyncio.sleep(max(0.0, at - loop.time()))

    async def _call(self, *, counts: bool = True) -> None:
        loop = asyncio.get_running_loop()
        began = loop.time()
        try:
            await self._far.run(self._far.sleep(self._work))
        except RowgateError as error:
            self.refused.append(error)
        else:
            if counts:
                self.served.append(loop.time() - began)

    def percentile(self, share: float) -> float:
        return sorted(self.served)[math.ceil(len(self.served) * share) - 1]


@pytest.mark.timeout(180)
@pytest.mark.parametrize("work", WORKS)
async def test_at_three_times_its_capacity(server: ThrowawayServer, engine: str, work: float) -> None:
    async with linked(server, engine, size=PLACES) as far:
        await asyncio.gather(*(far.run(far.sleep(0.1)) for _ in range(PLACES)))
        at_capacity, at_three_times = Load(far, work), Load(far, work)
        await at_capacity.of(PLACES)
        await at_three_times.at_times_capacity(3)
        assert not at_capacity.refused
        rate = len(at_capacity.served) / SECONDS
        assert len(at_three_times.served) > 0.8 * rate * (SECONDS - SETTLING)
        assert {error.reason for error in at_three_times.refused} == {Reason.POOL_EXHAUSTED}
        assert all(error.retry_after and error.outcome == "NOT_RUN" for error in at_three_times.refused)
        ratio = at_three_times.percentile(0.99) / at_capacity.percentile(0.99)
        print(  # noqa: T201 - the figures that `make chaos` is run for
            f"{engine}, {work * 1000:.0f} ms of work: p99 {at_capacity.percentile(0.99) * 1000:.1f} ms, at 3 x "
            f"{ratio:.2f} of that; {len(at_three_times.served)} served, {len(at_three_times.refused)} refused"
        )
        assert ratio < (2.2 if LONG else 4)
        assert far.count("rowgate_pool_refused_total") == len(at_three_times.refused)


@pytest.mark.parametrize("engine", ["mariadb"])
async def test_a_caller_with_many_calls_does_not_keep_out_another(server: ThrowawayServer, engine: str) -> None:
    work = 0.05
    async with linked(server, engine, size=PLACES) as far:
        greedy, modest = Load(far, work), Load(far, work)

        async def seldom() -> None:
            caller.set("modest")
            await modest.of(1)

        await asyncio.gather(greedy.at_times_capacity(5, "greedy"), seldom())
        assert greedy.refused
        assert not modest.refused
        assert modest.percentile(0.5) < 3 * work
