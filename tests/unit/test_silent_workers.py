"""A worker that does not answer is ended; not one whose answer the supervisor itself was not there to hear."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, cast

import pytest

from rowgate_server import config
from rowgate_server.observability.merging import Ended
from rowgate_server.transport.admin import State
from rowgate_server.workers import place as places
from rowgate_server.workers.channel import ChannelClosedError
from rowgate_server.workers.place import Place
from support.eventually import eventually

SILENT_FOR = 0.25


class Worker(Place):
    """A place whose process is asked, and answers, as the test says."""

    def __init__(self, folder: Path, answer: Callable[[], Awaitable[None]]) -> None:
        settings = config.load({"databases.main.url": f"sqlite:///{folder / 'x.db'}", "admin_listen": "off"}, {})
        super().__init__(1, settings, Ended(), {})
        self.state = State(ready=True, databases={})
        self._answer = answer

    async def ask(self, *_: Any, **__: Any) -> None:
        await self._answer()


class Process:
    killed = False

    def kill(self) -> None:
        self.killed = True


async def never() -> None:
    await asyncio.Event().wait()


async def cannot() -> None:
    raise ChannelClosedError


@pytest.fixture(autouse=True)
def _soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(places, "_ASKED_EVERY", 0.01)
    monkeypatch.setattr(places, "_SILENT_FOR", SILENT_FOR)


@pytest.mark.parametrize("answer", [never, cannot])
async def test_one_that_does_not_answer_is_ended(tmp_path: Path, answer: Callable[[], Awaitable[None]]) -> None:
    process = Process()
    watching = asyncio.create_task(Worker(tmp_path, answer)._watch(cast("Any", process)))
    await eventually(lambda: process.killed, 10, "it was killed")
    watching.cancel()


async def test_one_that_is_frozen_together_with_the_supervisor_is_left_alone(tmp_path: Path) -> None:
    loop, thawed = asyncio.get_running_loop(), asyncio.Event()

    def freeze() -> None:
        time.sleep(3 * SILENT_FOR)
        loop.call_later(SILENT_FOR / 10, thawed.set)  # the answer comes behind the timers of that time

    async def answer() -> None:
        loop.call_soon(freeze)
        await thawed.wait()

    assert not await Worker(tmp_path, answer)._silent()


@pytest.mark.parametrize("up", [True, False])
async def test_one_that_starts_is_left_alone(tmp_path: Path, *, up: bool) -> None:
    """Also while its first answer is on its way."""
    worker = Worker(tmp_path, never)
    state, worker.state = worker.state, None
    if up:
        asyncio.get_running_loop().call_soon(setattr, worker, "state", state)
    assert not await worker._silent()


async def test_one_that_has_been_told_to_stop_is_left_to_its_grace(tmp_path: Path) -> None:
    worker = Worker(tmp_path, never)
    worker._told.set()
    assert not await worker._silent()
