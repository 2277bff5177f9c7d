"""SIGTERM and SIGINT before "ready": a clean end with exit code 0, and nothing left behind."""

from __future__ import annotations

import os
import re
import signal
import socket
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from support import proc
from support.available import ROOT
from support.child import Child
from support.eventually import eventually

BOTH = 1 << (signal.SIGTERM - 1) | 1 << (signal.SIGINT - 1)


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    """Where the demo database is made."""
    made = tmp_path / "made"
    made.mkdir()
    yield made
    assert not list(made.iterdir())


def start(*arguments: str, folder: Path, **environment: str) -> Child:
    return Child(
        [sys.executable, "-m", "rowgate_server", "serve", *arguments],
        folder=ROOT,
        environment={
            "PATH": os.environ["PATH"],
            "TMPDIR": str(folder),
            "ROWGATE_LISTEN": "127.0.0.1:0",
            "ROWGATE_ADMIN_LISTEN": "127.0.0.1:0",
            **environment,
        },
    )


def holds_signals_back(pid: int) -> bool:
    blocked = re.search(r"^SigBlk:\s*(\w+)$", Path(f"/proc/{pid}/status").read_text(), re.MULTILINE)
    return blocked is not None and int(blocked[1], 16) & BOTH == BOTH


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_while_it_imports_and_seeds(folder: Path, number: signal.Signals) -> None:
    child = start("--demo", folder=folder)
    try:
        await eventually(lambda: holds_signals_back(child.pid), 20, "it holds signals back")
        assert child.stop(number, within=20) == 0, child.stderr.text
    finally:
        child.kill()
    assert child.stdout.text == ""
    assert "Traceback" not in child.stderr.text


def test_while_it_waits_for_a_database_that_says_nothing(folder: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        silent.settimeout(20)
        url = f"mysql://rowgate:planted@127.0.0.1:{silent.getsockname()[1]}/test"
        child = start(folder=folder, ROWGATE_DATABASES__MAIN__URL=url)
        try:
            link, _ = silent.accept()
            with link:
                assert child.stop(signal.SIGTERM, within=20) == 0, child.stderr.text
        finally:
            child.kill()
    assert child.stdout.text == ""
    assert "Traceback" not in child.stderr.text


async def test_while_its_workers_start(folder: Path) -> None:
    """A worker that has not come so far would take SIGINT for a KeyboardInterrupt."""
    child = start("--workers", "2", folder=folder, ROWGATE_DATABASES__MAIN__URL=f"sqlite:///{folder}")
    try:
        await eventually(lambda: len(proc.tree(child.pid)) == 3, 30, "workers start")
        workers = proc.tree(child.pid)[1:]
        assert child.stop(signal.SIGINT, within=20) == 0, child.stderr.text
    finally:
        child.kill()
    assert all(proc.is_stopped(pid) for pid in workers)
    assert child.stdout.text == ""
    assert "Traceback" not in child.stderr.text
