"""One of the servers that a database has, as its probes have found it."""

from __future__ import annotations

import itertools
from collections import deque

from rowgate_server.engines import clock
from rowgate_server.engines.availability import Availability
from rowgate_server.engines.driver import Driver, ServerFacts
from rowgate_server.engines.roles import Position, Role, reached

_SETTLING = 10.0
"""Seconds after it came back for which a server is tried last: one that comes and goes must not take calls along."""

_ROUND_TRIPS = 16
"""Probes, of which the quickest tells the distance."""

_SAMPLES = 256
"""Positions of the primary that are kept: two minutes and more."""

_turns = itertools.count(1)


class Positions:
    """How far the primary's data went, and when."""

    def __init__(self) -> None:
        self._samples: deque[tuple[float, Position]] = deque(maxlen=_SAMPLES)

    def note(self, at: float, written: Position) -> None:
        """It went so far then."""
        self._samples.append((at, written))

    def latest_in(self, applied: Position) -> float | None:
        """The last time of which a replica has everything; minus infinity for none, None where that can't be told."""
        told = None
        for at, written in reversed(self._samples):
            has = reached(applied, written)
            if has:
                return at
            if has is False:
                told = float("-inf")
        return told


class Host:
    """One server.

    Args:
        database: the database's name.
        name: the server's, for logs and metrics: `host:port`, or a replica's name.
        driver: what to probe with.
        interval: seconds between probes.
        timeout: seconds that a probe may take.
        replica: whether it is one.
        address: its `host:port`, where it is not called so.

    Attributes:
        role: None while it is not known.
        last_role: the last one that was known.
        calls: how many statements and transactions it was given.
        turn: when it was given the last, as a number that only grows.
        led: when it last was the primary, likewise.
    """

    def __init__(
        self,
        database: str,
        name: str,
        driver: Driver,
        interval: float,
        timeout: float,
        *,
        replica: bool,
        address: str = "",
    ) -> None:
        self.name = name
        self.replica = replica
        self.address = address or name
        self.availability = Availability(f"{database}@{name}", self, interval, timeout)
        self.availability.listen(self._heard)
        self.role: Role | None = None
        self.last_role: Role | None = None
        self.calls = 0
        self.turn = 0
        self.led = 0
        self._driver = driver
        self._round_trips: deque[float] = deque(maxlen=_ROUND_TRIPS)
        self._fresh_at: float | None = None
        self._applied: Position = ()
        self._was_down = False
        self._settled_at = float("-inf")

    async def probe(self) -> ServerFacts:
        """Whether it answers, and what it is now."""
        facts = await self._driver.probe()
        asked_at = clock.now()
        self.role = self.last_role = await self._driver.role()
        self._round_trips.append(clock.now() - asked_at)
        return facts

    def given(self) -> None:
        """It is given a statement, or a transaction."""
        self.calls += 1
        self.turn = next(_turns)

    def leads(self) -> None:
        """It is the primary now."""
        self.led = next(_turns)

    @property
    def settled(self) -> bool:
        """Whether it has been there for a while."""
        return clock.now() >= self._settled_at

    @property
    def distance(self) -> float:
        """Seconds that an answer takes at the least; infinity while that is not known."""
        return min(self._round_trips, default=float("inf"))

    @property
    def staleness(self) -> float | None:
        """Seconds by which its data may be behind the primary's, at the most; None where that can't be told."""
        return None if self._fresh_at is None else clock.now() - self._fresh_at

    def told(self) -> str:
        """What it is, in words."""
        role, staleness = self.role, self.staleness
        if role is None:
            return "not known"
        writes = "takes writes" if role.writable else "takes no writes"
        behind = "" if staleness is None or not self.replica else f", {staleness:.1f}s behind at the most"
        return f"ok, {writes}{'' if role.in_step else ', not in step with its cluster'}{behind}"

    def compare(self, positions: Positions) -> None:
        """Find out how old its data is. What it had once, it keeps, unless it was made anew from a backup."""
        if self.role is None:
            return
        applied, before = self.role.applied, self._applied
        latest = positions.latest_in(applied)
        if latest is not None:
            kept = self._fresh_at is not None and reached(applied, before)
            self._fresh_at = max(self._fresh_at or latest, latest) if kept else latest
        self._applied = applied

    def _heard(self, up: bool) -> None:
        if not up:
            # It may come back as something else.
            self.role, self._was_down = None, True
        elif self._was_down:
            self._settled_at = clock.now() + _SETTLING
