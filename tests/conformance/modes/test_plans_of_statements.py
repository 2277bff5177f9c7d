"""PLAN: the steps that the database would take, without taking them."""

from __future__ import annotations

import json

import pytest

import rowgate
from rowgate.v1 import query_service_pb2, query_service_pb2_grpc
from support.engines import Engine
from support.rows import ROWS, count

KEYS = {"sqlite": "INTEGER PRIMARY KEY", "mariadb": "PRIMARY", "postgresql": "{table}_pkey"}


async def test_the_plan_of_a_select_by_key_names_the_table_and_the_key_s_index(
    db: rowgate.Database, filled: str, engine: Engine
) -> None:
    plan = await db.explain(f"select * from {filled} where id = :id", id=7)
    (node,) = [node for node in plan.walk() if node.target == filled]
    assert node.index == KEYS[engine.name].format(table=filled)
    assert node.children == ()
    assert filled in plan.text
    assert str(plan) == plan.text
    measured = [(node.actual_rows, node.actual_time, node.loops) for node in plan.walk()]
    assert set(measured) == {(None, None, None)}
    assert plan.execution_time is None


async def test_a_plan_says_how_many_rows_are_expected_where_the_engine_estimates_them(
    db: rowgate.Database, filled: str, engine: Engine
) -> None:
    plan = await db.explain(f"select * from {filled} where name = ?", "n")
    (node,) = [node for node in plan.walk() if node.target == filled]
    if engine.name == "sqlite":
        assert node.estimated_rows is None
    else:
        assert node.estimated_rows == pytest.approx(ROWS, rel=0.5)
    assert (node.estimated_cost is not None) == (engine.name == "postgresql")


async def test_the_plan_of_a_join_has_both_tables_and_the_index_between_them(
    db: rowgate.Database, filled: str, lines: str
) -> None:
    sql = f"select name, {lines}.id from {filled} join {lines} on thing = {filled}.id where {filled}.id = 7"
    plan = await db.explain(sql)
    assert {filled, lines} <= {node.target for node in plan.walk()}
    assert f"{lines}_by_thing" in {node.index for node in plan.walk()}


async def test_the_plan_of_an_aggregate_has_its_steps_above_the_table_s(db: rowgate.Database, filled: str) -> None:
    plan = await db.explain(f"select name, count(*) as n from {filled} group by name order by n")
    nodes = list(plan.walk())
    assert len(nodes) > 2
    assert filled in {node.target for node in nodes}
    assert len(plan.text.splitlines()) > 2


async def test_a_plan_is_for_the_values_that_are_given(db: rowgate.Database, filled: str, engine: Engine) -> None:
    plan = await db.explain(f"select * from {filled} where id < :n and name = :name", n=3, name="n")
    if engine.name != "sqlite":  # whose plans are for any value
        assert "3" in json.dumps(json.loads(plan.json))
        (node,) = [node for node in plan.walk() if node.target == filled]
        assert node.estimated_rows is not None
        assert node.estimated_rows < 10


async def test_the_database_s_own_json_is_there_where_it_has_one(
    db: rowgate.Database, filled: str, engine: Engine
) -> None:
    plan = await db.explain(f"select * from {filled}")
    if engine.name == "sqlite":
        assert plan.json == ""
    else:
        assert filled in json.dumps(json.loads(plan.json))


@pytest.mark.parametrize(
    "sql",
    [
        "insert into {table} (id, name) values (9001, 'x')",
        "insert into {table} (id, name) select id + 9000, name from {table}",
        "update {table} set name = 'changed'",
        "delete from {table}",
        "delete from {table} where id = 3 returning name",
    ],
)
async def test_the_plan_of_a_write_writes_nothing(db: rowgate.Database, filled: str, sql: str) -> None:
    plan = await db.explain(sql.format(table=filled))
    assert plan.text
    assert await count(db, filled) == ROWS
    assert (await db.query(f"select count(*) as n from {filled} where name <> 'n'")).scalar() == 0


async def test_the_plan_of_a_write_names_the_table_it_writes(db: rowgate.Database, filled: str) -> None:
    plan = await db.explain(f"delete from {filled} where id = :id", id=3)
    assert filled in {node.target for node in plan.walk()}


@pytest.mark.parametrize("sql", ["create table nothing (id integer)", "drop table {table}", "explain select 1"])
async def test_what_has_no_plan_is_not_supported(db: rowgate.Database, table: str, sql: str) -> None:
    with pytest.raises(rowgate.NotSupported) as caught:
        await db.explain(sql.format(table=table))
    assert caught.value.outcome is rowgate.Outcome.NOT_RUN
    assert "SELECT" in caught.value.metadata["hint"]


async def test_the_rest_of_an_explain_is_no_statement(db: rowgate.Database, table: str, engine: Engine) -> None:
    rest = {
        "sqlite": f"query plan delete from {table}",
        "mariadb": f"extended delete from {table}",
        "postgresql": f"(analyze) delete from {table}",
    }
    for mode in (db.explain, db.describe_statement):
        with pytest.raises((rowgate.NotSupported, rowgate.InvalidSql)):
            await mode(rest[engine.name])


async def test_several_statements_have_no_plan(db: rowgate.Database, table: str) -> None:
    with pytest.raises(rowgate.MultipleStatements):
        await db.explain(f"select 1; delete from {table}")


async def test_a_plan_needs_the_values(db: rowgate.Database, table: str) -> None:
    with pytest.raises(rowgate.InvalidParameter):
        await db.explain(f"select * from {table} where id = :id")


async def test_the_plan_of_what_is_not_there(db: rowgate.Database) -> None:
    with pytest.raises(rowgate.UnknownTable) as caught:
        await db.explain("select * from no_such_table")
    assert caught.value.outcome is rowgate.Outcome.NOT_RUN
    assert caught.value.metadata["query_id"]


async def test_the_limits_on_rows_cut_no_plan(db: rowgate.Database, filled: str) -> None:
    sql = f"select name, count(*) as n from {filled} group by name order by n"
    cut = await db.with_options(max_rows=1, max_bytes=1).explain(sql)
    assert [node.operation for node in cut.walk()] == [node.operation for node in (await db.explain(sql)).walk()]
    assert not cut.stats.truncated


async def test_a_plan_has_no_rows_and_no_columns(
    queries: query_service_pb2_grpc.QueryServiceAsyncStub, engine: Engine
) -> None:
    options = query_service_pb2.QueryOptions(mode=query_service_pb2.QUERY_MODE_PLAN)
    answer = await queries.ExecuteQuery(
        query_service_pb2.ExecuteQueryRequest(database=engine.name, sql="select 1 as one", options=options)
    )
    assert answer.HasField("plan")
    assert not answer.HasField("description")
    assert not answer.result.columns
    assert not answer.result.rows
    assert answer.stats.row_count == 0
    assert answer.stats.query_id


async def test_an_error_in_a_plan_counts_its_position_from_the_statement(db: rowgate.Database, engine: Engine) -> None:
    with pytest.raises(rowgate.UnknownColumn) as caught:
        await db.explain("select nowhere")
    if engine.name == "postgresql":
        assert caught.value.metadata["position"] == "8"


async def test_the_plan_of_what_takes_for_ever_is_told_at_once(db: rowgate.Database, engine: Engine) -> None:
    assert (await db.explain(engine.endless)).text
    assert (await db.describe_statement(engine.endless)).columns
