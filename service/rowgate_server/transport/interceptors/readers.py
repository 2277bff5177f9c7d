"""The connections that large answers are on their way to; one that holds up others, and does not read, is cut.

Nobody is cut while there is room for all answers, however slowly they are read. Where one that waits for room would be
helped by it, a connection is cut

- on which nothing has been sent for 5 s, though there is something to send: nobody reads it. That is half of what an
  answer waits for room, so one that comes just as such a reader stops is sent in time, and there is time for a second
  reader that has stopped; a pause of the reader's and some lost packets take less. How large the answers are does not
  count: one of 30 MiB that nobody reads would hold up others until they are lost;
- an answer on which has had 5 s, and a second for each MiB that was on its way there with it: a least rate, as web
  servers have it, for links that are slow, and callers that let an answer come in drops, or leave it unread beside
  others. Of answers of one size it is the first that has been read: they take the same room.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Mapping
from collections.abc import Set as AbstractSet
from typing import NamedTuple, TypeAlias

from rowgate_server.engines import clock
from rowgate_server.observability.logging import get_logger
from rowgate_server.transport import connections

_log = get_logger("rowgate.unread")

_PAUSE = 5.0
"""Seconds that a reader may pause."""

_RATE = 1024 * 1024
"""Bytes a second that it reads at the least."""

_AGAIN = 0.1
"""Seconds after which the next one is cut where a connection was gone already: each look goes through all sockets."""


class Held(NamedTuple):
    """Answers that wait for room.

    Attributes:
        peers: on these connections.
        octets: so much is missing.
    """

    peers: AbstractSet[str]
    octets: int


Waiting: TypeAlias = Mapping[str | None, Held]
"""By the caller whose answers take their room; None: everybody's do."""


class _Reader:
    """One connection.

    Attributes:
        of: the bytes on their way, by caller.
        pauses_until: when something is to have been sent; it may have been in the meantime.
        cut: it has been cut, and room is about to come.
        missing: it was to be cut, and is not there: its calls end without that, or it has another name.
    """

    __slots__ = ("_answers", "cut", "missing", "of", "pauses_until")

    def __init__(self) -> None:
        self.of: Counter[str] = Counter()
        self._answers: list[tuple[int, float]] = []
        """How large each is, and when it is to have been read."""
        self.pauses_until = clock.now() + _PAUSE
        self.cut = self.missing = False

    @property
    def due(self) -> float:
        """When the first of its answers is to have been read."""
        return min(due for _, due in self._answers)

    def hold(self, who: str, octets: int) -> None:
        self.of[who] += octets
        self._answers.append((octets, clock.now() + _PAUSE + self.of.total() / _RATE))

    def let_go(self, who: str, octets: int) -> None:
        less(self.of, who, octets)
        sizes = [size for size, _ in self._answers]
        del self._answers[sizes.index(octets)]

    def excuse(self, late: float) -> None:
        """It could not be sent anything for so long."""
        self._answers = [(octets, due + late) for octets, due in self._answers]

    def holds_up(self, peer: str, waiting: Waiting) -> bool:
        """Answers on other connections: those on this one would go with it."""
        return any(who in waiting and waiting[who].peers != {peer} for who in (None, *self.of))

    def helps(self, waiting: dict[str | None, Held]) -> None:
        """Leave out those that it makes room for."""
        for who in (None, *self.of):
            if who in waiting:
                peers, octets = waiting.pop(who)
                octets -= self.of[who] if who is not None else self.of.total()
                if octets > 0:
                    waiting[who] = Held(peers, octets)


class Readers:
    """All of them.

    Args:
        counted: called for each one that is cut.

    Attributes:
        port: the TCP port that they are connected to; None: none can be cut.
    """

    def __init__(self, counted: Callable[[], None]) -> None:
        self._counted = counted
        self._readers: dict[str, _Reader] = {}
        self.port: int | None = None

    def hold(self, who: str, peer: str, octets: int) -> None:
        """An answer is on its way."""
        reader = self._readers.get(peer)
        if reader is None:
            reader = self._readers[peer] = _Reader()
        reader.hold(who, octets)

    def let_go(self, who: str, peer: str, octets: int) -> bool:
        """It is so no more; was it the last one of a connection that has been cut?"""
        reader = self._readers[peer]
        reader.let_go(who, octets)
        if reader.of:
            return False
        del self._readers[peer]
        return reader.cut

    def excuse(self, late: float) -> None:
        """The gateway itself stood still for so long."""
        for reader in self._readers.values():
            reader.excuse(late)

    def cut(self, waiting: Waiting) -> float:
        """Cut who is due and holds up others, as many as make the room that is missing; when is the next one due?"""
        left, chosen, next_one = dict(waiting), dict[str, _Reader](), math.inf
        for reader in self._readers.values():
            if reader.cut:
                reader.helps(left)
        silences: Mapping[str, float] | None = None
        for peer, reader in self._readers.items():
            if reader.cut or reader.missing or not reader.holds_up(peer, left):
                continue
            if reader.pauses_until <= clock.now() < reader.due:
                silences = self._silences() if silences is None else silences
                reader.pauses_until = clock.now() + _PAUSE - silences.get(peer, -math.inf)
            at = min(reader.due, reader.pauses_until)
            if at > clock.now():
                next_one = min(next_one, at)
            else:
                chosen[peer] = reader
                reader.helps(left)
        return min(next_one, self._cut(chosen))

    def _silences(self) -> Mapping[str, float]:
        return {} if self.port is None else connections.silences(self.port)

    def _cut(self, chosen: Mapping[str, _Reader]) -> float:
        """Cut these, at one look at the sockets; when are others to be cut in their place?"""
        if self.port is None or not chosen:
            return math.inf  # a socket file's
        found = connections.cut(self.port, chosen.__contains__)
        for peer, reader in chosen.items():
            reader.cut = peer in found
            reader.missing = not reader.cut
            if reader.cut:
                self._counted()
                _log.warning("slow reader cut", peer=peer, bytes=reader.of.total())
        return clock.now() + _AGAIN if len(found) < len(chosen) else math.inf


def less(counts: Counter[str], name: str, octets: int) -> None:
    """So many less; without any, no name."""
    counts[name] -= octets
    if not counts[name]:
        del counts[name]
