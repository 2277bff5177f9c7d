"""Who may have one of a pool's connections: anyone; or, of some that are left to them, those who read.

Writes can stand still all at once: the nodes of a Galera cluster commit nothing until they have agreed which of them
are gone, and a primary waits for its synchronous standby. Each of them holds its connection for that time. What reads
would be answered meanwhile, if the writes did not hold them all.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from rowgate_server.engines import clock
from rowgate_server.engines.places import Places


class Asker(NamedTuple):
    """Who asks for a connection, and whether only to read."""

    caller: str
    reads: bool = False


OURSELVES = Asker("", reads=True)
"""The pool, for what it does to its own connections."""


class Admission:
    """A bounded number of places.

    Args:
        count: how many.
        for_reads: how many of them writes may not have.
        busy_wait: see `Places`.
        through_stalls: see `Places`.
    """

    def __init__(self, count: int, for_reads: int, busy_wait: float, *, through_stalls: bool) -> None:
        self._places = Places(count, busy_wait, through_stalls=through_stalls)
        self._through_stalls = through_stalls
        self._writes = Places(count - for_reads, busy_wait, through_stalls=through_stalls) if for_reads else None

    @property
    def waiting(self) -> int:
        """How many wait."""
        return self._places.waiting + (self._writes.waiting if self._writes is not None else 0)

    def held(self, asker: Asker) -> int:
        """How many places its caller has."""
        return self._places.held(asker.caller)

    def others_wait(self, asker: Asker, seconds: float) -> bool:
        """Whether a line has stood for so long in which others wait for a place such as it has."""
        writes = self._writes_of(asker)
        return self._places.others_wait(asker.caller, seconds) or (
            writes is not None and writes.others_wait(asker.caller, seconds)
        )

    def take(self, asker: Asker) -> bool:
        """Take a place if there is one for such an asker, and nobody waits for it."""
        writes = self._writes_of(asker)
        if writes is not None and not writes.take(asker.caller):
            return False
        if self._places.take(asker.caller):
            return True
        if writes is not None:
            writes.release(asker.caller)
        return False

    async def wait(self, asker: Asker, patience: float) -> None:
        """Wait for a place for so many seconds at most.

        Raises:
            TimeoutError: none came free in time.
            CrowdedError: too many wait already.
            Exception: what `refuse_all` makes for it.
        """
        until, writes = clock.now() + patience, self._writes_of(asker)
        if writes is not None and not writes.take(asker.caller):
            await writes.wait(asker.caller, patience)
        try:
            if not self._places.take(asker.caller):
                await self._places.wait(asker.caller, until - clock.now())
        except BaseException:
            if writes is not None:
                writes.release(asker.caller)
            raise

    def release(self, asker: Asker, worked: float | None = None, *, sound: bool = True) -> None:
        """Give a place back, after so many seconds of work; not `sound`: it came to no end of its own."""
        if self._through_stalls and not sound:
            worked = None  # what is killed in a stall does not end it
        self._places.release(asker.caller, worked)
        writes = self._writes_of(asker)
        if writes is not None:
            writes.release(asker.caller, worked)

    def refuse_all(self, refusal: Callable[[], Exception]) -> None:
        """As `Places.refuse_all`."""
        self._places.refuse_all(refusal)
        if self._writes is not None:
            self._writes.refuse_all(refusal)

    def _writes_of(self, asker: Asker) -> Places | None:
        return None if asker.reads else self._writes
