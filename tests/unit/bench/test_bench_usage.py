"""CPU and memory of real processes."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench import usage

_BUSY = "import time\nwhile time.process_time() < 0.3: pass\n"
_DONE = "print('done', flush=True)\ninput()\n"


@contextmanager
def _python(script: str) -> Iterator[subprocess.Popen[str]]:
    with subprocess.Popen(
        [sys.executable, "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def _wait(process: subprocess.Popen[str]) -> None:
    assert process.stdout
    assert process.stdout.readline() == "done\n"


def _go_on(process: subprocess.Popen[str]) -> None:
    assert process.stdin
    process.stdin.write("\n")
    process.stdin.flush()


@given(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=15))
def test_a_process_may_be_called_anything(name: str) -> None:
    fields = " ".join(["S", *map(str, range(1, 50))])
    assert usage.ticks_of(f"42 ({name}) {fields}\n") == 11 + 12 + 13 + 14


def test_cpu_time_is_told_of_a_process_and_its_children() -> None:
    script = f"import subprocess, sys\n{_BUSY}subprocess.run([sys.executable, '-c', {_BUSY!r}])\n{_DONE}"
    with _python(script) as process:
        _wait(process)
        assert 0.55 <= usage.cpu_seconds(process.pid) < 10


def test_cpu_time_is_told_of_children_that_still_run() -> None:
    child = f"{_BUSY}{_DONE}"
    with _python(f"import subprocess, sys\nsubprocess.run([sys.executable, '-c', {child!r}])") as process:
        _wait(process)
        assert usage.cpu_seconds(process.pid) >= 0.28
        _go_on(process)
        process.wait(timeout=10)


def test_the_peak_is_that_since_it_was_forgotten() -> None:
    script = f"x = bytearray(80_000_000)\ndel x\n{_DONE}x = bytearray(40_000_000)\ndel x\n{_DONE}"
    with _python(script) as process:
        _wait(process)
        before = usage.resident(process.pid)
        assert usage.peak_resident(process.pid) - before > 70_000_000
        usage.forget_peak(process.pid)
        assert usage.peak_resident(process.pid) - before < 10_000_000
        _go_on(process)
        _wait(process)
        assert 35_000_000 < usage.peak_resident(process.pid) - before < 60_000_000


def test_memory_is_told_in_bytes() -> None:
    with _python(_DONE) as process:
        _wait(process)
        pages = int(Path(f"/proc/{process.pid}/statm").read_text().split()[1])
        assert usage.resident(process.pid) == pytest.approx(pages * os.sysconf("SC_PAGE_SIZE"), rel=0.01)


def test_a_process_that_has_ended_has_no_memory_to_tell() -> None:
    with subprocess.Popen([sys.executable, "-c", ""]) as child:
        os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)  # it stays a zombie until the with is left
        with pytest.raises(ProcessLookupError):
            usage.resident(child.pid)
