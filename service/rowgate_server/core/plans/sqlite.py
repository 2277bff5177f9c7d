"""SQLite's `EXPLAIN QUERY PLAN`: rows of a number, the parent's number and a text.

The text is for people and has changed between versions; what is not recognised in it is the operation as a whole.
https://www.sqlite.org/eqp.html
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from .records import Plan, PlanNode

PLAN = "EXPLAIN QUERY PLAN "

_SCAN = re.compile(
    r"(?P<operation>SCAN|SEARCH) (?:TABLE |SUBQUERY )?(?P<target>.+?)"
    r"(?: USING (?P<using>(?:AUTOMATIC )?(?:PARTIAL )?(?:COVERING )?INDEX|INTEGER PRIMARY KEY|PRIMARY KEY)"
    r"(?: (?P<index>[^(].*?))?| VIRTUAL TABLE INDEX (?P<virtual>.*?))?"
    r"(?: \((?P<constraint>.*)\))?(?: (?P<join>LEFT-JOIN))?\Z",
    re.DOTALL,
)
_NO_TABLE = re.compile(r"SCAN (?:\d+ )?CONSTANT ROWS?\Z")
_NAMED = re.compile(
    r"(?P<operation>CO-ROUTINE|MATERIALIZE|BLOOM FILTER ON) (?P<target>.+?)(?: \((?P<constraint>.*)\))?\Z"
)


def parse(rows: Sequence[Sequence[Any]]) -> Plan:
    """The plan in the rows that PLAN is answered with."""
    below: dict[int, list[tuple[int, str]]] = {}
    for number, parent, _, detail in rows:
        below.setdefault(parent, []).append((number, detail))
    return Plan(nodes=_nodes(below, 0), text="\n".join(["QUERY PLAN", *_lines(below, 0, "")]))


def _nodes(below: dict[int, list[tuple[int, str]]], parent: int) -> tuple[PlanNode, ...]:
    return tuple(_node(detail, _nodes(below, number)) for number, detail in below.get(parent, ()))


def _node(detail: str, children: tuple[PlanNode, ...]) -> PlanNode:
    match = None if _NO_TABLE.match(detail) else _SCAN.match(detail) or _NAMED.match(detail)
    if match is None:
        return PlanNode(operation=detail, children=children)
    found = match.groupdict(default="")
    index = found.get("index", "")
    using = found.get("using", "")
    return PlanNode(
        operation=found["operation"],
        target=found["target"],
        # A key has no name of its own.
        index=index or (using if using.endswith("KEY") else ""),
        details={name: found[name] for name in ("using", "virtual", "constraint", "join") if found.get(name)},
        children=children,
    )


def _lines(below: dict[int, list[tuple[int, str]]], parent: int, before: str) -> list[str]:
    """As SQLite's shell draws it."""
    lines: list[str] = []
    steps = below.get(parent, ())
    for at, (number, detail) in enumerate(steps, 1):
        last = at == len(steps)
        lines.append(f"{before}{'`--' if last else '|--'}{detail}")
        lines.extend(_lines(below, number, before + ("   " if last else "|  ")))
    return lines
