"""Looks from time to time whether the configuration's files are others, and has what they say taken, if it is right."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from rowgate_server import config
from rowgate_server.engines import clock
from rowgate_server.marks import Marks, marks
from rowgate_server.observability.logging import get_logger
from rowgate_server.observability.reload_metrics import ReloadMetrics

_log = get_logger("rowgate.config")

_LONGEST_PAUSE = 300.0
"""Seconds. A server may lock an account whose password is wrong too often."""


@dataclass(frozen=True, slots=True)
class Reading:
    """How the configuration is read anew.

    Attributes:
        files: where it may stand.
        read: reads them, and all else that it comes from; raises ConfigError.
        marks: those of the files before they were read for the first time.
    """

    files: Sequence[str]
    read: Callable[[], config.Settings]
    marks: Marks


class _Candidate(NamedTuple):
    """What was read, with the marks of the files of certificates that its databases are verified by."""

    settings: config.Settings
    authorities: Marks


class _Pauses:
    """When what a database did not let in is tried again: after growing pauses, but at once when it is another."""

    def __init__(self) -> None:
        self._tried: _Candidate | None = None
        self._pause = 0.0
        self._next = 0.0

    def pausing(self, candidate: _Candidate) -> bool:
        """Whether this is to be left alone now."""
        return candidate == self._tried and clock.now() < self._next

    def unreached(self, candidate: _Candidate, interval: float) -> None:
        """It was tried in vain."""
        again = candidate == self._tried
        self._pause = min(2 * (self._pause if again else interval), max(_LONGEST_PAUSE, interval))
        self._tried, self._next = candidate, clock.now() + self._pause


class ConfigWatch:
    """Watches.

    Args:
        reading: how it is read.
        settings: what holds.
        exchange: has another one taken as a whole; raises ConfigError, and then nothing is changed. After an
            UnreachedError the same is left alone for a while.
        metrics: told how it went.
    """

    def __init__(
        self,
        reading: Reading,
        settings: config.Settings,
        exchange: Callable[[config.Settings], Awaitable[None]],
        metrics: ReloadMetrics,
    ) -> None:
        self._reading = reading
        self._settings = settings
        self._exchange = exchange
        self._metrics = metrics
        self._marks = reading.marks
        self._pauses = _Pauses()
        self._problems: tuple[str, ...] = ()
        self._told = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to look."""
        self._task = asyncio.create_task(self._keep_looking(), name="rowgate-config")

    def look_now(self) -> None:
        """Look at once, and read the files whatever they look like: a signal has come."""
        self._told.set()

    async def stop(self) -> None:
        """Look no more."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait({self._task})
            self._task = None

    async def _keep_looking(self) -> None:
        while True:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self._settings.reload.interval or None):
                    await self._told.wait()
            told = self._told.is_set()
            self._told.clear()
            await self._look(told=told)

    async def _look(self, *, told: bool) -> None:
        found = await asyncio.to_thread(marks, self._reading.files)
        # What was refused is read again: a file may be there that it names, or a database be reached by now.
        if found == self._marks and not told and not self._problems:
            return
        self._marks = found
        try:
            candidate = await asyncio.to_thread(self._read)
            if self._pauses.pausing(candidate) and not told:
                return
            settings = candidate.settings
            if settings != self._settings or told:
                # Files that it names, such as those of authorities, may be others though it is the same.
                await self._try(candidate)
        except config.ConfigError as error:
            if not isinstance(error, config.UnreachedError):
                self._pauses = _Pauses()
            self._refused(tuple(error.problems), told=told)
            return
        except Exception:  # noqa: BLE001 - the looking must go on, and so must the serving
            _log.exception("bug")
            self._refused(("the server has a bug, which its log tells of",), told=told)
            return
        self._taken(settings, told=told)

    def _read(self) -> _Candidate:
        settings = self._reading.read()
        files = (file for database in settings.databases.values() for file in database.authorities)
        return _Candidate(settings, marks(files))

    async def _try(self, candidate: _Candidate) -> None:
        try:
            await self._exchange(candidate.settings)
        except config.UnreachedError:
            self._pauses.unreached(candidate, self._settings.reload.interval)
            raise

    def _refused(self, problems: tuple[str, ...], *, told: bool) -> None:
        if problems != self._problems or told:
            self._metrics.refused()
            _log.error("configuration refused, the one before holds on", problems=problems)
        self._problems = problems

    def _taken(self, settings: config.Settings, *, told: bool) -> None:
        self._pauses = _Pauses()
        changed = settings != self._settings
        self._settings = settings
        if changed:
            self._metrics.taken()
            _log.info("configuration taken", databases=sorted(settings.databases))
        elif self._problems or told:
            self._metrics.mended()
            _log.info("configuration is the one that holds")
        self._problems = ()
