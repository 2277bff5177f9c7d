"""What a server is among several: whether it takes writes, whether it is in step, and how far its data goes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeAlias

Ranges: TypeAlias = tuple[tuple[int, int], ...]
"""The first and the last number of each, in order and apart from each other."""

Position: TypeAlias = tuple[Mapping[str, int | Ranges] | None, ...]
"""How far a server's data goes, in each way that its engine counts: by source, the number of the last change; or the
numbers of all changes, where they may come in another order.

None in the place of a way that the server does not count in. Two servers are compared in the first that both do.
"""


@dataclass(frozen=True, slots=True)
class Role:
    """One server, as it is now.

    Attributes:
        writable: it takes writes.
        in_step: it has all that the others have, as far as it knows; a Galera node is not while it joins or donates.
        written: how far its data goes, its own writes included.
        applied: how far the data goes that it has from others.
        shared: what is written to it is written to others in the same step: a node of a cluster, not a primary.
    """

    writable: bool = True
    in_step: bool = True
    written: Position = ()
    applied: Position = ()
    shared: bool = False


def reached(applied: Position, written: Position) -> bool | None:
    """Whether one server has all that another has written; None where they do not count alike."""
    for mine, wanted in zip(applied, written, strict=False):
        if mine is not None and wanted is not None:
            return all(_has(mine.get(source), changes) for source, changes in wanted.items())
    return None


def _has(mine: int | Ranges | None, wanted: int | Ranges) -> bool:
    if isinstance(wanted, int):
        return isinstance(mine, int) and mine >= wanted
    return isinstance(mine, tuple) and all(
        any(first >= begin and last <= end for begin, end in mine) for first, last in wanted
    )
