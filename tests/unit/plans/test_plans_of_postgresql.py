from __future__ import annotations

import json
from typing import Any

import pytest
from unit.plans.recorded import answer, drawn, tree

from rowgate_server.core.plans import Plan, PlanNode
from rowgate_server.core.plans.postgresql import parse


def plan_of(**root: Any) -> Plan:
    return parse(json.dumps([{"Plan": {"Node Type": "Result", **root}}]))


def root_of(**root: Any) -> PlanNode:
    (node,) = plan_of(**root).nodes
    return node


def test_a_join() -> None:
    plan = parse(answer("postgresql_plan_of_a_join"))
    assert drawn(plan.nodes) == tree("""
    Limit
      Sort
        GroupAggregate
          Sort
            Nested Loop
              Index Scan | authors | authors_pkey
              Bitmap Heap Scan | books
                Bitmap Index Scan | books_by_author
    """)
    scan = next(node for node in plan.nodes[0].walk() if node.operation == "Index Scan")
    assert (scan.estimated_rows, scan.cost) == (4, 8.35)
    assert (scan.actual_rows, scan.seconds, scan.loops) == (None, None, None)
    assert scan.details["Index Cond"] == "(id < 5)"
    assert scan.details["Alias"] == "a"
    assert plan.json == answer("postgresql_plan_of_a_join")
    assert plan.planning is not None
    assert plan.execution is None


def test_the_text_is_that_of_explain() -> None:
    *lines, last = parse(answer("postgresql_plan_of_a_join")).text.splitlines()
    assert lines == tree("""
    Limit  (cost=72.60..72.61 rows=3 width=12)
      ->  Sort  (cost=72.60..72.61 rows=4 width=12)
            Sort Key: (count(*)) DESC
            ->  GroupAggregate  (cost=72.37..72.56 rows=4 width=12)
                  Group Key: a.name
                  ->  Sort  (cost=72.37..72.42 rows=20 width=4)
                        Sort Key: a.name
                        ->  Nested Loop  (cost=4.60..71.94 rows=20 width=4)
                              ->  Index Scan using authors_pkey on authors a  (cost=0.28..8.35 rows=4 width=8)
                                    Index Cond: (id < 5)
                              ->  Bitmap Heap Scan on books b  (cost=4.32..15.85 rows=5 width=4)
                                    Recheck Cond: (author_id = a.id)
                                    ->  Bitmap Index Scan on books_by_author  (cost=0.00..4.32 rows=5 width=0)
                                          Index Cond: (author_id = a.id)
    """)
    assert last.startswith("Planning Time: ")


def test_a_writing_cte() -> None:
    plan = parse(answer("postgresql_plan_of_a_writing_cte"))
    assert drawn(plan.nodes) == tree("""
    Nested Loop Left Join
      Delete | books
        Index Scan | books | books_pkey
      Index Scan | authors | authors_pkey
      CTE Scan | gone
    """)
    assert "\n  CTE gone\n    ->  Delete on books " in plan.text


def test_a_profile_has_times_rows_and_loops() -> None:
    plan = parse(answer("postgresql_profile_of_a_join"))
    heap = next(node for node in plan.nodes[0].walk() if node.operation == "Bitmap Heap Scan")
    # 0.008 ms in each of four loops.
    assert heap.seconds == pytest.approx(0.000_032)
    assert (heap.actual_rows, heap.loops) == (5, 4)
    assert heap.details["Shared Hit Blocks"] == "28"
    assert plan.planning == pytest.approx(0.000_166)
    assert plan.execution == pytest.approx(0.002_851)
    assert "(actual time=0.005..0.008 rows=5 loops=4)" in plan.text
    assert plan.text.endswith("\nPlanning Time: 0.166 ms\nExecution Time: 2.851 ms")


def test_what_is_0_is_no_detail() -> None:
    for node in parse(answer("postgresql_profile_of_a_join")).nodes[0].walk():
        assert "Temp Read Blocks" not in node.details
        assert not {"0", "false"} & set(node.details.values())


def test_a_node_that_was_never_run_says_so() -> None:
    plan = parse(answer("postgresql_profile_of_what_is_not_run"))
    assert [node.loops for node in plan.nodes[0].walk()] == [1, 1, 0, 0]
    assert plan.text.count("(never executed)") == 2


def test_triggers_are_in_the_text() -> None:
    plan = parse(answer("postgresql_profile_of_an_insert"))
    assert drawn(plan.nodes) == ["Insert | books", "  Values Scan | *VALUES*"]
    assert "\nTrigger books_author_id_fkey on books: time=0.869 calls=2\n" in plan.text
    assert 'Values Scan on "*VALUES*"' in plan.text


@pytest.mark.parametrize(
    ("told", "operation"),
    [
        ({"Node Type": "Aggregate", "Strategy": "Plain", "Partial Mode": "Simple"}, "Aggregate"),
        ({"Node Type": "Aggregate", "Strategy": "Hashed", "Partial Mode": "Partial"}, "Partial HashAggregate"),
        ({"Node Type": "Aggregate", "Strategy": "Sorted", "Partial Mode": "Finalize"}, "Finalize GroupAggregate"),
        ({"Node Type": "Aggregate", "Strategy": "Mixed", "Partial Mode": "Simple"}, "MixedAggregate"),
        ({"Node Type": "SetOp", "Strategy": "Hashed", "Command": "Except"}, "HashSetOp Except"),
        ({"Node Type": "SetOp", "Strategy": "Sorted", "Command": "Intersect All"}, "SetOp Intersect All"),
        ({"Node Type": "Hash Join", "Join Type": "Inner"}, "Hash Join"),
        ({"Node Type": "Hash Join", "Join Type": "Left", "Parallel Aware": True}, "Parallel Hash Left Join"),
        ({"Node Type": "Merge Join", "Join Type": "Anti"}, "Merge Anti Join"),
        ({"Node Type": "Nested Loop", "Join Type": "Semi"}, "Nested Loop Semi Join"),
        ({"Node Type": "Index Only Scan", "Scan Direction": "Backward"}, "Index Only Scan Backward"),
        ({"Node Type": "Foreign Scan", "Async Capable": True, "Operation": "Select"}, "Async Foreign Scan"),
        ({"Node Type": "ModifyTable", "Operation": "Merge"}, "Merge"),
        ({"Node Type": "Custom Scan", "Custom Plan Provider": "Chunks"}, "Custom Scan (Chunks)"),
        ({"Node Type": "Something New"}, "Something New"),
    ],
)
def test_operations_are_called_what_explain_calls_them(told: dict[str, Any], operation: str) -> None:
    assert root_of(**told).operation == operation


@pytest.mark.parametrize(
    ("told", "target", "line"),
    [
        ({"Node Type": "Seq Scan", "Relation Name": "Order", "Alias": "o"}, "Order", 'Seq Scan on "Order" o'),
        ({"Node Type": "Seq Scan", "Relation Name": "a", "Alias": "a"}, "a", "Seq Scan on a"),
        ({"Node Type": "Function Scan", "Function Name": "now", "Alias": "now"}, "now", "Function Scan on now"),
        ({"Node Type": "CTE Scan", "CTE Name": "w", "Alias": "w_1"}, "w", "CTE Scan on w w_1"),
        ({"Node Type": "Subquery Scan", "Alias": "s"}, "s", "Subquery Scan on s"),
        ({"Node Type": "Sort"}, "", "Sort"),
    ],
)
def test_targets_are_tables_and_whatever_else_is_read(told: dict[str, Any], target: str, line: str) -> None:
    assert root_of(**told).target == target
    assert plan_of(**told).text == line


def test_lists_and_objects_are_details_as_well() -> None:
    node = root_of(**{"Sort Key": ["a", "b DESC"], "Workers": [{"Worker Number": 0}], "Single Copy": True})
    assert node.details == {"Sort Key": "a, b DESC", "Workers": '{"Worker Number": 0}', "Single Copy": "true"}


def test_a_statement_that_a_rule_makes_several_of_has_several_plans() -> None:
    one, two = ({"Plan": {"Node Type": kind}, "Planning Time": 2.0} for kind in ("Sort", "Limit"))
    plan = parse(json.dumps([one, "Notify", two]))
    assert drawn(plan.nodes) == ["Sort", "Limit"]
    assert plan.planning == pytest.approx(0.004)
    assert plan.text == "Sort\nPlanning Time: 2.000 ms\n\nLimit\nPlanning Time: 2.000 ms"
