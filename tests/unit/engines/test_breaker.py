"""A breaker is told once what became of the database, whatever a driver makes of the end of a trial."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable

import pytest
from unit.engines.clock import on_the_clock, settle, until
from unit.engines.scripted_driver import Step, at_once, failing, never

from rowgate_server.engines.breaker import Breaker

REFUSED = OSError("refused")


class Watched:
    """A breaker, open since just now, and what it tells."""

    def __init__(self, trial: Step) -> None:
        self.trial = trial
        self.told: list[str] = []
        self.breaker = Breaker(self._try, lambda state: self.told.append(state.name))
        self.breaker.probed(False)

    async def _try(self) -> None:
        await self.trial()


def swallowing(then: Step) -> Step:
    """A trial that takes a cancellation for something else, as Python 3.11's wait_for does in some moments."""

    async def trial() -> None:
        with contextlib.suppress(asyncio.CancelledError):
            await never()
        await then()

    return trial


def up(breaker: Breaker) -> None:
    breaker.probed(True)


@on_the_clock
async def test_first_trial_that_succeeds_closes_it() -> None:
    watched = Watched(failing(REFUSED))
    await asyncio.sleep(5)
    assert set(watched.told) == {"OPEN", "HALF_OPEN"}
    watched.trial = at_once
    await asyncio.sleep(2)
    assert watched.told[-2:] == ["HALF_OPEN", "CLOSED"]
    assert watched.breaker.closed
    assert len(asyncio.all_tasks()) == 1


@pytest.mark.parametrize(("end", "told"), [(up, ["CLOSED"]), (Breaker.stop, [])], ids=["closed", "stopped"])
@pytest.mark.parametrize("then", [failing(REFUSED), at_once], ids=["an error", "a connection"])
@on_the_clock
async def test_trial_that_swallows_its_end_is_the_last_and_tells_nothing(
    end: Callable[[Breaker], None], told: list[str], then: Step
) -> None:
    watched = Watched(swallowing(then))
    await until(lambda: watched.told[-1] == "HALF_OPEN")
    end(watched.breaker)
    await settle()
    assert watched.told == ["OPEN", "HALF_OPEN", *told]
    assert len(asyncio.all_tasks()) == 1
    assert watched.breaker.closed is bool(told)
