"""A plan's tree as lines to read, in the manner of PostgreSQL's EXPLAIN."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator

from .records import PlanNode

_PLAIN_NAME = re.compile(r"[a-z_][a-z0-9_$]*\Z")
_STEP = "  "


def render(nodes: tuple[PlanNode, ...], headline: Callable[[PlanNode], str], quiet: Collection[str]) -> str:
    """A line for each node, below it its details, and the nodes below it indented.

    Args:
        nodes: the roots.
        headline: what stands in a node's line.
        quiet: details that get no line of their own.
    """
    lines: list[str] = []
    # No recursion: a plan may be deeper than Python's stack.
    waiting = [(node, 0) for node in reversed(nodes)]
    while waiting:
        node, indent = waiting.pop()
        heading = node.details.get("Subplan Name", "")
        if heading:
            lines.append(f"{_STEP * indent}{heading}")
            indent += 1
        arrow = "->  " if indent else ""
        lines.append(f"{_STEP * indent}{arrow}{headline(node)}")
        indent += 3 if indent else 1
        lines.extend(f"{_STEP * indent}{name}: {text}" for name, text in _told(node, quiet))
        waiting.extend((child, indent) for child in reversed(node.children))
    return "\n".join(lines)


def what(node: PlanNode) -> str:
    """`Index lookup using PRIMARY on orders`."""
    using = f" using {node.index}" if node.index else ""
    on = f" on {node.target}" if node.target else ""
    return f"{node.operation}{using}{on}"


def figures(node: PlanNode, *, cost: str = "", milliseconds: str = "", width: str = "") -> str:
    """`  (cost=0.28..8.29 rows=1 width=8) (actual time=0.018..0.019 rows=1 loops=1)`, as far as they are told."""
    groups = []
    estimates = [("cost", cost), ("rows", number(node.estimated_rows)), ("width", width)]
    measures = [("time", milliseconds), ("rows", number(node.actual_rows)), ("loops", number(node.loops))]
    if any(text for _, text in estimates):
        groups.append(f"({_pairs(estimates)})")
    if node.loops == 0:
        groups.append("(never executed)")
    elif any(text for _, text in measures):
        groups.append(f"(actual {_pairs(measures)})")
    return "".join(f"{' ' if at else '  '}{group}" for at, group in enumerate(groups))


def number(value: float | None) -> str:
    """Without an exponent, and without a point where there is nothing behind it."""
    return "" if value is None else f"{value:.2f}".rstrip("0").rstrip(".")


def quoted(name: str) -> str:
    """A name between quotes, if it needs them."""
    return name if _PLAIN_NAME.match(name) else '"{}"'.format(name.replace('"', '""'))


def _pairs(pairs: list[tuple[str, str]]) -> str:
    return " ".join(f"{name}={text}" for name, text in pairs if text)


def _told(node: PlanNode, quiet: Collection[str]) -> Iterator[tuple[str, str]]:
    return ((name, text) for name, text in node.details.items() if name not in quiet and name != "Subplan Name")
