"""The connections that large answers are on their way to; one that holds up others, and does not read, is cut.

Nobody is cut while there is room for all answers, however slowly they are read. Where one that waits for room would be
helped by it, a connection is cut

- on which nothing has been sent for 5 s, though there is something to send: nobody reads it. That is half of what an
  answer waits for room, so one that comes just as such a reader stops is sent in time, and there is time for a second
  reader that has stopped; a pause of the reader's and some lost packets take less. How large the answers are does not
  count: one of 30 MiB that nobody reads would hold up others until they are lost;
- that has had 5 s, and a second for each MiB of the answers on their way to it: a least rate, as web servers have it,
  for links that are slow, and callers that let an answer come in drops, or leave it unread beside others.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from collections.abc import Set as AbstractSet
from typing import TypeAlias

from rowgate_server.engines import clock
from rowgate_server.observability.logging import get_logger
from rowgate_server.transport import connections

_log = get_logger("rowgate.unread")

_PAUSE = 5.0
"""Seconds that a reader may pause."""

_RATE = 1024 * 1024
"""Bytes a second that it reads at the least."""

Waiting: TypeAlias = Mapping[str | None, AbstractSet[str]]
"""The connections whose answers wait, by the caller whose answers take their room; None: everybody's do."""


class _Reader:
    """One connection.

    Attributes:
        of: the bytes on their way, by caller.
        due: when all of it is to have been read.
        pauses_until: when something is to have been sent; it may have been in the meantime.
        cut: it has been cut, and room is about to come.
    """

    __slots__ = ("cut", "due", "of", "pauses_until")

    def __init__(self) -> None:
        self.of: Counter[str] = Counter()
        self.due = self.pauses_until = clock.now() + _PAUSE
        self.cut = False

    def hold(self, who: str, octets: int) -> None:
        self.of[who] += octets
        self.due += octets / _RATE

    def let_go(self, who: str, octets: int) -> None:
        """What it has saved in time by reading fast, it has not for what it reads next."""
        less(self.of, who, octets)
        self.due = min(self.due, clock.now() + _PAUSE + self.of.total() / _RATE)

    def holds_up(self, peer: str, waiting: Waiting) -> bool:
        """Answers on other connections: those on this one would go with it."""
        return any(who in waiting and waiting[who] != {peer} for who in self._of())

    def helps(self, waiting: dict[str | None, AbstractSet[str]]) -> None:
        """Leave out those that it makes room for."""
        for who in self._of():
            waiting.pop(who, None)

    def _of(self) -> Iterable[str | None]:
        return (None, *self.of)


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
            reader.due += late

    def cut(self, waiting: Waiting) -> float:
        """Cut who is due and holds up others, one at a time for each of these; when is the next one due?"""
        left, silences, next_one = dict(waiting), None, math.inf
        for reader in self._readers.values():
            if reader.cut:
                reader.helps(left)
        for peer, reader in self._readers.items():
            if reader.cut or not reader.holds_up(peer, left):
                continue
            if reader.pauses_until <= clock.now() < reader.due:
                silences = self._silences() if silences is None else silences
                reader.pauses_until = clock.now() + _PAUSE - silences.get(peer, -math.inf)
            at = min(reader.due, reader.pauses_until)
            if at > clock.now():
                next_one = min(next_one, at)
            elif self._cut(peer, reader):
                reader.helps(left)
        return next_one

    def _silences(self) -> Mapping[str, float]:
        return {} if self.port is None else connections.silences(self.port)

    def _cut(self, peer: str, reader: _Reader) -> bool:
        if self.port is None or not connections.cut(self.port, lambda found: found == peer):
            return False  # a socket file's, or one whose name is not known
        reader.cut = True
        self._counted()
        _log.warning("slow reader cut", peer=peer, bytes=reader.of.total())
        return True


def less(counts: Counter[str], name: str, octets: int) -> None:
    """So many less; without any, no name."""
    counts[name] -= octets
    if not counts[name]:
        del counts[name]
