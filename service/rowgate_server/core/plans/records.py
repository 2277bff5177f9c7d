"""A plan, whichever database it comes from."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanNode:
    """One step of a plan; `plan.proto` says what each field means. None: the database does not tell.

    `cost` and `seconds` are with everything below, but where the database counts otherwise.
    """

    operation: str
    target: str = ""
    index: str = ""
    estimated_rows: float | None = None
    actual_rows: float | None = None
    cost: float | None = None
    seconds: float | None = None
    loops: float | None = None
    details: Mapping[str, str] = field(default_factory=dict)
    children: tuple[PlanNode, ...] = ()

    def walk(self) -> Iterator[PlanNode]:
        """The node and everything below it, parents first."""
        waiting = [self]
        while waiting:
            node = waiting.pop()
            yield node
            waiting.extend(reversed(node.children))


def figure(value: Any) -> float | None:
    """A figure that a database told, or did not.

    Raises:
        ValueError, TypeError: it is none.
    """
    return None if value is None else float(value)


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """A plan as a tree, as text, and as the database's own JSON, where it has that. Times in seconds."""

    nodes: tuple[PlanNode, ...]
    text: str
    json: str = ""
    planning: float | None = None
    execution: float | None = None
