"""No MySQL server is among the test servers: these answers are of the form that its manual shows."""

from __future__ import annotations

import pytest
from unit.plans.recorded import drawn, tree

from rowgate_server.core.plans.mysql import parse

PLAN = """\
-> Sort: count(0) DESC
    -> Table scan on <temporary>
        -> Aggregate using temporary table
            -> Nested loop inner join  (cost=12.5 rows=20)
                -> Filter: ((a.id < 5) and (a.`name` <> 'x
y'))  (cost=1.06 rows=4)
                    -> Index range scan on a using PRIMARY over (id < 5)  (cost=1.06 rows=4)
                -> Covering index lookup on b using books_by_author (author_id=a.id)  (cost=2.35..2.61 rows=5)
"""

PROFILE = """\
-> Nested loop left join  (cost=0.7 rows=1) (actual time=0.0301..0.0352 rows=2 loops=1)
    -> Table scan on authors  (cost=0.35 rows=1e+6) (actual time=0.0182..0.0210 rows=2.5e+3 loops=1)
    -> Single-row index lookup on books using PRIMARY (id=authors.id)  (cost=0.35 rows=1) (never executed)
-> Select #2 (subquery in projection; dependent)
    -> Limit: 1 row(s)  (actual time=0.002..0.004 rows=1 loops=3)
"""


def test_a_plan() -> None:
    plan = parse(PLAN)
    assert drawn(plan.nodes) == tree("""
    Sort
      Table scan | <temporary>
        Aggregate using temporary table
          Nested loop inner join
            Filter
              Index range scan | a | PRIMARY
            Covering index lookup | b | books_by_author
    """)
    nodes = {node.operation: node for node in plan.nodes[0].walk()}
    assert nodes["Sort"].details == {"detail": "count(0) DESC"}
    assert nodes["Filter"].details == {"detail": "((a.id < 5) and (a.`name` <> 'x\ny'))"}
    assert nodes["Covering index lookup"].details == {"detail": "(author_id=a.id)"}
    assert (nodes["Covering index lookup"].cost, nodes["Covering index lookup"].estimated_rows) == (2.61, 5)
    assert {(node.actual_rows, node.seconds, node.loops) for node in nodes.values()} == {(None, None, None)}
    assert plan.text == PLAN.rstrip("\n")
    assert plan.json == ""


def test_a_profile() -> None:
    plan = parse(PROFILE)
    assert drawn(plan.nodes) == tree("""
    Nested loop left join
      Table scan | authors
      Single-row index lookup | books | PRIMARY
    Select #2
      Limit
    """)
    join, scan, lookup = plan.nodes[0].walk()
    assert (join.actual_rows, join.loops, join.cost) == (2, 1, 0.7)
    assert join.seconds == pytest.approx(0.000_035_2)
    assert (scan.estimated_rows, scan.actual_rows) == (1_000_000, 2_500)
    assert (lookup.loops, lookup.actual_rows, lookup.estimated_rows) == (0, None, 1)
    _, limit = plan.nodes[1].walk()
    # 0.004 ms in each of three loops.
    assert limit.seconds == pytest.approx(0.000_012)


def test_what_has_no_tree_is_one_node() -> None:
    text = "<not executable by iterator executor>\n"
    assert drawn(parse(text).nodes) == ["<not executable by iterator executor>"]


def test_another_answer_is_refused() -> None:
    with pytest.raises(ValueError, match="MySQL"):
        parse('{"query_block": {}}')
