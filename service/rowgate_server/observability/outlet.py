"""Writes lines beside the event loop: whoever reads them, and stands still, must not stop what writes them.

A write to a pipe or a terminal that nobody reads any more blocks for as long as that lasts. So a thread does it. Lines
wait for it up to a bound; beyond, they are lost, and whoever gave them is told so.
"""

from __future__ import annotations

import atexit
import os
import sys
import threading
from collections.abc import Callable
from functools import partial
from time import monotonic
from typing import NamedTuple, TextIO

_MOST = 4 << 20
"""Characters that wait."""

_WHOLE = 4096
"""Bytes that a pipe takes in one piece (PIPE_BUF), so that lines of several processes do not mix."""

_PAUSE = 0.02
"""Seconds from one lot to the next: to wake the thread for each line would cost more than to write the line."""

_AT_THE_END = 0.5
"""Seconds that the lines that still wait may take, all together, before the process ends."""

Told = Callable[[BaseException | None], None]
"""Told what became of a line, at once or by the thread: None where it was written, else why not."""


class _Line(NamedTuple):
    text: str
    told: Told


class Outlet:
    """Lines for one place, in their order.

    Args:
        write: writes bytes, or the first of them, and returns how many; it may block, and raise OSError or ValueError.
    """

    def __init__(self, write: Callable[[memoryview], int]) -> None:
        self._write = write
        self.regained: Callable[[int], str] = _silent
        """Puts into a line, written when lines can be written again, how many were lost; empty for none."""
        self._lock = threading.Lock()
        self._lines: list[_Line] = []
        self._waiting = 0
        self._lost = 0
        self._some, self._none, self._hurry = threading.Event(), threading.Event(), threading.Event()
        self._none.set()
        # The interpreter does not wait for it at its end.
        threading.Thread(target=self._keep_writing, name="rowgate-lines", daemon=True).start()

    def put(self, text: str, told: Told) -> None:
        """Have a line written; `text` is without its end."""
        with self._lock:
            room = self._waiting < _MOST
            if room:
                self._lines.append(_Line(text, told))
                self._waiting += len(text)
                if self._none.is_set():
                    self._none.clear()
            else:
                self._lost += 1
        if not self._some.is_set():
            self._some.set()
        if not room:
            told(TimeoutError("its reader stands still"))

    def flush(self, within: float) -> bool:
        """Have all that waits written, if that takes no longer; whether it is."""
        self._hurry.set()
        try:
            return self._none.wait(within)
        finally:
            self._hurry.clear()

    def _keep_writing(self) -> None:
        while self._some.wait():
            self._some.clear()
            with self._lock:
                lines, self._lines = self._lines, []
                lost = self._lost
            self._write_all(lines)
            if lost and (text := self.regained(lost)):
                self._write_all([_Line(text, partial(self._told_lost, lost))])
            written = sum(len(line.text) for line in lines)
            with self._lock:
                # Only now: lines that are being written have counted as well.
                self._waiting -= written
                if not self._lines and not self._some.is_set():
                    self._none.set()
            self._hurry.wait(_PAUSE)

    def _told_lost(self, number: int, error: BaseException | None) -> None:
        with self._lock:
            # What tells of them is none of them, if it is lost itself.
            self._lost -= number if error is None else 1

    def _write_all(self, lines: list[_Line]) -> None:
        """In pieces of whole lines."""
        piece: list[tuple[bytes, Told]] = []
        size = 0
        for text, told in lines:
            octets = text.encode("utf-8", "backslashreplace") + b"\n"
            if piece and size + len(octets) > _WHOLE:
                self._write_piece(piece)
                piece, size = [], 0
            piece.append((octets, told))
            size += len(octets)
        self._write_piece(piece)

    def _write_piece(self, piece: list[tuple[bytes, Told]]) -> None:
        rest, written = memoryview(b"".join(octets for octets, _ in piece)), 0
        failed: BaseException | None = None
        try:
            while rest:
                done = self._write(rest)
                rest, written = rest[done:], written + done
        except (OSError, ValueError) as error:
            failed = error
        end = 0
        for octets, told in piece:
            end += len(octets)
            if end > written:
                with self._lock:
                    self._lost += 1
            told(failed if end > written else None)


class Outlets:
    """All of this process: standard output and standard error have one each, for all who write there."""

    def __init__(self) -> None:
        self._outlets: list[Outlet] = []
        self._standard: dict[int, Outlet] = {}
        self._given_up = False

    def to(self, number: int) -> Outlet:
        """A new one, to a descriptor."""
        if not self._outlets:
            atexit.register(self.flush)
        outlet = Outlet(lambda octets: os.write(number, octets))
        self._outlets.append(outlet)
        return outlet

    def standard(self, stream: TextIO) -> Outlet | None:
        """That of standard output or standard error; None for any other stream."""
        if stream not in (sys.__stdout__, sys.__stderr__) or stream.closed:
            return None
        number = stream.fileno()
        if number not in self._standard:
            self._standard[number] = self.to(number)
        return self._standard[number]

    def catch_up(self, within: float) -> None:
        """Have the lines written that wait now, if that takes no longer."""
        until = monotonic() + within
        for outlet in self._outlets:
            outlet.flush(max(0.0, until - monotonic()))

    def flush(self, within: float = _AT_THE_END) -> None:
        """Have all lines written before the process ends. What takes longer is given up, for good."""
        until = monotonic() + (0.0 if self._given_up else within)
        written = [outlet.flush(max(0.0, until - monotonic())) for outlet in self._outlets]
        self._given_up = not all(written)


outlets = Outlets()


def _nobody(_: BaseException | None) -> None:
    """There is nobody to be told."""


def say(line: str, *, to: TextIO, told: Told = _nobody) -> None:
    """Print, behind the lines that wait for the same stream. What cannot be written ends nothing."""
    outlet = outlets.standard(to)
    if outlet is None:
        print(line, file=to, flush=True)
    else:
        outlet.put(line, told)


def _silent(_: int) -> str:
    return ""
