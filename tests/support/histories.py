"""Histories of lists that transactions read and append to, and the anomalies in them.

An element is appended once, so a list tells the order in which its writers came, and a read tells whose writes it saw:
https://github.com/jepsen-io/elle does the same at length.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum, IntEnum
from itertools import pairwise

Elements = tuple[int, ...]

LISTS = 6


def parsed(elements: str) -> Elements:
    """A list as the database holds it: numbers, each with a comma behind it."""
    return tuple(int(each) for each in elements.split(",") if each)


class Fate(Enum):
    """What the client was told."""

    COMMITTED = 1
    ROLLED_BACK = 2
    UNKNOWN = 3


@dataclass
class History:
    """One transaction: its appends `(key, element)`, its reads `(key, elements)` in their order, and its end."""

    number: int
    steps: list[tuple[str, int, Elements | int]] = field(default_factory=list)
    fate: Fate = Fate.UNKNOWN

    @property
    def appends(self) -> list[tuple[int, int]]:
        return [(key, what) for kind, key, what in self.steps if kind == "append" and isinstance(what, int)]

    @property
    def reads(self) -> list[tuple[int, Elements]]:
        return [(key, what) for kind, key, what in self.steps if kind == "read" and isinstance(what, tuple)]


class Promise(IntEnum):
    """What an isolation level promises, each on top of the one before."""

    COMMITTED = 1
    """Nothing is read that is never committed (G1a) or half of what is (G1b), and nobody comes before oneself (G1c):
    READ COMMITTED.
    """
    REPEATABLE = 2
    """What a transaction reads and does not write is of one moment: MariaDB's REPEATABLE READ."""
    SNAPSHOT = 3
    """And so it is when it writes; no update is lost: PostgreSQL's REPEATABLE READ."""
    ORDER = 4
    """There is an order of the transactions, one after another, that explains all of it: SERIALIZABLE."""


PROMISES = {
    "read_committed": {"mariadb": Promise.COMMITTED, "postgresql": Promise.COMMITTED},
    "repeatable_read": {"mariadb": Promise.REPEATABLE, "postgresql": Promise.SNAPSHOT},
    "serializable": {"mariadb": Promise.ORDER, "postgresql": Promise.ORDER},
}
"""By isolation level and engine."""

Edges = Sequence[tuple[int, int]]


def anomalies(
    histories: Sequence[History], final: Mapping[int, Elements], promise: Promise = Promise.ORDER
) -> list[str]:
    """What must not be, in words; empty if all is well."""
    writer = {element: history for history in histories for _, element in history.appends}
    flow = list(_flow(histories, final, writer))
    overtaken = list(_overtaken(histories, final, writer))
    found = [
        *_lost_or_dirty(histories, final, writer),
        *_bad_reads(histories, final, writer),
        *_circle(flow, "nothing but a circle explains"),
    ]
    if promise >= Promise.REPEATABLE:
        readers = {history.number for history in histories if not history.appends}
        found += _read_twice(histories)
        # Who reads what was overtaken, and what came of the overtaking, has not read of one moment.
        found += _skewed(flow, [edge for edge in overtaken if promise >= Promise.SNAPSHOT or edge[0] in readers])
    if promise >= Promise.ORDER:
        found += _circle([*flow, *overtaken], "no order explains")
    return found


def _lost_or_dirty(
    histories: Sequence[History], final: Mapping[int, Elements], writer: Mapping[int, History]
) -> Iterator[str]:
    there = {element for elements in final.values() for element in elements}
    for key, elements in final.items():
        if len(set(elements)) != len(elements):
            yield f"list {key} has an element twice"
    for history in histories:
        own = {element for _, element in history.appends}
        if history.fate is Fate.COMMITTED and not own <= there:
            yield f"transaction {history.number} was committed, and lost {own - there}"
        if own & there and not own <= there:
            yield f"of transaction {history.number} only a part lasts"
    for element in there:
        if writer[element].fate is Fate.ROLLED_BACK:
            yield f"element {element} lasts, and was rolled back"


def _bad_reads(
    histories: Sequence[History], final: Mapping[int, Elements], writer: Mapping[int, History]
) -> Iterator[str]:
    for history in histories:
        own = {element for _, element in history.appends}
        for key, elements in history.reads:
            others = tuple(element for element in elements if element not in own)
            if any(writer[element].fate is Fate.ROLLED_BACK for element in others):
                yield f"transaction {history.number} read what was rolled back"
            if history.fate is Fate.COMMITTED and elements != final[key][: len(elements)]:
                yield f"transaction {history.number} read list {key} as it never was"
            for element in others:
                last = [each for k, each in writer[element].appends if k == key][-1]
                if last not in elements:
                    yield f"transaction {history.number} read a part of transaction {writer[element].number}"


def _read_twice(histories: Sequence[History]) -> Iterator[str]:
    for history in histories:
        seen: dict[int, Elements] = {}
        written: set[int] = set()
        for kind, key, what in history.steps:
            if kind == "append":
                # What others have appended meanwhile comes with its own, where that is no reason to fail.
                written.add(key)
            elif isinstance(what, tuple) and key not in written and seen.setdefault(key, what) != what:
                yield f"transaction {history.number} read list {key} twice, and not the same"


def _circle(edges: Edges, words: str) -> Iterator[str]:
    after: dict[int, set[int]] = {}
    for one, other in edges:
        after.setdefault(one, set()).add(other)
        after.setdefault(other, set())
    # Take away what nothing comes after, until nothing or only cycles are left.
    while done := [number for number, others in after.items() if not others & after.keys()]:
        for number in done:
            del after[number]
    if after:
        yield f"{words} transactions {sorted(after)[:10]}"


def _skewed(flow: Edges, overtaken: Iterable[tuple[int, int]]) -> Iterator[str]:
    """Who has not seen a transaction, but something that came after it."""
    before: dict[int, set[int]] = {}
    for one, other in flow:
        before.setdefault(other, set()).add(one)
    unseen: dict[int, set[int]] = {}
    for reader, other in overtaken:
        unseen.setdefault(reader, set()).add(other)
    for reader, others in unseen.items():
        known, waiting = {reader}, [reader]
        while waiting:
            new = before.get(waiting.pop(), set()) - known
            known |= new
            waiting.extend(new)
        for other in sorted(known & others):
            yield f"transaction {reader} saw what came after transaction {other}, and not that itself"


def _flow(
    histories: Sequence[History], final: Mapping[int, Elements], writer: Mapping[int, History]
) -> Iterator[tuple[int, int]]:
    """Who must have come before whom: by the order of appends, and by what was read."""
    for elements in final.values():
        for one, other in pairwise(elements):
            if writer[one] is not writer[other]:
                yield writer[one].number, writer[other].number
    for history in histories:
        own = {element for _, element in history.appends}
        for _, elements in history.reads if history.fate is Fate.COMMITTED else ():
            others = [element for element in elements if element not in own]
            if others:
                yield writer[others[-1]].number, history.number


def _overtaken(
    histories: Sequence[History], final: Mapping[int, Elements], writer: Mapping[int, History]
) -> Iterator[tuple[int, int]]:
    """Who has read a list as it was before whom."""
    for history in histories:
        for key, elements in history.reads if history.fate is Fate.COMMITTED else ():
            if len(elements) < len(final[key]):
                unseen = writer[final[key][len(elements)]]
                if unseen is not history:
                    yield history.number, unseen.number
