"""DESCRIBE: parameters, columns and whether a statement only reads, without running it."""

from __future__ import annotations

from typing import Any

import pytest

import rowgate
from rowgate import ColumnType
from support.engines import Engine
from support.rows import ROWS, count


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


@pytest.mark.engines("mariadb", "postgresql")  # SQLite has no sequences
async def test_a_description_and_a_plan_use_no_value_of_a_sequence(db: rowgate.Database, engine: Engine) -> None:
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
