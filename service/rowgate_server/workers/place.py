"""The place of one worker: the process that has it now, and the next one when that ends."""

from __future__ import annotations

import asyncio
import contextlib
import math
import os
import signal
import socket
import sys
from collections.abc import Mapping
from functools import partial
from time import monotonic
from typing import Any

from rowgate_server import config, signals
from rowgate_server.engines.attended import Attended
from rowgate_server.observability.causes import in_a_line
from rowgate_server.observability.exposition import Snapshot
from rowgate_server.observability.logging import get_logger
from rowgate_server.observability.merging import Ended
from rowgate_server.transport.admin import State
from rowgate_server.workers.channel import Answering, Channel, ChannelClosedError
from rowgate_server.workers.counted import Counted
from rowgate_server.workers.handing import send_settings
from rowgate_server.workers.sessions import Kept

_log = get_logger("rowgate.workers")

_SHORT_LIFE = 10.0
"""Seconds: who ends sooner could not really start."""

_FIRST_DELAY, _LONGEST_DELAY = 0.1, 15.0

_ASKED_EVERY = 1.0
_SILENT_FOR = 10.0
"""Seconds without an answer, on a loop that answers within milliseconds: it is stuck, and its calls with it."""

_METRICS_EVERY = 5
_ANSWER_WITHIN = 2.0


class Place:
    """One of the workers.

    Args:
        number: which, from 1.
        settings: what it serves.
        ended: where what it has counted is kept once it has ended.
        answers: what it may ask for.
    """

    def __init__(self, number: int, settings: config.Settings, ended: Ended, answers: Mapping[str, Answering]) -> None:
        self.number = number
        self.restarts = 0
        self.failures = 0
        """How many in a row ended before they had lived a while."""
        self.state: State | None = None
        """What it says of itself; None while there is none that is ready."""
        self.ready = False
        """Whether it listens."""
        self.changed = asyncio.Event()
        self.exit_codes: list[int] = []
        self.settings = settings
        """What the next process is to serve."""
        self._ended = ended
        self._sessions = Kept()
        self._answers = {**answers, "session": self._sessions.add, "left": self._sessions.left}
        self._process: asyncio.subprocess.Process | None = None
        self._channel: Channel | None = None
        self._counted: Counted | None = None
        self._told = asyncio.Event()
        self._signal = signal.SIGTERM
        """Which has told it."""

    @property
    def up(self) -> bool:
        """Whether it serves."""
        return self.state is not None

    async def keep(self) -> None:
        """Have a process in the place, one after the other, until told to stop."""
        while not self._told.is_set():
            began = monotonic()
            code = await self._one()
            self.exit_codes.append(code)
            if code == 0:
                self._sessions.exchange(())
            if self._told.is_set():
                return
            self.failures = self.failures + 1 if monotonic() - began < _SHORT_LIFE else 1
            self.restarts += 1
            delay = min(_FIRST_DELAY * 2 ** (self.failures - 1), _LONGEST_DELAY)
            _log.error("worker ended", worker=self.number, exit_code=code, again_in=delay, failures=self.failures)
            self._notify()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(delay):
                    await self._told.wait()
                    return

    def signal(self, number: signal.Signals) -> None:
        """Pass a signal on; nothing is started in this place any more."""
        self._told.set()
        self._signal = number
        if self._process is not None:
            with contextlib.suppress(ProcessLookupError):
                self._process.send_signal(number)

    def replace(self) -> None:
        """End what is in the place, in order; another one comes after it."""
        if self._process is not None:
            with contextlib.suppress(ProcessLookupError):
                self._process.send_signal(signal.SIGTERM)

    @property
    def last(self) -> Snapshot:
        """What the process that is there has told last; what those before it had is in `ended`."""
        return [] if self._counted is None else self._counted.last

    async def refresh(self) -> None:
        """Have newer numbers in `last`, if there is somebody to tell them, and soon."""
        if self._counted is not None and self.ready:
            await self._counted.refresh()

    async def ask(self, name: str, content: Any, *, within: float) -> Any:
        """Ask it.

        Raises:
            ChannelClosedError: it is not there.
            TimeoutError: it does not answer.
        """
        if self._channel is None:
            raise ChannelClosedError
        return await self._channel.ask(name, content, within=within)

    def tell(self, name: str, content: Any) -> None:
        """Tell it, if it is there."""
        if self._channel is not None:
            self._channel.tell(name, content)

    async def _one(self) -> int:
        """One process, from its start to its end; returns its exit code, minus the signal's number."""
        try:
            ours, self._process = await self._spawned()
        except (OSError, RuntimeError) as error:
            self._not_started(error)
            return 1
        if self._told.is_set():  # while it was started
            self.signal(self._signal)
        channel = self._channel = Channel({**self._answers, "ready": self._ready, "health": self._health})
        self._counted = Counted(partial(channel.ask, "metrics", None, within=_ANSWER_WITHIN))
        try:
            # In a thread: a child that is stuck does not read.
            await asyncio.to_thread(_hand_over, ours, self.settings)
        except RuntimeError as error:
            self._not_started(error)
            with contextlib.suppress(ProcessLookupError):
                self._process.kill()
        serving = asyncio.create_task(channel.serve(ours))
        # Where the process has ended already, nobody has begun to serve, and nobody else closes it.
        serving.add_done_callback(lambda _: None if channel.opened.is_set() else ours.close())
        watching = asyncio.create_task(self._watch(self._process))
        try:
            return await self._process.wait()
        finally:
            for task in (watching, serving):
                task.cancel()
            self._end()

    async def _spawned(self) -> tuple[socket.socket, asyncio.subprocess.Process]:
        """A new process, and this end of the channel to it.

        Raises:
            OSError, RuntimeError: there can be none now.
        """
        ours, theirs = socket.socketpair()
        # They wait in the process as well, until it can take them.
        signals.hold_back()
        try:
            with theirs:
                return ours, await asyncio.create_subprocess_exec(
                    *(sys.executable, "-m", "rowgate_server.workers", str(theirs.fileno()), str(self.number)),
                    pass_fds=[theirs.fileno()],
                    # Signals of a terminal go to the supervisor alone, which passes them on.
                    start_new_session=True,
                    env=os.environ,
                )
        except BaseException:
            ours.close()
            raise
        finally:
            signals.let_through()

    def _not_started(self, error: Exception) -> None:
        """There is no memory, process, descriptor or thread left; there may be later."""
        _log.error("worker cannot be started", worker=self.number, cause=in_a_line(error))

    def _end(self) -> None:
        """The process has ended: in one step, so that nobody finds its numbers twice, or not at all."""
        self._process, self._channel, self.state, self.ready = None, None, None, False
        self._ended.add(self.last)
        self._counted = None
        self._notify()

    async def _watch(self, process: asyncio.subprocess.Process) -> None:
        """Ask it all the time; one that is stuck is ended."""
        turn = 0
        while True:
            await asyncio.sleep(_ASKED_EVERY)
            turn += 1
            if await self._silent():
                _log.error("worker is stuck", worker=self.number, silent_for=_SILENT_FOR)
                process.kill()
            elif turn % _METRICS_EVERY == 0:
                with contextlib.suppress(ChannelClosedError, TimeoutError):
                    await self.refresh()
                    if self.ready:
                        self._sessions.exchange(await self.ask("sessions", None, within=_ANSWER_WITHIN))

    async def _silent(self) -> bool:
        """Whether it does not answer, though it serves: starting and stopping take as long as they take.

        What counts is the time that the supervisor was there to hear the answer: where all of them are frozen, with
        their machine, it may be the first to go on, or find its timer before the answer.
        """
        up = self.up
        try:
            async with Attended(_SILENT_FOR):
                try:
                    await self.ask("ping", None, within=math.inf)
                except ChannelClosedError:
                    await asyncio.Event().wait()  # nothing is heard over this channel any more
        except TimeoutError:
            return up and self.up and not self._told.is_set()
        return False

    async def _ready(self, _: Any) -> None:
        self.ready = True
        self._notify()

    async def _health(self, told: Any) -> None:
        self.state = State(told["ready"], told["databases"])
        self._notify()

    def _notify(self) -> None:
        self.changed.set()


def _hand_over(end: socket.socket, settings: config.Settings) -> None:
    with contextlib.suppress(OSError):  # it has ended already
        send_settings(end, settings)
