from __future__ import annotations

import asyncio
import contextlib

import pytest
import structlog.testing
from unit.engines.clock import now, on_the_clock, settle, until
from unit.engines.scripted_driver import DriverError, ScriptedDriver, Step, at_once, failing, lasting, never

from rowgate_server.engines.availability import Availability
from rowgate_server.engines.driver import ServerFacts


class Watched:
    """An availability of a scripted driver, probing every 10 s for at most 2 s, and the changes it told of."""

    def __init__(self) -> None:
        self.driver = ScriptedDriver()
        self.availability = Availability("db", self.driver, interval=10, timeout=2)
        self.changes: list[tuple[float, bool]] = []
        self.availability.listen(lambda up: self.changes.append((now(), up)))


@on_the_clock
async def test_nothing_is_known_before_the_first_probe() -> None:
    watched = Watched()
    assert watched.availability.up is None
    assert watched.availability.facts == ServerFacts()
    await asyncio.sleep(60)
    assert watched.changes == []
    await watched.availability.stop()


@on_the_clock
async def test_a_database_that_answers_is_up_and_its_facts_are_known() -> None:
    watched = Watched()
    assert await watched.availability.probe() is None
    assert watched.availability.up is True
    assert watched.availability.facts == ServerFacts("1.2.3", "main")
    assert watched.changes == [(1000, True)]


@pytest.mark.parametrize("error", [DriverError(), OSError("refused"), ValueError("a bug")])
@on_the_clock
async def test_a_database_that_answers_with_an_error_is_down_whatever_the_error(error: Exception) -> None:
    watched = Watched()
    watched.driver.probing = failing(error)
    assert await watched.availability.probe() is error
    assert watched.availability.up is False
    assert watched.changes == [(1000, False)]


@on_the_clock
async def test_why_a_database_is_down_is_logged_when_it_changes() -> None:
    watched = Watched()
    with structlog.testing.capture_logs() as lines:
        for error in (OSError(111, "refused"), OSError(111, "refused"), ValueError(1045, "Access denied")):
            watched.driver.probing = failing(error)
            await watched.availability.probe()
        watched.driver.probing = at_once
        await watched.availability.probe()
    assert [(line["log_level"], line["event"], line.get("cause")) for line in lines] == [
        ("error", "database is down", "111 refused"),
        ("error", "database is down", "1045 Access denied"),
        ("info", "database is up", None),
    ]
    assert watched.changes == [(1000, False), (1000, True)]


@on_the_clock
async def test_a_silent_database_is_down_after_the_timeout() -> None:
    watched = Watched()
    watched.driver.probing = never
    assert isinstance(await watched.availability.probe(), TimeoutError)
    assert watched.changes == [(1002, False)]


@on_the_clock
async def test_probing_begins_at_once_and_tells_of_changes_only() -> None:
    watched = Watched()
    watched.availability.start()
    await asyncio.sleep(25)
    assert watched.changes == [(1000, True)]
    watched.driver.probing = failing(DriverError())
    await asyncio.sleep(20)
    assert watched.changes[1:] == [(1030, False)]
    watched.driver.probing = lasting(1)
    await asyncio.sleep(20)
    assert watched.changes[2:] == [(1051, True)]
    await watched.availability.stop()


@on_the_clock
async def test_a_change_is_seen_within_interval_and_timeout() -> None:
    watched = Watched()
    watched.availability.start()
    await asyncio.sleep(0.001)
    went_silent = now()
    watched.driver.probing = never
    await until(lambda: watched.availability.up is False)
    assert watched.changes[-1][0] - went_silent <= 12
    watched.driver.probing = at_once
    came_back = now()
    await until(lambda: watched.availability.up is True)
    assert watched.changes[-1][0] - came_back <= 12
    await watched.availability.stop()


@on_the_clock
async def test_the_facts_of_an_upgraded_server_replace_the_old_ones() -> None:
    watched = Watched()
    await watched.availability.probe()
    watched.availability.facts = ServerFacts("1.0.0", "main")
    await watched.availability.probe()
    assert watched.availability.facts.version == "1.2.3"


@on_the_clock
async def test_stopping_ends_a_probe_under_way_and_every_later_one() -> None:
    watched = Watched()
    watched.driver.probing = never
    watched.availability.start()
    await settle()
    await watched.availability.stop()
    assert len(asyncio.all_tasks()) == 1
    await watched.availability.stop()
    await asyncio.sleep(60)
    assert watched.changes == []


@pytest.mark.parametrize("then", [failing(OSError("refused")), at_once], ids=["an error", "an answer"])
@on_the_clock
async def test_stopping_ends_a_driver_too_that_makes_something_else_of_its_cancellation(then: Step) -> None:
    async def probe() -> None:
        with contextlib.suppress(asyncio.CancelledError):  # as Python 3.11's wait_for does in some moments
            await never()
        await then()

    watched = Watched()
    watched.driver.probing = probe
    watched.availability.start()
    await settle()
    async with asyncio.timeout(5):
        await watched.availability.stop()
    assert len(asyncio.all_tasks()) == 1


@on_the_clock
async def test_a_probe_whose_caller_is_cancelled_says_nothing_about_the_database() -> None:
    watched = Watched()
    watched.driver.probing = never
    caller = asyncio.create_task(watched.availability.probe())
    await settle()
    caller.cancel()
    await asyncio.wait({caller})
    assert caller.cancelled()
    assert watched.availability.up is None
