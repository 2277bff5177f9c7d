"""What types of callers' own are: the catalogue is asked, and what it said is kept for a few seconds.

asyncpg asks by itself, with names and operators that a caller's temporary table or search path may put others in the
place of; and it keeps the answer for as long as the connection lasts. Here every name and operator is qualified, and a
connection forgets what it learnt when its session is reset: see `connection`.
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Collection
from typing import Any, NamedTuple

_KEPT = 10.0
"""Seconds: how long a new name of a type, given elsewhere, may go unseen. An OID is not used twice."""
_MOST_KEPT = 5_000
LAST_BUILT_IN = 9_999
"""What these are, nobody changes; asyncpg knows them, but for their arrays."""

# An array is what a type names as its array: a caller's own base type may have members too, and be none. asyncpg takes
# int2vector and oidvector, which are built in, for arrays.
CATALOGUE = """
SELECT t.oid, n.nspname, t.typname, t.typtype, t.typbasetype, e.oid, e.typname, e.typdelim
FROM pg_catalog.pg_type AS t
JOIN pg_catalog.pg_namespace AS n ON n.oid OPERATOR(pg_catalog.=) t.typnamespace
LEFT JOIN pg_catalog.pg_type AS e
  ON e.oid OPERATOR(pg_catalog.=) t.typelem AND t.typlen OPERATOR(pg_catalog.=) -1
  AND (e.typarray OPERATOR(pg_catalog.=) t.oid OR t.oid OPERATOR(pg_catalog.<=) 9999)
WHERE t.oid OPERATOR(pg_catalog.=) ANY ($1::pg_catalog.oid[])
"""


class OwnType(NamedTuple):
    """One row of the catalogue's. `base` is 0 for all but domains, `member` None for all but arrays."""

    oid: int
    schema: str
    name: str
    kind: bytes
    base: int
    member: int | None
    member_name: str | None
    delimiter: bytes | None


Ask = Callable[[list[int]], Awaitable[list[Any]]]
"""Asks `CATALOGUE` about types."""


class OwnTypes:
    """The types of one database, as far as they were met.

    Args:
        clock: seconds, rising.
        outside: for a transaction, what is known outside of it. What a transaction sees may never be committed, so
            what is learnt in one stays there.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic, *, outside: OwnTypes | None = None) -> None:
        self._clock = clock
        self._outside = outside
        self._known: dict[int, tuple[float, OwnType]] = {}

    def inside(self) -> OwnTypes:
        """For a transaction that begins now."""
        return OwnTypes(self._clock, outside=self)

    def forget(self) -> None:
        """A type may have another name now."""
        self._outside = None
        self._known.clear()

    async def learn(self, oids: Collection[int], ask: Ask) -> list[OwnType]:
        """Types, and what they are made of before them."""
        found: dict[int, OwnType] = {}
        wanted = set(oids)
        while wanted:
            found |= await self._some(wanted, ask)
            parts = {part for oid in wanted & found.keys() for part in _parts(found[oid])}
            wanted = parts - found.keys()
        ordered: dict[int, OwnType] = {}
        for oid in found:
            _put(oid, found, ordered)
        return list(ordered.values())

    async def _some(self, oids: Collection[int], ask: Ask) -> dict[int, OwnType]:
        now = self._clock()
        found = {oid: kept for oid in oids if (kept := self._kept(oid, now)) is not None}
        missing = [oid for oid in oids if oid not in found]
        if missing:
            learnt = {row[0]: OwnType(*row) for row in await ask(missing)}
            if len(self._known) + len(learnt) > _MOST_KEPT:
                self._known.clear()
            self._known.update((oid, (now + _KEPT, kind)) for oid, kind in learnt.items())
            found |= learnt
        return found

    def _kept(self, oid: int, now: float) -> OwnType | None:
        kept = self._known.get(oid)
        if kept is not None and kept[0] >= now:
            return kept[1]
        return None if self._outside is None else self._outside._kept(oid, now)


def _parts(kind: OwnType) -> list[int]:
    """The types that it is made of."""
    return [part for part in (kind.base, kind.member) if part]


def _put(oid: int, found: dict[int, OwnType], ordered: dict[int, OwnType]) -> None:
    if oid in ordered or oid not in found:
        return
    for part in _parts(found[oid]):
        _put(part, found, ordered)
    ordered[oid] = found[oid]
