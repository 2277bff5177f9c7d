"""Histories of lists that transactions read and append to, and the anomalies in them.

An element is appended once, so a list tells the order in which its writers came, and a read tells whose writes it saw:
https://github.com/jepsen-io/elle does the same at length.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from itertools import pairwise

Elements = tuple[int, ...]


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


def anomalies(histories: Sequence[History], final: Mapping[int, Elements]) -> list[str]:
    """What must not be at SERIALIZABLE, in words; empty if all is well."""
    writer = {element: history for history in histories for _, element in history.appends}
    return [
        *_lost_or_dirty(histories, final, writer),
        *_bad_reads(histories, final, writer),
        *_cycles(histories, final, writer),
    ]


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
        seen: dict[int, Elements] = {}
        for key, elements in history.reads:
            others = tuple(element for element in elements if element not in own)
            if seen.setdefault(key, others) != others:
                yield f"transaction {history.number} read list {key} twice, and not the same"


def _cycles(
    histories: Sequence[History], final: Mapping[int, Elements], writer: Mapping[int, History]
) -> Iterator[str]:
    after: dict[int, set[int]] = {history.number: set() for history in histories}
    for one, other in _order(histories, final, writer):
        if one != other:
            after[one].add(other)
    # Take away what nothing comes after, until nothing or only cycles are left.
    while done := [number for number, others in after.items() if not others & after.keys()]:
        for number in done:
            del after[number]
    if after:
        yield f"no order explains transactions {sorted(after)[:10]}"


def _order(
    histories: Sequence[History], final: Mapping[int, Elements], writer: Mapping[int, History]
) -> Iterator[tuple[int, int]]:
    """Who must have come before whom: by the order of appends, by what was read, and by what was not yet."""
    for elements in final.values():
        for one, other in pairwise(elements):
            yield writer[one].number, writer[other].number
    for history in histories:
        for key, elements in history.reads if history.fate is Fate.COMMITTED else ():
            if elements:
                yield writer[elements[-1]].number, history.number
            if len(elements) < len(final[key]):
                yield history.number, writer[final[key][len(elements)]].number
