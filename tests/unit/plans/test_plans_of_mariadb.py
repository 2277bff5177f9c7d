from __future__ import annotations

import json

import pytest
from unit.plans.recorded import answer, drawn, tree

from rowgate_server.core.plans.mariadb import parse


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        (
            "plan_of_a_join",
            """
    Query block 1
      Sort
        Temporary table
          Nested loop
            Index range scan | a | PRIMARY
            Index lookup | b | books_by_author
    """,
        ),
        (
            "plan_of_a_union",
            """
    Query block
      Union | <union1,2>
        Query block 1
          Constant row | authors | PRIMARY
        Query block 2
          Index range scan | books | books_by_author
    """,
        ),
        (
            "plan_of_subqueries",
            """
    Query block 1
      Nested loop
        Read sorted file
          Sort
            Table scan | authors
        Single-row index lookup | <subquery3> | distinct_key
          Materialize
            Query block 3
              Table scan | books
      Subqueries
        Expression cache
          Query block 2
            Index lookup | books | books_by_author
    """,
        ),
        (
            "profile_of_a_buffered_join",
            """
    Query block 1
      Nested loop
        Table scan | authors
        Block nested loop join
          Table scan | books
    """,
        ),
        (
            "profile_of_an_update",
            """
    Query block 1
      Update | books
        Index range scan | books | PRIMARY
    """,
        ),
        (
            "plan_of_an_insert",
            """
    Query block 1
      Insert | books
    """,
        ),
        (
            "plan_without_a_table",
            """
    Query block 1
      No tables used
    """,
        ),
    ],
)
def test_the_tree_has_a_node_for_each_thing_that_is_done(name: str, expected: str) -> None:
    assert drawn(parse(answer(f"mariadb_{name}")).nodes) == tree(expected)


def test_a_plan_has_estimates_and_no_measures() -> None:
    plan = parse(answer("mariadb_plan_of_a_join"))
    lookup = next(node for node in plan.nodes[0].walk() if node.target == "b")
    assert lookup.estimated_rows == 2
    assert lookup.details["ref"] == "rowgate_test.a.id"
    assert lookup.details["access_type"] == "ref"
    assert {(node.actual_rows, node.seconds, node.loops) for node in plan.nodes[0].walk()} == {(None, None, None)}
    assert (plan.planning, plan.execution) == (None, None)
    assert plan.json == answer("mariadb_plan_of_a_join")


def test_a_profile_has_measures() -> None:
    plan = parse(answer("mariadb_profile_of_a_join"))
    lookup = next(node for node in plan.nodes[0].walk() if node.target == "b")
    assert (lookup.estimated_rows, lookup.actual_rows, lookup.loops) == (2, 5, 4)
    assert lookup.seconds == pytest.approx(0.000_040_4, rel=0.01)
    assert lookup.details["r_engine_stats"] == "pages_accessed=8"
    sort = next(node for node in plan.nodes[0].walk() if node.operation == "Sort")
    assert sort.actual_rows == 4
    assert plan.planning == pytest.approx(0.000_085_4, rel=0.01)
    assert plan.execution == pytest.approx(0.000_070_9, rel=0.01)
    assert "->  Index lookup using books_by_author on b  (rows=2) (actual time=0.040 rows=5 loops=4)\n" in plan.text


def test_the_text_has_a_line_for_each_node_and_its_details_below() -> None:
    assert parse(answer("mariadb_profile_of_an_update")).text.splitlines() == tree("""
    Query block 1  (actual time=0.071)
      ->  Update on books
            ->  Index range scan using PRIMARY on books  (rows=1) (actual time=0.066 rows=1)
                  possible_keys: PRIMARY
                  key_length: 4
                  used_key_parts: id
                  r_filtered: 100
                  r_engine_stats: pages_accessed=10, pages_updated=5
                  attached_condition: books.`id` = 7
    """)


def test_the_costs_of_newer_servers_are_told() -> None:
    table = {"table_name": "t", "access_type": "ALL", "loops": 1, "rows": 9, "cost": 0.0123, "filtered": 100}
    document = {"query_block": {"select_id": 1, "cost": 0.02, "nested_loop": [{"table": table}]}}
    plan = parse(json.dumps(document))
    (block,) = plan.nodes
    (scan,) = block.children
    assert (block.cost, scan.cost) == (0.02, 0.0123)
    # What it expects of its loops is no measure.
    assert scan.loops is None
    assert scan.details["loops"] == "1"
    assert "Table scan on t  (cost=0.0123 rows=9)" in plan.text


def test_an_access_of_another_name_keeps_it() -> None:
    document = {"query_block": {"select_id": 1, "table": {"table_name": "t", "access_type": "brand_new", "key": "k"}}}
    assert drawn(parse(json.dumps(document)).nodes) == ["Query block 1", "  brand_new | t | k"]


def test_figures_that_come_as_an_object_are_no_node() -> None:
    merge = {"union": [{"range": {"key": "a"}}, {"range": {"key": "b"}}]}
    table = {"table_name": "t", "access_type": "index_merge", "index_merge": merge}
    ((scan,),) = (node.children for node in parse(json.dumps({"query_block": {"table": table}})).nodes)
    assert (scan.operation, scan.children) == ("Index merge", ())
    assert scan.details["index_merge"] == "union=range=key=a, range=key=b"
