"""What processes cost, as Linux accounts for it: CPU time and resident memory."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

from support import proc

_TICKS = os.sysconf("SC_CLK_TCK")
_UTIME, _STIME, _CUTIME, _CSTIME = 11, 12, 13, 14
"""Fields of /proc/PID/stat, counted from the state that follows the name."""
_GONE = (FileNotFoundError, ProcessLookupError)


def cpu_seconds(pid: int) -> float:
    """CPU time of the process and its descendants, user and system, those that have ended included.

    Linux tells it in ticks, 10 ms as a rule.
    """
    ticks = 0
    for member in proc.tree(pid):
        with suppress(*_GONE):
            ticks += ticks_of(Path(f"/proc/{member}/stat").read_text(errors="replace"))
    return ticks / _TICKS


def ticks_of(stat: str) -> int:
    """The ticks in a /proc/PID/stat: `PID (NAME) STATE ...`; the name may hold anything, parentheses too."""
    fields = stat.rpartition(")")[2].split()
    return sum(int(fields[index]) for index in (_UTIME, _STIME, _CUTIME, _CSTIME))


def resident(pid: int) -> int:
    """Bytes of memory that the process has now, its descendants not counted."""
    return _status(pid, "VmRSS")


def peak_resident(pid: int) -> int:
    """The most bytes that the process has had since `forget_peak`."""
    return _status(pid, "VmHWM")


def forget_peak(pid: int) -> None:
    """Makes the present size the peak (5 is that, in proc(5))."""
    Path(f"/proc/{pid}/clear_refs").write_text("5")


def _status(pid: int, name: str) -> int:
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith(f"{name}:"):
            return int(line.split()[1]) * 1024
    raise ProcessLookupError(f"process {pid} has ended")
