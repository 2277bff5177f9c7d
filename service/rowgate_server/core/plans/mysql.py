"""MySQL's `EXPLAIN FORMAT=TREE` and `EXPLAIN ANALYZE`, which answer alike, from MySQL 8.0.18 on.

Its JSON has changed its form between versions, and has no measurements in most of them.
https://dev.mysql.com/doc/refman/8.4/en/explain.html
"""

from __future__ import annotations

import re
from dataclasses import replace

from .records import Plan, PlanNode

PLAN = "EXPLAIN FORMAT=TREE "
PROFILE = "EXPLAIN ANALYZE "

_NUMBER = r"[0-9.]+(?:e[+-]?[0-9]+)?"
_LINE = re.compile(
    r"(?P<indent> *)-> (?P<what>.*?)"
    rf"(?:\s+\((?:cost=(?:{_NUMBER}\.\.)?(?P<cost>{_NUMBER}) )?rows=(?P<rows>{_NUMBER})\))?"
    rf"(?:\s+\((?:actual time={_NUMBER}\.\.(?P<time>{_NUMBER}) rows=(?P<actual>{_NUMBER}) loops=(?P<loops>{_NUMBER})"
    r"|(?P<never>never executed))\))?\s*\Z",
    re.DOTALL,
)
_READ = re.compile(
    r"(?P<operation>[A-Z][A-Za-z -]*?) (?:on|from) (?P<target>\S+)(?: using (?P<index>\S+))?(?P<rest>.*)\Z", re.DOTALL
)
_OTHER = re.compile(r"(?P<operation>[^:(]+?)(?P<rest>: .*| \(.*)?\Z", re.DOTALL)


def parse(text: str) -> Plan:
    """The plan in the answer to PLAN or PROFILE.

    Raises:
        ValueError: the answer is not of the form that is known.
    """
    roots: list[PlanNode] = []
    # The nodes whose children may still come, with their indents.
    opened: list[tuple[int, PlanNode]] = []

    def close(indent: int) -> None:
        while opened and opened[-1][0] >= indent:
            _, node = opened.pop()
            if opened:
                above, parent = opened[-1]
                opened[-1] = above, replace(parent, children=(*parent.children, node))
            else:
                roots.append(node)

    for line in _entries(text):
        indent, node = _node(line)
        close(indent)
        opened.append((indent, node))
    close(0)
    return Plan(nodes=tuple(roots), text=text.rstrip("\n"))


def _entries(text: str) -> list[str]:
    """One for each node: a condition may hold line breaks."""
    return re.split(r"\n(?= *-> )", text.rstrip("\n"))


def _node(entry: str) -> tuple[int, PlanNode]:
    line = _LINE.match(entry)
    if line is None:
        if entry.startswith("<"):
            return 0, PlanNode(operation=entry)  # `<not executable by iterator executor>`
        raise ValueError("not a plan of MySQL's")
    found = _READ.match(line["what"]) or _OTHER.match(line["what"]) or re.match(r"(?P<operation>.*)", line["what"])
    told = found.groupdict(default="") if found is not None else {}
    loops = 0.0 if line["never"] else _number(line["loops"])
    milliseconds = _number(line["time"])
    rest = told.get("rest", "").removeprefix(":").strip()
    return len(line["indent"]), PlanNode(
        operation=told["operation"],
        target=told.get("target", ""),
        index=told.get("index", ""),
        estimated_rows=_number(line["rows"]),
        actual_rows=_number(line["actual"]),
        cost=_number(line["cost"]),
        # The time is an average over the loops.
        seconds=None if milliseconds is None else milliseconds * (loops or 0) / 1000,
        loops=loops,
        details={"detail": rest} if rest else {},
    )


def _number(text: str | None) -> float | None:
    return None if text is None else float(text)
