"""DESCRIBE, PLAN and PROFILE: what is told of a statement instead of its result."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any

import grpc
import pytest

import rowgate
from rowgate import ColumnType
from rowgate.v1 import query_service_pb2, query_service_pb2_grpc
from support.engines import Engine

KEYS = {"sqlite": "INTEGER PRIMARY KEY", "mariadb": "PRIMARY", "postgresql": "{table}_pkey"}
ROWS = 500


@pytest.fixture
async def filled(db: rowgate.Database, table: str, engine: Engine) -> str:
    """The table with so many rows that its key is worth using."""
    await db.query(f"insert into {table} (id, name) select i, 'n' from ({engine.series.format(n=ROWS)}) as numbers")
    await db.query(f"analyze {'table ' if engine.name == 'mariadb' else ''}{table}")
    return table


@pytest.fixture
async def lines(db: rowgate.Database, filled: str) -> AsyncIterator[str]:
    """A table whose rows refer to those of the other one, by a column with an index."""
    name = f"lines_of_{filled}"
    await db.query(f"create table {name} (id integer primary key, thing integer)")
    await db.query(f"create index {name}_by_thing on {name} (thing)")
    await db.query(f"insert into {name} (id, thing) select id, id from {filled}")
    yield name
    await db.query(f"drop table {name}")


async def count(db: rowgate.Database, table: str) -> int:
    number: int = (await db.query(f"select count(*) as n from {table}")).scalar()
    return number


# PLAN


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


# PROFILE


async def test_a_profile_tells_what_was_measured(db: rowgate.Database, filled: str, engine: Engine) -> None:
    if engine.name == "sqlite":
        with pytest.raises(rowgate.NotSupported):
            await db.profile(f"select * from {filled} where name = 'n'")
        return
    plan = await db.profile(f"select * from {filled} where name = :name", name="n")
    (node,) = [node for node in plan.walk() if node.target == filled]
    assert (node.actual_rows, node.loops) == (ROWS, 1)
    assert node.actual_time is not None
    assert node.actual_time.total_seconds() > 0
    assert plan.execution_time is not None
    assert plan.execution_time >= node.actual_time
    assert plan.planning_time is not None
    assert "actual" in plan.text


async def test_a_profile_runs_writes(db: rowgate.Database, filled: str, engine: Engine) -> None:
    writes = [
        f"insert into {filled} (id, name) values (9001, 'x')",
        f"delete from {filled} where id <= 3",
    ]
    for sql in writes:
        if engine.name == "sqlite":
            with pytest.raises(rowgate.NotSupported):
                await db.profile(sql)
        else:
            plan = await db.profile(sql)
            assert filled in {node.target for node in plan.walk()}
    assert await count(db, filled) == (ROWS if engine.name == "sqlite" else ROWS + 1 - 3)


async def test_a_profile_of_a_write_is_refused_where_only_reading_is_allowed(
    db: rowgate.Database, filled: str, engine: Engine
) -> None:
    refusal = rowgate.NotSupported if engine.name == "sqlite" else rowgate.ReadOnly
    with pytest.raises(refusal):
        await db.with_options(read_only=True).profile(f"delete from {filled}")
    assert await count(db, filled) == ROWS


async def test_a_profile_that_fails_changes_nothing(db: rowgate.Database, filled: str, engine: Engine) -> None:
    refusal = rowgate.NotSupported if engine.name == "sqlite" else rowgate.DuplicateKey
    with pytest.raises(refusal) as caught:
        await db.profile(f"insert into {filled} (id, name) values (9001, 'x'), (1, 'y')")
    expected = rowgate.Outcome.NOT_RUN if engine.name == "sqlite" else rowgate.Outcome.ROLLED_BACK
    assert caught.value.outcome is expected
    assert await count(db, filled) == ROWS


async def test_a_profile_is_ended_at_its_deadline(db: rowgate.Database, engine: Engine) -> None:
    refusal = rowgate.NotSupported if engine.name == "sqlite" else rowgate.StatementTimeout
    with pytest.raises(refusal):
        await db.with_options(timeout=1.5).profile(engine.endless)


async def test_the_plan_of_what_takes_for_ever_is_told_at_once(db: rowgate.Database, engine: Engine) -> None:
    assert (await db.explain(engine.endless)).text
    assert (await db.describe_statement(engine.endless)).columns


# DESCRIBE


async def test_a_select_is_described_without_values(db: rowgate.Database, table: str, engine: Engine) -> None:
    described = await db.describe_statement(
        f"select id, name, amount as price from {table} where id = :id and name = :name and id < :id + 5"
    )
    assert [(each.name, each.position) for each in described.parameters] == [("id", 1), ("name", 2)]
    assert [column.name for column in described.columns] == ["id", "name", "price"]
    assert described.only_reads is True
    types = [column.type for column in described.columns]
    if engine.name == "sqlite":
        assert types == [ColumnType.DYNAMIC] * 3
    else:
        assert types == [ColumnType.INT, ColumnType.STRING, ColumnType.DECIMAL]
    told = [(each.type, each.database_type) for each in described.parameters]
    if engine.name == "postgresql":
        assert told == [(ColumnType.INT, "int4"), (ColumnType.STRING, "text")]
    else:
        assert told == [(ColumnType.UNSPECIFIED, "")] * 2


async def test_question_marks_are_described_without_values(db: rowgate.Database, table: str) -> None:
    described = await db.describe_statement(f"select name from {table} where id = ? or name = ?")
    assert [(each.name, each.position) for each in described.parameters] == [("", 1), ("", 2)]


@pytest.mark.parametrize("place", ["in :ids", "in (:ids)", "not in :ids"])
@pytest.mark.parametrize("values", [{}, {"ids": [1, 2], "name": "n"}, {"ids": [], "name": "n"}])
async def test_a_list_behind_in_is_described_as_one_parameter(
    db: rowgate.Database, table: str, engine: Engine, place: str, values: dict[str, Any]
) -> None:
    described = await db.describe_statement(f"select id from {table} where id {place} and name = :name", **values)
    assert [(each.name, each.position) for each in described.parameters] == [("ids", 1), ("name", 2)]
    if engine.name == "postgresql":
        known = values.get("ids") != []
        assert [each.database_type for each in described.parameters] == ["int4" if known else "", "text"]
    assert described.only_reads is True


async def test_a_description_may_be_for_values(db: rowgate.Database) -> None:
    sql = "select :x as x"
    described = await db.describe_statement(sql, x=7)
    assert [column.name for column in described.columns] == ["x"]
    executed = await db.query(sql, x=7)
    assert described.columns == executed.columns
    with pytest.raises(rowgate.InvalidParameter):
        await db.describe_statement("select :x as x, :y as y", x=7)


@pytest.mark.parametrize(
    "sql",
    [
        "select * from {table}",
        "select id, id, count(*), max(id) + 1 as m, 'x' from {table} group by id",
        "select t.name as n, s.* from {table} t left join {table} s on s.id = t.id",
        "with w as (select id as a, name as b from {table}) select b, a, b from w order by a -- the end",
        "values (1, 'x')",
        "select id from {table} union all select 2 order by 1 limit 3",
        "select exists (select 1 from {table}) as e, (select max(id) from {table}), null as empty",
        "select cast(1.5 as decimal(5, 2)) as d, 1.5e0 as f, 'x' as \"x y\"",
    ],
)
async def test_the_columns_described_are_those_of_the_result(
    db: rowgate.Database, table: str, engine: Engine, sql: str
) -> None:
    if engine.name == "mariadb":
        sql = sql.replace('"', "`")
    described = await db.describe_statement(sql.format(table=table))
    executed = await db.query(sql.format(table=table))
    assert described.columns == executed.columns
    assert described.columns
    assert described.only_reads is True


@pytest.mark.parametrize(
    "sql",
    [
        "insert into {table} (id, name) values (:id, :name)",
        "update {table} set name = :name where id = :id",
        "delete from {table} where id = :id or name = :name",
    ],
)
async def test_a_write_is_described_and_not_run(db: rowgate.Database, filled: str, engine: Engine, sql: str) -> None:
    described = await db.describe_statement(sql.format(table=filled))
    assert {each.name for each in described.parameters} == {"id", "name"}
    assert described.columns == ()
    assert described.only_reads is False
    if engine.name == "postgresql":
        types = {each.name: each.type for each in described.parameters}
        assert types == {"id": ColumnType.INT, "name": ColumnType.STRING}
    assert (await db.describe_statement(sql.format(table=filled), id=1, name="changed")).only_reads is False
    assert await count(db, filled) == ROWS
    assert (await db.query(f"select count(*) as n from {filled} where name <> 'n'")).scalar() == 0


async def test_a_returning_is_described_as_far_as_the_engine_tells_it(
    db: rowgate.Database, filled: str, engine: Engine
) -> None:
    described = await db.describe_statement(f"delete from {filled} where id > :id returning id, name")
    names = {"sqlite": ["", ""], "mariadb": [], "postgresql": ["id", "name"]}
    assert [column.name for column in described.columns] == names[engine.name]
    assert described.only_reads is False
    assert await count(db, filled) == ROWS


@pytest.mark.parametrize(
    "sql", ["create table made_by_describe (id integer)", "drop table {table}", "alter table {table} rename to other"]
)
async def test_a_change_of_the_schema_is_described_and_not_made(db: rowgate.Database, table: str, sql: str) -> None:
    described = await db.describe_statement(sql.format(table=table))
    assert (described.columns, described.parameters, described.only_reads) == ((), (), False)
    assert [found.name for found in await db.tables("made_by_describe")] == []
    assert [found.name for found in await db.tables(table)] == [table]


async def test_a_description_and_a_plan_use_no_value_of_a_sequence(db: rowgate.Database, engine: Engine) -> None:
    if engine.name == "sqlite":  # which has none
        return
    await db.query("create sequence numbers_described")
    try:
        argument = "'numbers_described'" if engine.name == "postgresql" else "numbers_described"
        sql = f"select nextval({argument}) as n"
        await db.describe_statement(sql)
        if engine.name == "postgresql":
            await db.explain(sql)
        else:
            with pytest.raises(rowgate.ReadOnly):
                await db.explain(sql)
        assert (await db.query(sql)).scalar() == 1
    finally:
        await db.query("drop sequence numbers_described")


@pytest.fixture
async def writing(db: rowgate.Database, table: str, engine: Engine) -> AsyncIterator[str]:
    """A function that adds a row to the table, and that planners take for a constant; none on SQLite."""
    if engine.name == "sqlite":
        yield ""
        return
    name = f"add_to_{table}"
    body = f"begin insert into {table} (id, name) values (1, 'x'); return 1; end"
    if engine.name == "mariadb":
        await db.query(f"create function {name}() returns integer deterministic modifies sql data {body}")
    else:
        # A function that is declared constant may not write by itself, but call one that does.
        await db.query(f"create function {name}_inside() returns integer language plpgsql as $$ {body} $$")
        body = f"begin return {name}_inside(); end"
        await db.query(f"create function {name}() returns integer language plpgsql immutable as $$ {body} $$")
    yield name
    await db.query(f"drop function {name}")


async def test_neither_a_description_nor_a_plan_lets_a_function_write(
    db: rowgate.Database, table: str, engine: Engine, writing: str
) -> None:
    if engine.name == "sqlite":
        return
    sql = f"select * from {table} where id = {writing}()"
    assert (await db.describe_statement(sql)).columns
    with pytest.raises(rowgate.ReadOnly) as caught:
        await db.explain(sql)
    assert "function" in caught.value.metadata["hint"]
    assert await count(db, table) == 0


async def test_what_locks_rows_or_writes_beside_reading_does_not_only_read(
    db: rowgate.Database, filled: str, engine: Engine
) -> None:
    statements = {
        "sqlite": [f"with w as (select 1 as id) delete from {filled} where id in (select id from w)"],
        "mariadb": [
            f"select * from {filled} where id = 1 for update",
            f"select * from {filled} lock in share mode",
            f"select name from {filled} where id = 1 into @name",
        ],
        "postgresql": [
            f"select * from {filled} where id = 1 for update",
            f"select * from {filled} where id in (select id from {filled} for share)",
            f"with gone as (delete from {filled} returning id) select id from gone",
        ],
    }
    for sql in statements[engine.name]:
        assert (await db.describe_statement(sql)).only_reads is False, sql
    assert await count(db, filled) == ROWS


async def test_words_that_only_look_like_a_write_are_none(db: rowgate.Database, table: str, engine: Engine) -> None:
    quoted = "`update`" if engine.name == "mariadb" else '"update"'
    sql = f"select name as {quoted}, 'insert into; for update' as b from {table} t /* delete */ -- into"
    assert (await db.describe_statement(sql)).only_reads is True


async def test_where_it_is_not_known_whether_a_statement_only_reads_that_is_said(
    db: rowgate.Database, table: str, engine: Engine
) -> None:
    if engine.name == "sqlite":  # which always knows
        return
    statements = {
        "mariadb": [f"analyze select * from {table}"],
        "postgresql": [
            f"explain analyze select * from {table}",
            f"select id into copied from {table}",
            "do 'begin end'",
        ],
    }
    for sql in statements[engine.name]:
        assert (await db.describe_statement(sql)).only_reads is None, sql
    assert [found.name for found in await db.tables("copied")] == []


async def test_an_unknown_table_and_a_mistake_are_told(db: rowgate.Database, table: str, engine: Engine) -> None:
    # Beside a `:name`, PostgreSQL's `?` is an operator.
    mixed = rowgate.InvalidSql if engine.name == "postgresql" else rowgate.InvalidParameter
    for sql, error in (
        ("select * from no_such_table", rowgate.UnknownTable),
        (f"select no_such_column from {table}", rowgate.UnknownColumn),
        (f"selec * from {table}", rowgate.InvalidSql),
        (f"delete {table} from", rowgate.InvalidSql),
        ("select 1; select 2", rowgate.MultipleStatements),
        ("select :a, ?", mixed),
    ):
        with pytest.raises(error) as caught:
            await db.describe_statement(sql)
        assert caught.value.outcome is rowgate.Outcome.NOT_RUN
        assert caught.value.metadata["database"]


async def test_many_descriptions_leave_the_next_call_alone(db: rowgate.Database, table: str) -> None:
    for number in range(20):
        await db.describe_statement(f"select {number} as a from {table} where id = :id")
        await db.explain(f"select {number} as a from {table} where id = :id", id=number)
        assert (await db.query("select :n as n", n=number)).scalar() == number


# Streams, and what is no mode


async def test_a_stream_takes_no_mode_but_execute(
    queries: query_service_pb2_grpc.QueryServiceAsyncStub, engine: Engine, table: str, db: rowgate.Database
) -> None:
    for mode in ("DESCRIBE", "PLAN", "PROFILE"):
        options = query_service_pb2.QueryOptions(mode=query_service_pb2.QueryMode.Value(f"QUERY_MODE_{mode}"))
        request = query_service_pb2.StreamQueryRequest(
            database=engine.name, sql=f"insert into {table} (id, name) values (1, 'x')", options=options
        )
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            async for _ in queries.StreamQuery(request):
                pass
        assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT
        assert mode in (caught.value.details() or "")
    assert await count(db, table) == 0


async def test_a_mode_of_a_newer_client_is_refused_and_not_run(
    queries: query_service_pb2_grpc.QueryServiceAsyncStub, engine: Engine, table: str, db: rowgate.Database
) -> None:
    options = query_service_pb2.QueryOptions(mode=99)  # type: ignore[arg-type]  # a value that these stubs do not know
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await queries.ExecuteQuery(
            query_service_pb2.ExecuteQueryRequest(
                database=engine.name, sql=f"insert into {table} (id, name) values (1, 'x')", options=options
            )
        )
    assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert await count(db, table) == 0
