"""A second signal beside a worker that is stuck: nobody waits for the rest of the grace."""

from __future__ import annotations

import asyncio
import signal
import time
from pathlib import Path
from typing import Any, cast

import pytest

from rowgate_server import config
from rowgate_server.config_watch import Reading
from rowgate_server.workers import supervisor as supervisors
from rowgate_server.workers.supervisor import Supervisor
from support.eventually import eventually


class Stuck:
    """A place whose worker only SIGKILL ends."""

    number = 1
    exit_codes: tuple[int, ...] = ()

    def __init__(self) -> None:
        self.signals: list[signal.Signals] = []
        self.ended = asyncio.Event()

    def signal(self, number: signal.Signals) -> None:
        self.signals.append(number)
        if number == signal.SIGKILL:
            self.ended.set()


class Signalled:
    """What signals have told the supervisor."""

    patient = True

    def __init__(self) -> None:
        self.stop, self.hurry = asyncio.Event(), asyncio.Event()
        self.stop.set()


@pytest.fixture
def supervisor(tmp_path: Path) -> Supervisor:
    flat = {"databases.main.url": f"sqlite:///{tmp_path / 'x.db'}", "admin_listen": "off", "server.drain_grace": "60s"}
    settings = config.load(flat, {})
    return Supervisor(settings, lambda *_: None, Reading((), lambda: settings, ()))


async def test_a_second_signal_ends_a_worker_that_is_stuck(
    supervisor: Supervisor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(supervisors, "_HURRIED", 0.2)
    stuck, told = Stuck(), Signalled()
    supervisor._places = [cast("Any", stuck)]
    keeping = asyncio.create_task(stuck.ended.wait())
    stopping = asyncio.create_task(supervisor._stop(cast("Any", told), [cast("Any", keeping)]))
    await eventually(lambda: stuck.signals == [signal.SIGTERM], 10, "it was told")
    began = time.monotonic()
    told.hurry.set()
    async with asyncio.timeout(20):
        await stopping
    assert time.monotonic() - began >= 0.2, "one that is not stuck has the time to say why"
    assert stuck.signals == [signal.SIGTERM, signal.SIGTERM, signal.SIGKILL]
