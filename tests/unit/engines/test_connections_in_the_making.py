"""A connection that nobody wants any more is not made, whatever the driver makes of a cancellation."""

from __future__ import annotations

import asyncio
import contextlib

import pytest
from unit.engines.scripted_driver import ScriptedDriver, never

from rowgate_server.engines.connector import Attempt, Connector, ConnectorSettings
from rowgate_server.engines.deadline import Deadline
from rowgate_server.engines.openings import Openings
from rowgate_server.errors import Outcome, Reason, RowgateError
from rowgate_server.observability.metrics import Metrics

REFUSAL = RowgateError(Reason.DATABASE_UNAVAILABLE, "given up", outcome=Outcome.NOT_RUN)


async def test_cancellation_that_a_ping_swallows_ends_the_attempt_all_the_same() -> None:
    driver = ScriptedDriver()
    driver.connecting = never
    settings = ConnectorSettings(size=1, recycle=0, pre_ping=True)
    connector = Connector(driver, settings, Metrics().database("db").connections)
    openings: Openings[object] = Openings()
    left: list[object] = []

    async def make(attempt: Attempt) -> object:
        with contextlib.suppress(asyncio.CancelledError):
            await never()  # the ping
        return await connector.new_one(attempt, lambda: None)

    deadline = Deadline.soonest((30.0, "the test's"))
    call = asyncio.create_task(openings.wait(make, lambda error: error, left.append, lambda: REFUSAL, deadline))
    await asyncio.sleep(0)
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call
    async with asyncio.timeout(5):
        await openings.close()
    assert left == [None]
    await connector.close()


async def test_a_lost_cancellation_is_made_again() -> None:
    openings: Openings[object] = Openings()
    left: list[object] = []

    async def make(_: Attempt) -> object:
        for _try in range(2):
            with contextlib.suppress(asyncio.CancelledError):
                await never()
        await never()
        raise AssertionError

    deadline = Deadline.soonest((30.0, "the test's"))
    call = asyncio.create_task(openings.wait(make, lambda error: error, left.append, lambda: REFUSAL, deadline))
    await asyncio.sleep(0)
    call.cancel()
    async with asyncio.timeout(5):
        await openings.close()
    assert left == [None]


async def test_trial_that_is_cut_short_leaves_no_connection(monkeypatch: pytest.MonkeyPatch) -> None:
    driver = ScriptedDriver()
    settings = ConnectorSettings(size=1, recycle=0, pre_ping=True)
    connector = Connector(driver, settings, Metrics().database("db").connections)
    asked = asyncio.Event()

    async def first_questions(*_: object) -> None:
        asked.set()
        await never()

    monkeypatch.setattr(connector, "_check_out", first_questions)
    trial = asyncio.create_task(connector.trial())
    await asked.wait()
    trial.cancel()
    with pytest.raises(asyncio.CancelledError):
        await trial
    assert driver.log == ["connect 1", "abort 1"]
    await connector.close()
