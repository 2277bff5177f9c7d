"""Processes as Linux shows them: trees, states, and signals that cannot hit a stranger.

Signals go through pidfds, so a number that was taken over by another process is never signalled.
"""

from __future__ import annotations

import os
import select
import signal
import time
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

_GONE = (FileNotFoundError, ProcessLookupError, PermissionError)


def _every_pid() -> Iterator[int]:
    return (int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit())


def _state_and_parent(pid: int) -> tuple[str, int]:
    """The state letter and the parent, from `PID (NAME) STATE PARENT ...`; the name may hold anything."""
    try:
        state, parent, *_ = Path(f"/proc/{pid}/stat").read_text(errors="replace").rpartition(")")[2].split()
    except _GONE:
        return "X", 0
    return state, int(parent)


def tree(*roots: int) -> list[int]:
    """The processes `roots` and all their descendants, parents first."""
    children: dict[int, list[int]] = {}
    for pid in _every_pid():
        children.setdefault(_state_and_parent(pid)[1], []).append(pid)
    found = list(dict.fromkeys(roots))
    for pid in found:
        found += [child for child in children.get(pid, []) if child not in found]
    return found


def marked(mark: str) -> list[int]:
    """The processes that were started with `mark` (a `NAME=value`) in their environment."""
    found = []
    for pid in _every_pid():
        with suppress(*_GONE):
            if mark.encode() in Path(f"/proc/{pid}/environ").read_bytes().split(b"\0"):
                found.append(pid)
    return found


def is_stopped(pid: int) -> bool:
    """Whether a SIGSTOP holds the process, or nothing is left of it that could run."""
    return _state_and_parent(pid)[0] in "TXZ"


class Processes:
    """Some processes, held by their pidfds: a context manager that closes them."""

    def __init__(self, pids: Iterable[int]) -> None:
        """Takes hold of those of `pids` that are there."""
        self._opened = ExitStack()
        self._handles: list[int] = []
        for pid in pids:
            with suppress(*_GONE):
                self._handles.append(os.pidfd_open(pid))
                self._opened.callback(os.close, self._handles[-1])

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._opened.close()

    def send(self, number: signal.Signals) -> None:
        """Sends a signal to each that has not ended, in their order."""
        for handle in self._handles:
            with suppress(*_GONE):
                signal.pidfd_send_signal(handle, number)

    def wait(self, *, within: float) -> bool:
        """Whether all of them ended within so many seconds. A pidfd becomes readable when its process ends."""
        deadline = time.monotonic() + within
        return all(
            bool(select.select([handle], [], [], max(0.0, deadline - time.monotonic()))[0]) for handle in self._handles
        )
