"""Whether a database answers: probed all the time on a connection of its own, told to whoever asks."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Protocol

from rowgate_server.engines import descriptors
from rowgate_server.engines.attended import Attended
from rowgate_server.engines.driver import ServerFacts
from rowgate_server.observability.causes import in_a_line
from rowgate_server.observability.logging import get_logger

_log = get_logger("rowgate.health")

Listener = Callable[[bool], None]


class Prober(Protocol):
    """What can be asked whether it answers: a database's driver, or all of its servers."""

    async def probe(self) -> ServerFacts:
        """Ask; any error means that it does not."""


class Availability:
    """Probes one database.

    A change is seen within `interval` + `timeout` seconds: a database that went down is noticed by the probe that
    fails, one that went silent by the probe that times out. While the gateway itself comes late to everything, so does
    that: a database is not down because nobody heard it answer.

    Args:
        name: the database's name, for the log.
        prober: what to probe with.
        interval: seconds between probes.
        timeout: seconds that a probe may take, as `Attended` counts them.
    """

    def __init__(self, name: str, prober: Prober, interval: float, timeout: float) -> None:
        self._name = name
        self._prober = prober
        self._interval = interval
        self._timeout = timeout
        self._listeners: list[Listener] = []
        self._task: asyncio.Task[None] | None = None
        self._cause = ""
        self._shown = True
        self._asked = True
        self.error: BaseException | None = None
        """Why the last probe failed."""
        self.up: bool | None = None
        self.facts = ServerFacts()

    def listen(self, listener: Listener) -> None:
        """Be told of every change, and of the first result."""
        self._listeners.append(listener)

    def show(self, *, shown: bool) -> None:
        """Whether it is told of above the level of debug; if it was not, how it is now is told then."""
        told_late, self._shown = shown and not self._shown and self.up is not None, shown
        if told_late:
            self._tell()

    async def probe(self) -> BaseException | None:
        """Probe once; None if the database answered, else why not."""
        try:
            async with Attended(self._timeout):
                self.facts = await self._prober.probe()
        except Exception as error:  # noqa: BLE001 - whatever it was, the database did not answer
            self.error = error
            if self.up and descriptors.none_left(error):
                # Nobody has asked the database: it is what it was.
                self._unasked()
            else:
                self._set(up=False, cause=in_a_line(error))
            return error
        self._asked = True
        self._set(up=True)
        return None

    def start(self) -> None:
        """Begin to probe, at once and then at every interval."""
        self._task = asyncio.create_task(self._keep_probing(), name=f"rowgate-probe-{self._name}")

    async def stop(self) -> None:
        """Probe no more."""
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
            await asyncio.wait({task})

    async def _keep_probing(self) -> None:
        me = asyncio.current_task()
        # A driver may make an error of its own of the cancellation: Python 3.11's wait_for loses one.
        while self._task is me:
            await self.probe()
            if self._task is me:
                await asyncio.sleep(self._interval)

    def _unasked(self) -> None:
        if self._asked:
            limit = descriptors.limit()
            _log.error("database cannot be asked, no descriptor is left", database=self._name, limit=limit)
        self._asked = False

    def _set(self, *, up: bool, cause: str = "") -> None:
        if up == self.up and cause == self._cause:
            return
        changed, self.up, self._cause = up != self.up, up, cause
        self._tell()
        if not changed:
            return
        for listener in self._listeners:
            listener(up)

    def _tell(self) -> None:
        if self.up:
            log = _log.info if self._shown else _log.debug
            log("database is up", database=self._name, version=self.facts.version)
            if self.facts.advice and self._shown:
                _log.warning("database could serve better", database=self._name, advice=self.facts.advice)
        else:
            log = _log.error if self._shown else _log.debug
            log("database is down", database=self._name, cause=self._cause)
