"""The end of an event loop and of a process, whatever still runs in it."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from rowgate_server import app, ending, watchdog
from rowgate_server.transport import draining
from rowgate_server.workers import supervisor

STUBBORN = """
import asyncio, os, signal, threading
from rowgate_server import ending

forever = threading.Event()

async def refusing():
    while True:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            pass

def send_all():
    for number in taken:
        os.kill(os.getpid(), number)

def close(loop, closed=asyncio.SelectorEventLoop.close):
    closed(loop)
    send_all()

async def work():
    for number in taken:
        asyncio.get_running_loop().add_signal_handler(number, print)
    kept.append(asyncio.ensure_future(refusing()))
    asyncio.get_running_loop().run_in_executor(None, forever.wait)
    await asyncio.sleep(0)

kept, taken = [], (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
asyncio.SelectorEventLoop.close = close
ending.run(work(), 60.0)
send_all()  # it ends anyway
print("written", end="")
ending.leave({code})
"""


@pytest.mark.parametrize("code", [0, 3])
def test_neither_a_task_nor_a_thread_keeps_a_process_alive(code: int) -> None:
    done = subprocess.run(
        [sys.executable, "-c", STUBBORN.replace("{code}", str(code))],
        env=os.environ,
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr) == (code, "written", "")


def test_a_worker_has_the_time_to_end_by_itself_and_the_supervisor_its_own() -> None:
    """Both within the 2 seconds after the grace that docs/running.md tells."""
    worker = draining._CLEANING_UP + app._CLOSING + 3 * ending._MOMENT
    assert worker < supervisor._LATEST < watchdog.LATEST < 2
    assert draining._BEFORE_THE_END + worker < supervisor._HURRIED < watchdog._HURRIED
