"""How a plan is asked for, and that no answer is too strange to be handed on."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from unit.plans.recorded import answer

from rowgate_server.core.plans import Engine, ask, read
from rowgate_server.engines.values import BoundStatement, BoundValue, ValueType
from rowgate_server.errors import Outcome, Reason, RowgateError

STATEMENT = BoundStatement(("select ", " as x"), (BoundValue(ValueType.INT, 1),))
JSON_ENGINES = [Engine.MARIADB, Engine.POSTGRESQL]


@pytest.mark.parametrize(
    ("engine", "profile", "before"),
    [
        (Engine.SQLITE, False, "EXPLAIN QUERY PLAN "),
        (Engine.MARIADB, False, "EXPLAIN FORMAT=JSON "),
        (Engine.MARIADB, True, "ANALYZE FORMAT=JSON "),
        (Engine.MYSQL, False, "EXPLAIN FORMAT=TREE "),
        (Engine.MYSQL, True, "EXPLAIN ANALYZE "),
        (Engine.POSTGRESQL, False, "EXPLAIN (FORMAT JSON, SUMMARY) "),
        (Engine.POSTGRESQL, True, "EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) "),
    ],
)
def test_the_question_is_the_statement_behind_a_keyword_with_the_same_values(
    engine: Engine, profile: bool, before: str
) -> None:
    asked = ask(engine, "SELECT", STATEMENT, profile=profile)
    assert asked == BoundStatement((f"{before}select ", " as x"), STATEMENT.values)


@pytest.mark.parametrize("engine", Engine)
@pytest.mark.parametrize(
    "keyword", ["EXPLAIN", "ANALYZE", "QUERY", "EXTENDED", "FOR", "CREATE", "SET", "CALL", "PRAGMA"]
)
def test_only_what_has_a_plan_is_asked_for_one(engine: Engine, keyword: str) -> None:
    with pytest.raises(RowgateError) as caught:
        ask(engine, keyword, STATEMENT, profile=False)
    assert (caught.value.reason, caught.value.field) == (Reason.NOT_SUPPORTED, "sql")
    assert caught.value.outcome == Outcome.NOT_RUN
    assert keyword in caught.value.message
    assert "SELECT" in caught.value.metadata["hint"]


def test_sqlite_has_no_profile() -> None:
    with pytest.raises(RowgateError) as caught:
        ask(Engine.SQLITE, "SELECT", STATEMENT, profile=True)
    assert (caught.value.reason, caught.value.field) == (Reason.NOT_SUPPORTED, "options.mode")


@pytest.mark.parametrize("engine", [Engine.MARIADB, Engine.MYSQL, Engine.POSTGRESQL])
@given(text=st.text() | st.recursive(st.none() | st.integers() | st.text(), st.lists).map(json.dumps))
def test_an_answer_that_is_not_understood_is_handed_on_as_it_is(engine: Engine, text: str) -> None:
    plan = read(engine, [(text,)])
    if not plan.nodes:
        assert plan.text == text


@pytest.mark.parametrize(("engine", "name"), [(Engine.MARIADB, "mariadb"), (Engine.POSTGRESQL, "postgresql")])
@given(st.data())
def test_an_answer_of_a_newer_version_is_handed_on(engine: Engine, name: str, data: st.DataObject) -> None:
    document = answer(f"{name}_profile_of_a_join")
    words = ["Node Type", "Plans", "Actual Loops", "query_block", "nested_loop", "table", "rows", "r_loops", "sort_key"]
    word = data.draw(st.sampled_from([word for word in words if f'"{word}"' in document]))
    changed = document.replace(f'"{word}":', f'"{word}": {data.draw(st.sampled_from(["null", "[1]", "7"]))}, "old":')
    plan = read(engine, [(changed,)])
    assert plan.text
    for node in (node for root in plan.nodes for node in root.walk()):
        assert isinstance(node.operation + node.target + node.index, str)
        assert {type(figure) for figure in (node.estimated_rows, node.loops, node.seconds)} <= {float, type(None)}


@pytest.mark.parametrize("engine", JSON_ENGINES)
def test_an_answer_deeper_than_the_stack_is_handed_on_as_text(engine: Engine) -> None:
    opening, closing = {
        Engine.MARIADB: ('{"query_block": {"materialized": ', "}}"),
        Engine.POSTGRESQL: ('[{"Plan": {"Node Type": "Sort", "Plans": ', "}}]"),
    }[engine]
    deep = opening + '{"a": ' * 100_000 + "1" + "}" * 100_000 + closing
    plan = read(engine, [(deep,)])
    assert (plan.nodes, plan.text) == ((), deep)


def test_the_lines_of_an_answer_are_put_together() -> None:
    assert read(Engine.MYSQL, [("-> Sort",), ("    -> Limit",)]).nodes[0].children[0].operation == "Limit"
