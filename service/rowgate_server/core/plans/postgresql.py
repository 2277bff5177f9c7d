"""PostgreSQL's `EXPLAIN (FORMAT JSON)`.

The keys: https://github.com/postgres/postgres/blob/master/src/backend/commands/explain.c, whose text format is what
`text` follows. With the plans of one statement the two agree but for what an ANALYZE adds.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from .records import Plan, PlanNode, figure
from .text import figures, number, quoted, render

PLAN = "EXPLAIN (FORMAT JSON, SUMMARY) "
PROFILE = "EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) "
WRITING_NODES = frozenset({"Insert", "Update", "Delete", "Merge", "LockRows"})
"""Operations of a plan that is not one of a statement that only reads."""

_TARGETS = ("Relation Name", "Function Name", "Table Function Name", "CTE Name", "Tuplestore Name")
_TYPED = frozenset({
    *_TARGETS,
    *("Node Type", "Plans", "Index Name", "Plan Rows", "Total Cost"),
    *("Actual Rows", "Actual Total Time", "Actual Loops"),
})  # fmt: skip
_IN_THE_HEADLINE = frozenset({
    *("Startup Cost", "Plan Width", "Actual Startup Time", "Alias", "Schema"),
    *("Parallel Aware", "Async Capable", "Scan Direction", "Strategy", "Partial Mode", "Operation", "Join Type"),
    *("Command", "Parent Relationship", "Inner Unique", "Custom Plan Provider"),
})  # fmt: skip
_AGGREGATES = {"Plain": "Aggregate", "Sorted": "GroupAggregate", "Hashed": "HashAggregate", "Mixed": "MixedAggregate"}


def parse(document: str) -> Plan:
    """The plan in the answer to PLAN or PROFILE.

    Raises:
        ValueError, LookupError, TypeError, AttributeError: the answer is not of the form that is known.
    """
    # A rule may make several statements of one, of which some (NOTIFY) have no plan.
    answers: list[dict[str, Any]] = [one for one in json.loads(document) if "Plan" in one]
    if not answers:
        raise ValueError("not a plan of PostgreSQL's")
    nodes = tuple(_node(one["Plan"]) for one in answers)
    texts = ["\n".join([_text(node), *_after(one)]) for node, one in zip(nodes, answers, strict=True)]
    return Plan(
        nodes=nodes,
        text="\n\n".join(texts),
        json=document,
        planning=_seconds(answers, "Planning Time"),
        execution=_seconds(answers, "Execution Time"),
    )


def _text(root: PlanNode) -> str:
    return render((root,), _headline, _IN_THE_HEADLINE)


def _node(told: Mapping[str, Any]) -> PlanNode:
    loops, milliseconds = figure(told.get("Actual Loops")), figure(told.get("Actual Total Time"))
    target = next((told[key] for key in _TARGETS if key in told), told.get("Alias", ""))
    return PlanNode(
        operation=_operation(told),
        target=str(target),
        index=str(told.get("Index Name", "")),
        estimated_rows=figure(told.get("Plan Rows")),
        actual_rows=figure(told.get("Actual Rows")),
        cost=figure(told.get("Total Cost")),
        # The time is an average over the loops.
        seconds=None if milliseconds is None else milliseconds * (loops or 0) / 1000,
        loops=loops,
        details={name: _detail(value) for name, value in told.items() if name not in _TYPED and _says(value)},
        children=tuple(map(_node, told.get("Plans", ()))),
    )


def _operation(told: Mapping[str, Any]) -> str:
    """What EXPLAIN's text calls the node."""
    kind = str(told["Node Type"])
    strategy = told.get("Strategy", "")
    if kind == "ModifyTable":
        kind = str(told["Operation"])
    elif kind == "Aggregate":
        partial = told.get("Partial Mode", "Simple")
        kind = _AGGREGATES.get(strategy, kind)
        kind = kind if partial == "Simple" else f"{partial} {kind}"
    elif kind == "SetOp":
        kind = f"{'Hash' if strategy == 'Hashed' else ''}SetOp {told.get('Command', '')}".rstrip()
    elif kind == "Custom Scan":
        kind = f"Custom Scan ({told.get('Custom Plan Provider', '')})"
    elif told.get("Join Type", "Inner") != "Inner":
        kind = f"{kind.removesuffix(' Join')} {told['Join Type']} Join"
    backward = " Backward" if told.get("Scan Direction") == "Backward" else ""
    parallel = "Parallel " if told.get("Parallel Aware") else ""
    return f"{parallel}{'Async ' if told.get('Async Capable') else ''}{kind}{backward}"


def _headline(node: PlanNode) -> str:
    """The node's line, as EXPLAIN's text has it."""
    details = node.details
    name = node.operation
    if name == "Bitmap Index Scan":
        name += f" on {quoted(node.index)}"
    elif node.index:
        name += f" using {quoted(node.index)}"
    if node.target:
        alias = details.get("Alias", node.target)
        name += f" on {quoted(node.target)}" + (f" {quoted(alias)}" if alias != node.target else "")
    each = node.seconds * 1000 / node.loops if node.seconds is not None and node.loops else None
    return name + figures(
        node,
        cost=_range(details.get("Startup Cost", "0"), node.cost, 2),
        milliseconds=_range(details.get("Actual Startup Time", "0"), each, 3),
        width=details.get("Plan Width", "0") if node.cost is not None else "",
    )


def _range(first: str, last: float | None, digits: int) -> str:
    return "" if last is None else f"{float(first):.{digits}f}..{last:.{digits}f}"


def _after(told: Mapping[str, Any]) -> list[str]:
    """What EXPLAIN says below the tree."""
    lines = [f"{name}: {told[name]:.3f} ms" for name in ("Planning Time",) if name in told]
    for trigger in told.get("Triggers", ()):
        name = trigger.get("Constraint Name") or trigger.get("Trigger Name", "")
        time = f" time={trigger['Time']:.3f}" if "Time" in trigger else ""
        lines.append(f"Trigger {name} on {trigger.get('Relation', '')}:{time} calls={number(trigger.get('Calls'))}")
    return [*lines, *(f"{name}: {told[name]:.3f} ms" for name in ("Execution Time",) if name in told)]


def _seconds(answers: list[dict[str, Any]], name: str) -> float | None:
    times = [float(one[name]) for one in answers if name in one]
    return sum(times) / 1000 if times else None


def _says(value: Any) -> bool:
    """Whether it is worth a line: most figures are 0 most of the time."""
    return value is not False and value != 0


def _detail(value: Any) -> str:
    if isinstance(value, list):
        return ", ".join(map(_detail, value))
    if isinstance(value, str):
        return value
    return json.dumps(value)
