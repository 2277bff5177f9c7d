"""MariaDB's `EXPLAIN FORMAT=JSON` and `ANALYZE FORMAT=JSON`.

The document is nested by what is done: `query_block`, `nested_loop`, `filesort`, `table`, ... Each name that holds an
object, or objects in a list, becomes a node, but for those that only hold figures. What was measured begins with `r_`.
https://mariadb.com/kb/en/explain-format-json/ and https://mariadb.com/kb/en/analyze-format-json/
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from .records import Plan, PlanNode, figure
from .text import figures, render, what

PLAN = "EXPLAIN FORMAT=JSON "
PROFILE = "ANALYZE FORMAT=JSON "

# In the words of MySQL's tree format.
_ACCESS = {
    "ALL": "Table scan",
    "const": "Constant row",
    "eq_ref": "Single-row index lookup",
    "fulltext": "Full-text index search",
    "hash_ALL": "Hash join",
    "index": "Index scan",
    "index_merge": "Index merge",
    "index_subquery": "Subquery by index lookup",
    "range": "Index range scan",
    "ref": "Index lookup",
    "ref_or_null": "Index lookup or NULL",
    "system": "Single row",
    "unique_subquery": "Subquery by single-row index lookup",
}
_OPERATIONS = {
    "block-nl-join": "Block nested loop join",
    "filesort": "Sort",
    "materialized": "Materialize",
    "union_result": "Union",
}
_ONLY_FIGURES = frozenset({"index_merge", "r_engine_stats", "r_index_merge"})
# The names of lists that say nothing beyond their members.
_ONLY_LISTS = frozenset({"query_specifications", "sorts"})
_TIMES = ("r_total_time_ms", "r_table_time_ms", "r_other_time_ms")
_TYPED = frozenset({"table_name", "key", "rows", "r_rows", "r_loops", "cost"})
_QUIET = frozenset({*_TIMES, "access_type", "select_id"})


def parse(document: str) -> Plan:
    """The plan in the answer to PLAN or PROFILE.

    Raises:
        ValueError, LookupError, TypeError, AttributeError: the answer is not of the form that is known.
    """
    told: dict[str, Any] = json.loads(document)
    nodes = tuple(_nodes("query_block", told["query_block"]))
    return Plan(
        nodes=nodes,
        text=render(nodes, lambda node: what(node) + _figures(node), _QUIET),
        json=document,
        planning=_seconds(told.get("query_optimization", {}).get("r_total_time_ms")),
        execution=_seconds(told["query_block"].get("r_total_time_ms")),
    )


def _nodes(name: str, told: Any) -> Iterator[PlanNode]:
    """The nodes that a name stands for with the object, or the objects, that it holds."""
    if isinstance(told, Mapping):
        yield _table(told) if name == "table" else _step(name, told)
        return
    children = tuple(node for member in told for inner, held in member.items() for node in _nodes(inner, held))
    if name in _ONLY_LISTS or (name == "nested_loop" and len(children) == 1):
        yield from children
    else:
        yield PlanNode(operation=_words(name), children=children)


def _step(name: str, told: Mapping[str, Any]) -> PlanNode:
    """A node that reads no table."""
    number = f" {told['select_id']}" if "select_id" in told else ""
    return PlanNode(operation=f"{_words(name)}{number}", target=str(told.get("table_name", "")), **_common(told))


def _table(told: Mapping[str, Any]) -> PlanNode:
    if "message" in told:
        return PlanNode(operation=str(told["message"]))
    target, access = str(told.get("table_name", "")), told.get("access_type")
    if access is None:
        # Of an INSERT or REPLACE of VALUES nothing but the table is told.
        return PlanNode(operation="Insert", target=target, **_common(told))
    common = _common(told)
    write = next((name for name in ("update", "delete") if common["details"].pop(name, None)), "")
    read = PlanNode(operation=str(_ACCESS.get(access, access)), target=target, index=str(told.get("key", "")), **common)
    return PlanNode(operation=write.capitalize(), target=target, children=(read,)) if write else read


def _common(told: Mapping[str, Any]) -> dict[str, Any]:
    """The figures of a node, everything else that is told of it, and what is below."""
    times = [float(told[name]) for name in _TIMES if told.get(name) is not None]
    rows = told.get("r_rows")
    return {
        "estimated_rows": figure(told.get("rows")),
        "actual_rows": figure(told.get("r_output_rows") if rows is None else rows),
        "cost": figure(told.get("cost")),
        "seconds": _seconds(sum(times)) if times else None,
        "loops": figure(told.get("r_loops")),
        "details": dict(_details(told)),
        "children": tuple(node for name, held in told.items() if _is_below(name, held) for node in _nodes(name, held)),
    }


def _is_below(name: str, value: Any) -> bool:
    objects = isinstance(value, list) and bool(value) and isinstance(value[0], Mapping)
    return name not in _ONLY_FIGURES and (objects or isinstance(value, Mapping))


def _details(told: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for name, value in told.items():
        if name not in _TYPED and value is not None and not _is_below(name, value):
            yield name, _detail(value)


def _detail(value: Any) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{name}={_detail(inner)}" for name, inner in value.items())
    if isinstance(value, list):
        return ", ".join(map(_detail, value))
    return value if isinstance(value, str) else json.dumps(value)


def _figures(node: PlanNode) -> str:
    cost = "" if node.cost is None else f"{node.cost:.4f}"
    return figures(node, cost=cost, milliseconds="" if node.seconds is None else f"{node.seconds * 1000:.3f}")


def _words(name: str) -> str:
    return _OPERATIONS.get(name) or name.replace("_", " ").replace("-", " ").capitalize()


def _seconds(milliseconds: float | None) -> float | None:
    return None if milliseconds is None else float(milliseconds) / 1000
