"""Leaves nothing behind: the test run's folder, and the guard that outlives even a killed pytest.

Every process that the tests start carries the run's mark in its environment, and every file of theirs is in the run's
folder. The guard, a process of its own, waits until the pipe from pytest closes, which the kernel does however
pytest ends; then it ends what carries the mark and removes the folder. (PR_SET_PDEATHSIG would not do: it
fires when the starting *thread* ends, and it cannot remove a folder.)
"""

from __future__ import annotations

import atexit
import secrets
import shutil
import signal
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from support import proc

_GRACE = 3.0
"""Seconds that servers have to shut down in order."""


@dataclass(frozen=True)
class TestRun:
    """What belongs to this run of the tests."""

    __test__ = False

    mark: tuple[str, str]
    """The environment variable, name and value, that every started process carries."""
    folder: Path
    """The folder of the run. Other accounts may pass through it, to folders of their own."""


@cache
def test_run() -> TestRun:
    """This run, guarded from the first call on."""
    run = TestRun(
        mark=("RG_TEST_RUN", secrets.token_hex(16)),
        folder=Path(tempfile.mkdtemp(prefix="rowgate-")),
    )
    run.folder.chmod(0o711)
    guard = subprocess.Popen(
        [sys.executable, "-m", "support.guard", "=".join(run.mark), run.folder],
        stdin=subprocess.PIPE,
        cwd=Path(__file__).resolve().parents[1],
        start_new_session=True,  # a Ctrl-C at the terminal is not for the guard
    )
    atexit.register(guard.communicate)
    return run


def clean_up(mark: str, folder: Path) -> None:
    """Ends every process that carries `mark`, with its descendants, and removes `folder`."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        with proc.Processes(proc.tree(*proc.marked(mark))) as processes:
            processes.send(number)
            processes.send(signal.SIGCONT)  # a frozen process acts on the first signal only now
            if processes.wait(within=_GRACE):
                break
    shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    sys.stdin.buffer.read()
    clean_up(sys.argv[1], Path(sys.argv[2]))
