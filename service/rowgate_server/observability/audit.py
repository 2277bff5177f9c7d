"""The audit log: one JSON object a line, to a stream or to a file that is put aside when it has grown.

A line that cannot be written is counted and told of in the log; the call goes on. In a file, a line stands there before
its call is answered. A stream may have a reader that stands still: lines to it are written beside the event loop.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from logging.handlers import RotatingFileHandler
from pathlib import Path
from typing import Any, Protocol, TextIO

from rowgate_server.observability.logging import get_logger
from rowgate_server.observability.outlet import Outlet, Told, outlets

_log = get_logger("rowgate.audit")
_MODE = 0o600
STREAMS = ("stdout", "stderr")
"""What is no path."""


class Sink(Protocol):
    """Where lines go."""

    def write(self, line: str, told: Told) -> None:
        """One line, whole; what becomes of it is told at once, or later by another thread."""

    def close(self) -> None:
        """No more lines."""


class StreamSink:
    """Standard output, standard error, or a pipe that a path names.

    Args:
        outlet: its lines.
    """

    def __init__(self, outlet: Outlet) -> None:
        self._outlet = outlet

    def write(self, line: str, told: Told) -> None:
        """As `Sink`."""
        self._outlet.put(line, told)

    def close(self) -> None:
        """What waits is written until the process ends."""


class DirectSink:
    """A stream that is none of the process's own."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, line: str, told: Told) -> None:
        """As `Sink`."""
        try:
            print(line, file=self._stream, flush=True)
        except (OSError, ValueError) as error:
            told(error)
        else:
            told(None)

    def close(self) -> None:
        """The stream is not ours to close."""


class FileSink:
    """A file that only its owner may read, put aside as `path.1`, `path.2`, ... when it has grown.

    Args:
        path: of the file.
        max_bytes: when it is put aside.
        keep: so many of those are kept.

    Raises:
        OSError: it cannot be written.
    """

    def __init__(self, path: str, max_bytes: int, keep: int) -> None:
        self._path = Path(path)
        self._max_bytes = max_bytes
        # Only for its renaming: its own writing would swallow errors.
        self._rotation = RotatingFileHandler(path, backupCount=max(keep, 1), delay=True, encoding="utf-8")
        self._keep = keep
        self._open()

    def write(self, line: str, told: Told) -> None:
        """As `Sink`."""
        octets = line.encode("utf-8", "replace") + b"\n"
        try:
            if self._size and self._size + len(octets) > self._max_bytes:
                self._put_aside()
            self._file.write(octets)
        except (OSError, ValueError) as error:
            told(error)
            return
        self._size += len(octets)
        told(None)

    def close(self) -> None:
        """As `Sink`."""
        self._file.close()

    def _open(self) -> None:
        self._path.touch(mode=_MODE, exist_ok=True)
        self._file = self._path.open("ab", buffering=0)
        self._size = self._path.stat().st_size

    def _put_aside(self) -> None:
        self._file.close()
        try:
            if self._keep:
                self._rotation.doRollover()
                self._rotation.close()
            else:
                self._path.unlink(missing_ok=True)
        finally:
            self._open()


def open_sink(path: str, max_bytes: int, keep: int) -> Sink:
    """A sink for `stdout`, `stderr` or a file.

    Raises:
        OSError: the file cannot be written.
    """
    if path in STREAMS:
        stream = sys.stdout if path == "stdout" else sys.stderr
        outlet = outlets.standard(stream)
        return DirectSink(stream) if outlet is None else StreamSink(outlet)
    if not Path(path).exists() or Path(path).is_file():
        return FileSink(path, max_bytes, keep)
    # One whose reader has not come yet is refused; to wait for it could take for ever.
    pipe = os.open(path, os.O_WRONLY | os.O_NONBLOCK)
    os.set_blocking(pipe, True)
    return StreamSink(outlets.to(pipe))


class AuditLog:
    """Writes lines.

    Args:
        sink: where to.
        failed: told of each line that was lost.
    """

    def __init__(self, sink: Sink, failed: Callable[[], None]) -> None:
        self._sink = sink
        self._failed = failed
        self._well = True

    def write(self, event: str, facts: Mapping[str, Any]) -> None:
        """One line: when, what, and the facts."""
        line = json.dumps({"time": datetime.now(UTC).isoformat(), "event": event, **facts}, ensure_ascii=False)
        self._sink.write(line, self._told)

    def _told(self, error: BaseException | None) -> None:
        """What became of a line."""
        if error is not None:
            self._failed()
            if self._well:
                _log.error("audit log cannot be written", cause=str(error) or type(error).__name__)
        self._well = error is None

    def close(self) -> None:
        """The last line has been written."""
        self._sink.close()
