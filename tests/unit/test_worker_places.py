"""The place of a worker that the system has nothing left for: filled later, and told of meanwhile."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import os
import signal
import socket
import time
from asyncio.subprocess import Process
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
import structlog.testing

from rowgate_server import config, signals
from rowgate_server.observability.merging import Ended
from rowgate_server.workers import place as places
from rowgate_server.workers.place import Place
from support.eventually import eventually

_spawn = asyncio.create_subprocess_exec
_NOTHING_LEFT = (OSError(errno.EAGAIN, os.strerror(errno.EAGAIN)), RuntimeError("can't start new thread"))


async def a_process(*_: Any, **__: Any) -> Process:
    """In place of a worker."""
    return await _spawn("sleep", "60")


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Place:
    monkeypatch.setattr(places, "_FIRST_DELAY", 0.001)
    settings = config.load({"databases.main.url": f"sqlite:///{tmp_path / 'main.db'}", "admin_listen": "off"}, {})
    return Place(3, settings, Ended(), {})


@contextlib.asynccontextmanager
async def kept(place: Place, until: Callable[[], bool]) -> AsyncIterator[None]:
    """It is kept until then, and then told to stop."""
    keeping = asyncio.create_task(place.keep())
    await eventually(lambda: keeping.done() or until(), 10, "it is as it is to be")
    yield
    place.signal(signal.SIGKILL)
    await keeping


@pytest.mark.parametrize("error", _NOTHING_LEFT, ids=repr)
async def test_worker_that_cannot_be_spawned_is_tried_again(
    place: Place, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    results = [error, error, None]

    async def spawned(*arguments: Any, **_: Any) -> Process:
        if (failed := results.pop(0)) is not None:
            raise failed
        return await a_process(*arguments)

    monkeypatch.setattr(asyncio, "create_subprocess_exec", spawned)
    with structlog.testing.capture_logs() as lines:
        async with kept(place, lambda: place._process is not None):
            assert signal.pthread_sigmask(signal.SIG_BLOCK, ()).isdisjoint(signals.STOPPING)
            assert (place.exit_codes, place.failures, place.changed.is_set()) == ([1, 1], 2, True)
    told = [(line["worker"], line["cause"]) for line in lines if line["event"] == "worker cannot be started"]
    assert told == [(3, " ".join(map(str, error.args)))] * 2


async def test_worker_that_no_thread_can_hand_settings_to_is_replaced(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, failing = places._hand_over, [_NOTHING_LEFT[1]]

    def handed_over(end: socket.socket, settings: config.Settings) -> None:
        if failing:
            raise failing.pop()
        real(end, settings)

    monkeypatch.setattr(places, "_hand_over", handed_over)
    monkeypatch.setattr(asyncio, "create_subprocess_exec", a_process)
    async with kept(place, lambda: bool(place.exit_codes) and place._process is not None):
        assert place.exit_codes == [-signal.SIGKILL]


async def test_channel_to_a_worker_that_ends_while_it_gets_its_settings_is_closed(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    ends = list[socket.socket]()

    def handed_over(end: socket.socket, _: config.Settings) -> None:
        process = place._process
        if ends or process is None:
            return
        ends.append(end)
        os.kill(process.pid, signal.SIGKILL)
        while process.returncode is None:
            time.sleep(0.001)

    monkeypatch.setattr(places, "_hand_over", handed_over)
    monkeypatch.setattr(asyncio, "create_subprocess_exec", a_process)
    async with kept(place, lambda: bool(place.exit_codes)):
        await eventually(lambda: ends[0].fileno() == -1, 5, "it is closed")
