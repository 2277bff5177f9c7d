from __future__ import annotations

import sqlite3
from contextlib import closing

import pytest
from unit.plans.recorded import drawn, tree

from rowgate_server.core.plans.sqlite import PLAN, parse

# Answers of SQLite 3.40.
JOIN = [
    (9, 0, 0, "SEARCH b USING COVERING INDEX books_by_author (author_id<?)"),
    (14, 0, 0, "SEARCH a USING INTEGER PRIMARY KEY (rowid=?)"),
    (19, 0, 0, "USE TEMP B-TREE FOR GROUP BY"),
]
RECURSION = [
    (2, 0, 0, "CO-ROUTINE t"),
    (5, 2, 0, "SETUP"),
    (6, 5, 0, "SCAN CONSTANT ROW"),
    (17, 2, 0, "RECURSIVE STEP"),
    (18, 17, 0, "SCAN t"),
    (29, 0, 0, "SCAN t"),
    (35, 0, 0, "LIST SUBQUERY 3"),
    (37, 35, 0, "SCAN books"),
    (51, 0, 0, "SEARCH books USING INTEGER PRIMARY KEY (rowid=?) LEFT-JOIN"),
]


def test_a_join() -> None:
    plan = parse(JOIN)
    assert drawn(plan.nodes) == tree("""
    SEARCH | b | books_by_author
    SEARCH | a | INTEGER PRIMARY KEY
    USE TEMP B-TREE FOR GROUP BY
    """)
    assert plan.nodes[0].details == {"using": "COVERING INDEX", "constraint": "author_id<?"}


def test_steps_within_steps() -> None:
    plan = parse(RECURSION)
    assert drawn(plan.nodes) == tree("""
    CO-ROUTINE | t
      SETUP
        SCAN CONSTANT ROW
      RECURSIVE STEP
        SCAN | t
    SCAN | t
    LIST SUBQUERY 3
      SCAN | books
    SEARCH | books | INTEGER PRIMARY KEY
    """)
    assert plan.nodes[-1].details["join"] == "LEFT-JOIN"


def test_the_text_is_drawn_as_the_shell_draws_it() -> None:
    assert parse(RECURSION).text.splitlines() == tree("""
    QUERY PLAN
    |--CO-ROUTINE t
    |  |--SETUP
    |  |  `--SCAN CONSTANT ROW
    |  `--RECURSIVE STEP
    |     `--SCAN t
    |--SCAN t
    |--LIST SUBQUERY 3
    |  `--SCAN books
    `--SEARCH books USING INTEGER PRIMARY KEY (rowid=?) LEFT-JOIN
    """)


@pytest.mark.parametrize(
    ("detail", "operation", "target", "index"),
    [
        ("SCAN things", "SCAN", "things", ""),
        ("SCAN things USING INDEX by_name", "SCAN", "things", "by_name"),
        ("SEARCH my things USING INDEX by name (a=? AND b>?)", "SEARCH", "my things", "by name"),
        ("SEARCH w USING PRIMARY KEY (k=?)", "SEARCH", "w", "PRIMARY KEY"),
        ("SEARCH b USING AUTOMATIC COVERING INDEX (n=?)", "SEARCH", "b", ""),
        ("SEARCH b USING AUTOMATIC PARTIAL COVERING INDEX (n=?)", "SEARCH", "b", ""),
        ("SCAN ft VIRTUAL TABLE INDEX 0:M1", "SCAN", "ft", ""),
        ("SCAN (subquery-2)", "SCAN", "(subquery-2)", ""),
        ("SCAN 2 CONSTANT ROWS", "SCAN 2 CONSTANT ROWS", "", ""),
        ("MATERIALIZE counted", "MATERIALIZE", "counted", ""),
        ("BLOOM FILTER ON b (id=?)", "BLOOM FILTER ON", "b", ""),
        # Before 3.36.
        ("SEARCH TABLE things AS t USING INDEX i (a=?)", "SEARCH", "things AS t", "i"),
        ("MULTI-INDEX OR", "MULTI-INDEX OR", "", ""),
        ("SOMETHING ENTIRELY NEW", "SOMETHING ENTIRELY NEW", "", ""),
    ],
)
def test_each_step_s_text_is_taken_apart(detail: str, operation: str, target: str, index: str) -> None:
    (node,) = parse([(1, 0, 0, detail)]).nodes
    assert (node.operation, node.target, node.index) == (operation, target, index)


def test_a_statement_without_steps_has_no_nodes() -> None:
    plan = parse([])
    assert (plan.nodes, plan.text, plan.json) == ((), "QUERY PLAN", "")


def test_this_sqlite_is_understood() -> None:
    with closing(sqlite3.connect(":memory:")) as connection:
        connection.execute("create table things (id integer primary key, name text)")
        connection.execute("create index by_name on things (name)")
        rows = connection.execute(f"{PLAN}select * from things where name = 'a'").fetchall()
    assert drawn(parse(rows).nodes) == ["SEARCH | things | by_name"]
