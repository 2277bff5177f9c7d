"""More is asked for than can be done: whoever is served is served in good time, and everybody has a share."""

from __future__ import annotations

import asyncio
import math

import pytest

from rowgate_server.engines.caller import caller
from rowgate_server.errors import Reason, RowgateError
from support.linked import LONG, Linked, linked
from support.throwaway import ThrowawayServer

PLACES = 4
SECONDS = 30.0 if LONG else 1.5
WORK = 0.1


class Load:
    """Callers who each make one call after another."""

    def __init__(self, far: Linked) -> None:
        self._far = far
        self.served: list[float] = []
        self.refused: list[RowgateError] = []

    async def run(self, callers: int, name: str = "someone") -> None:
        until = asyncio.get_running_loop().time() + SECONDS
        await asyncio.gather(*(self._one(name, until) for _ in range(callers)))

    async def _one(self, name: str, until: float) -> None:
        caller.set(name)
        loop = asyncio.get_running_loop()
        while (began := loop.time()) < until:
            try:
                await self._far.run(self._far.sleep(WORK))
            except RowgateError as error:
                self.refused.append(error)
                await asyncio.sleep(WORK / 5)
            else:
                self.served.append(loop.time() - began)

    def percentile(self, share: float) -> float:
        return sorted(self.served)[math.ceil(len(self.served) * share) - 1]


async def test_at_three_times_its_capacity(server: ThrowawayServer, engine: str) -> None:
    async with linked(server, engine, size=PLACES) as far:
        await Load(far).run(PLACES)
        at_capacity, at_three_times = Load(far), Load(far)
        await at_capacity.run(PLACES)
        await at_three_times.run(3 * PLACES)
        assert not at_capacity.refused
        assert len(at_three_times.served) > 0.8 * len(at_capacity.served)
        assert {error.reason for error in at_three_times.refused} == {Reason.POOL_EXHAUSTED}
        assert all(error.retry_after and error.outcome == "NOT_RUN" for error in at_three_times.refused)
        ratio = at_three_times.percentile(0.99) / at_capacity.percentile(0.99)
        print(f"{engine}: p99 {at_capacity.percentile(0.99):.3f} s, at 3 x {ratio:.2f} of that")  # noqa: T201 - the figure that `make chaos` is run for
        assert ratio < (2.5 if LONG else 4)
        assert far.count("rowgate_pool_refused_total") == len(at_three_times.refused)


@pytest.mark.parametrize("engine", ["mariadb"])
async def test_a_caller_with_many_calls_does_not_keep_out_another(server: ThrowawayServer, engine: str) -> None:
    async with linked(server, engine, size=PLACES) as far:
        greedy, modest = Load(far), Load(far)
        await asyncio.gather(greedy.run(8 * PLACES, "greedy"), modest.run(1, "modest"))
        assert greedy.refused
        assert not modest.refused
        assert modest.percentile(0.5) < 3 * WORK
