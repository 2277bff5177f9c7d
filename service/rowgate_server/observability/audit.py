"""The audit log: one JSON object a line, to a stream or to a file that is put aside when it has grown.

A line that cannot be written is counted and told of in the log; the call goes on.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from logging.handlers import RotatingFileHandler
from pathlib import Path
from typing import Any, Protocol, TextIO

from rowgate_server.observability.logging import get_logger

_log = get_logger("rowgate.audit")
_MODE = 0o600
STREAMS = ("stdout", "stderr")
"""What is no path."""


class Sink(Protocol):
    """Where lines go."""

    def write(self, line: str) -> None:
        """One line, whole.

        Raises:
            OSError, ValueError: it cannot be written.
        """

    def close(self) -> None:
        """No more lines."""


class StreamSink:
    """Standard output or standard error."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, line: str) -> None:
        """As `Sink`."""
        self._stream.write(line + "\n")
        self._stream.flush()

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

    def write(self, line: str) -> None:
        """As `Sink`."""
        octets = line.encode("utf-8", "replace") + b"\n"
        if self._size and self._size + len(octets) > self._max_bytes:
            self._put_aside()
        self._file.write(octets)
        self._size += len(octets)

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
        return StreamSink(sys.stdout if path == "stdout" else sys.stderr)
    return FileSink(path, max_bytes, keep)


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
        try:
            self._sink.write(line)
        except (OSError, ValueError) as error:
            self._failed()
            if self._well:
                _log.error("audit log cannot be written", cause=str(error) or type(error).__name__)
            self._well = False
            return
        self._well = True

    def close(self) -> None:
        """The last line has been written."""
        self._sink.close()
