"""A process that the tests start: its output line by line, its signals, its end."""

from __future__ import annotations

import os
import pwd
import re
import signal
import subprocess
import threading
import time
from contextlib import suppress
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING, Self

from support import proc
from support.guard import test_run

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

_FREEZE_WITHIN = 5.0


@dataclass(frozen=True)
class Account:
    """An account that a process is run as."""

    uid: int
    gid: int

    @classmethod
    def unprivileged(cls, *names: str) -> Self | None:
        """The first account of that name, else `nobody`; None where we are no root, so stay who we are."""
        if os.geteuid() != 0:
            return None
        known = {entry.pw_name: entry for entry in pwd.getpwall()}
        entry = next(known[name] for name in (*names, "nobody") if name in known)
        return cls(entry.pw_uid, entry.pw_gid)

    @property
    def prefix(self) -> list[str]:
        """Runs the command after it as the account.

        Popen's own `user=` would fork, and gRPC's threads do not like that; without, it uses vfork.
        """
        return ["setpriv", f"--reuid={self.uid}", f"--regid={self.gid}", "--clear-groups", "--"]

    def own(self, folder: Path) -> None:
        """Gives `folder` and all that is in it to the account."""
        os.chown(folder, self.uid, self.gid)
        for path in folder.rglob("*"):
            os.chown(path, self.uid, self.gid, follow_symlinks=False)


class Output:
    """The lines of one stream, read as they come by a thread of its own, so that the process never blocks on it."""

    def __init__(self, stream: IO[bytes]) -> None:
        self._lines: list[str] = []
        self._changed = threading.Condition()
        self._closed = False
        self._thread = threading.Thread(target=self._read, args=[stream], daemon=True)
        self._thread.start()

    def _read(self, stream: IO[bytes]) -> None:
        with stream:
            for line in stream:
                with self._changed:
                    self._lines.append(line.decode(errors="replace"))
                    self._changed.notify_all()
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    @property
    def text(self) -> str:
        """Everything so far."""
        with self._changed:
            return "".join(self._lines)

    def wait_for(self, pattern: str, *, within: float) -> re.Match[str] | None:
        """Waits for a line that matches `pattern`; None if the stream ends or `within` seconds pass first."""
        deadline = time.monotonic() + within
        seen = 0
        with self._changed:
            while True:
                for line in self._lines[seen:]:
                    if match := re.search(pattern, line):
                        return match
                seen = len(self._lines)
                if self._closed or not self._changed.wait(deadline - time.monotonic()):
                    return None

    def finish(self) -> str:
        """Everything, once the process and its children have closed the stream."""
        self._thread.join(timeout=5)
        return self.text


class Child:
    """A running process. The guard ends it if the tests do not."""

    def __init__(
        self,
        command: Sequence[str | Path],
        *,
        folder: Path,
        environment: Mapping[str, str],
        account: Account | None = None,
    ) -> None:
        """Starts `command` in `folder`, with nothing in its environment but `environment` and the run's mark."""
        self._process = subprocess.Popen(
            [*(account.prefix if account else []), *command],
            cwd=folder,
            env=dict([*environment.items(), test_run().mark]),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )
        assert self._process.stdout
        assert self._process.stderr
        self.stdout = Output(self._process.stdout)
        self.stderr = Output(self._process.stderr)

    @property
    def pid(self) -> int:
        """The process's number."""
        return self._process.pid

    @property
    def exit_code(self) -> int | None:
        """The exit code, minus the signal's number if one ended it; None while it runs."""
        return self._process.poll()

    def freeze(self) -> None:
        """Stops the process and its descendants where they are (SIGSTOP): sockets stay open and silent."""
        assert self.exit_code is None, f"process {self.pid} has ended"
        deadline = time.monotonic() + _FREEZE_WITHIN
        self._halt()
        while not all(proc.is_stopped(pid) for pid in proc.tree(self.pid)):
            assert time.monotonic() < deadline, f"process {self.pid} does not stop"
            os.sched_yield()
            self._halt()  # a child that came while the others were looked up

    def _halt(self) -> None:
        # Parents come first: a parent that is stopped has no new children.
        with proc.Processes(proc.tree(self.pid)) as family:
            family.send(signal.SIGSTOP)

    def thaw(self) -> None:
        """Lets a frozen process go on (SIGCONT)."""
        with proc.Processes(proc.tree(self.pid)) as family:
            family.send(signal.SIGCONT)

    def kill(self) -> int:
        """Ends the process and its descendants as a crash would (SIGKILL), and waits until they are gone."""
        return self.stop(signal.SIGKILL, within=5)

    def stop(self, by: signal.Signals, *, within: float) -> int:
        """Ends the process with `by`, and with SIGKILL what is left of its tree after `within` seconds.

        Returns:
            The exit code, minus the signal's number if one ended it.
        """
        if self.exit_code is None:
            with proc.Processes(proc.tree(self.pid)) as family:
                if by != signal.SIGKILL:
                    self._process.send_signal(by)
                    family.send(signal.SIGCONT)  # a frozen process acts on the signal only now
                    with suppress(subprocess.TimeoutExpired):
                        self._process.wait(timeout=within)
                family.send(signal.SIGKILL)
                family.wait(within=within)
        code = self._process.wait()
        self.stdout.finish()
        self.stderr.finish()
        return code
