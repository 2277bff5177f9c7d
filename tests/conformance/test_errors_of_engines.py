"""What goes wrong has the same name on every engine, tells what it knows, and leaves the next call alone."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from typing import Any

import grpc
import pytest

import rowgate
from support.engines import Engine


@pytest.fixture(autouse=True)
async def the_next_call_works(db: rowgate.Database) -> AsyncIterator[None]:
    yield
    assert (await db.query("select 'next' as x")).scalar() == "next"


@pytest.fixture
async def child(db: rowgate.Database, table: str) -> AsyncIterator[str]:
    """A table that refers to `table`."""
    name = f"{table}_child"
    await db.query(
        f"create table {name} (id integer primary key, thing integer not null, "
        f"constraint {name}_fk foreign key (thing) references {table} (id))"
    )
    yield name
    await db.query(f"drop table {name}")


async def test_sql_that_the_database_refuses(db: rowgate.Database, engine: Engine) -> None:
    with pytest.raises(rowgate.InvalidSql) as caught:
        await db.query("selec 1")
    error = caught.value
    assert error.code is grpc.StatusCode.INVALID_ARGUMENT
    assert "selec" in error.message
    assert error.metadata["database"] == engine.name
    assert error.metadata["correlation_id"]


async def test_a_table_that_is_not_there(db: rowgate.Database, engine: Engine) -> None:
    for sql in ("select * from nowhere", "delete from nowhere", "drop table nowhere"):
        with pytest.raises(rowgate.UnknownTable) as caught:
            await db.query(sql)
        assert caught.value.code is grpc.StatusCode.NOT_FOUND
        assert caught.value.metadata["table"] == "nowhere"
        assert ("schema" in caught.value.metadata) is (engine.name == "mariadb"), "where the database tells it"


async def test_a_table_that_is_not_there_in_a_schema(db: rowgate.Database, table: str) -> None:
    (found,) = await db.tables(table)
    schema = found.schema
    with pytest.raises(rowgate.UnknownTable) as caught:
        await db.query(f"select * from {schema}.nowhere")
    assert (caught.value.metadata["schema"], caught.value.metadata["table"]) == (schema, "nowhere")


async def test_a_column_that_is_not_there(db: rowgate.Database, table: str) -> None:
    with pytest.raises(rowgate.UnknownColumn):
        await db.query(f"select missing from {table}")
    with pytest.raises(rowgate.UnknownColumn) as caught:
        await db.query(f"select t.missing from {table} t")
    assert caught.value.metadata["column"] == "missing"
    assert caught.value.metadata["table"] == "t"


async def test_a_key_that_is_taken(db: rowgate.Database, table: str) -> None:
    await db.query(f"insert into {table} (id, name) values (1, 'a')")
    with pytest.raises(rowgate.DuplicateKey) as caught:
        await db.query(f"insert into {table} (id, name) values (:id, :name)", id=1, name="planted-secret")
    error = caught.value
    assert error.code is grpc.StatusCode.ALREADY_EXISTS
    assert error.metadata["constraint"]
    assert error.outcome is rowgate.Outcome.ROLLED_BACK
    assert "planted-secret" not in str(error) + repr(error.metadata)


async def test_a_missing_value(db: rowgate.Database, table: str) -> None:
    with pytest.raises(rowgate.NotNullViolation) as caught:
        await db.query(f"insert into {table} (id, name) values (1, null)")
    assert caught.value.metadata["column"] == "name"


async def test_a_check_that_does_not_hold(db: rowgate.Database, table: str) -> None:
    with pytest.raises(rowgate.CheckViolation) as caught:
        await db.query(f"insert into {table} (id, name, amount) values (1, 'a', :x)", x=-5)
    assert caught.value.metadata["constraint"] == "positive"


async def test_a_reference_to_nothing(db: rowgate.Database, child: str) -> None:
    with pytest.raises(rowgate.ForeignKeyViolation) as caught:
        await db.query(f"insert into {child} (id, thing) values (1, 99)")
    assert caught.value.code is grpc.StatusCode.FAILED_PRECONDITION


async def test_a_row_that_others_refer_to(db: rowgate.Database, table: str, child: str) -> None:
    await db.query(f"insert into {table} (id, name) values (1, 'a')")
    await db.query(f"insert into {child} (id, thing) values (1, 1)")
    with pytest.raises(rowgate.ForeignKeyViolation):
        await db.query(f"delete from {table}")
    await db.query(f"delete from {child}")


@pytest.mark.engines("mariadb", "postgresql")
async def test_a_value_that_does_not_fit(db: rowgate.Database, table: str) -> None:
    with pytest.raises(rowgate.ValueOutOfRange) as caught:
        await db.query(f"insert into {table} (id, name) values (1, :name)", name="planted-secret" * 10)
    assert "planted-secret" not in str(caught.value) + repr(caught.value.metadata)


@pytest.mark.engines("sqlite")
async def test_a_statement_puts_any_value_into_any_cell_of_sqlite(db: rowgate.Database, table: str) -> None:
    await db.query(f"insert into {table} (id, name, amount) values (1, :name, 1)", name="x" * 41)
    assert (await db.query(f"select length(name) from {table}")).scalar() == 41


@pytest.mark.parametrize(
    "sql", ["", "   \n\t", "-- only a comment", "/* only a comment */", ";", " ;; ", "-- a\n/* b */ ;"]
)
async def test_no_sql_at_all(db: rowgate.Database, sql: str) -> None:
    with pytest.raises(rowgate.InvalidSql) as caught:
        await db.query(sql)
    assert caught.value.field_violations[0].field == "sql"


@pytest.mark.parametrize("sql", ["select 1; select 2", "select 1 ; ; drop table x", "select ';'; delete from x -- ;"])
async def test_two_statements(db: rowgate.Database, sql: str) -> None:
    with pytest.raises(rowgate.MultipleStatements):
        await db.query(sql)


async def test_a_trailing_semicolon_is_fine(db: rowgate.Database) -> None:
    assert (await db.query("select 1 as x ; -- done")).scalar() == 1


async def test_a_megabyte_of_sql_runs_and_one_byte_more_is_refused(db: rowgate.Database) -> None:
    sql = "select 'x' as x /*{}*/"
    room = 1024 * 1024 - len(sql) + 2
    assert (await db.query(sql.format("y" * room))).scalar() == "x"
    with pytest.raises(rowgate.InvalidSql) as caught:
        await db.query(sql.format("y" * (room + 1)))
    assert caught.value.metadata["limit"] == "1048576 bytes"


async def test_nul_bytes_in_sql(db: rowgate.Database) -> None:
    with pytest.raises(rowgate.InvalidSql):
        await db.query("select '\0' as x")


async def test_a_deeply_nested_statement_is_the_databases_to_judge(db: rowgate.Database) -> None:
    with contextlib.suppress(rowgate.RequestError):
        await db.query("select " + "(" * 3000 + "1" + ")" * 3000 + " as x")


async def test_a_parameter_without_a_value(db: rowgate.Database) -> None:
    with pytest.raises(rowgate.InvalidParameter) as caught:
        await db.query("select :product as x", produkt=1)
    assert caught.value.field_violations[0].field.startswith("params")


async def test_a_question_mark_without_a_value(db: rowgate.Database, engine: Engine) -> None:
    with pytest.raises(rowgate.RequestError) as caught:
        await db.query("select ? as x")
    if engine.name == "postgresql":  # where it may be an operator
        assert "positional_params" in caught.value.metadata["hint"]
    else:
        assert isinstance(caught.value, rowgate.InvalidParameter)


async def test_a_value_without_a_parameter(db: rowgate.Database) -> None:
    with pytest.raises(rowgate.InvalidParameter):
        await db.query("select 1 as x", x=1)
    with pytest.raises(rowgate.InvalidParameter):
        await db.query("select ? as x", 1, 2)


BAD_VALUES: dict[str, Any] = {
    "mariadb": rowgate.TemporalText("31.1.2024", rowgate.ColumnType.DATE),
    "postgresql": rowgate.TemporalText("31.1.2024", rowgate.ColumnType.DATE),
    "sqlite": 2**63,
}


@pytest.mark.parametrize(
    ("sql", "parameter", "field"),
    [
        ("select :a as a, cast(:bad as date) as b", "bad", "params[bad]"),
        ("select 1 where current_date in :list and 'x' = :a", "list", "params[list].list_value[1]"),
        ("select 1 where 'x' in :empty or 'x' = :a or current_date = :bad", "bad", "params[bad]"),
    ],
)
async def test_a_value_that_the_engine_does_not_take_is_named(
    db: rowgate.Database, engine: Engine, sql: str, parameter: str, field: str
) -> None:
    bad = BAD_VALUES[engine.name]
    given = {"a": "x", "bad": bad, "list": [None, bad], "empty": []}
    params = {name: value for name, value in given.items() if f":{name}" in sql}
    for call in (db.query, db.explain):
        with pytest.raises((rowgate.InvalidParameter, rowgate.ValueOutOfRange)) as caught:
            await call(sql, **params)
        assert caught.value.metadata["parameter"] == parameter
        assert [violation.field for violation in caught.value.field_violations] == [field]
        assert caught.value.outcome is rowgate.Outcome.NOT_RUN
        assert "31.1" not in str(caught.value)


async def test_a_positional_value_that_the_engine_does_not_take_is_named(db: rowgate.Database, engine: Engine) -> None:
    stream = db.stream("select ? as a, cast(? as date) as b", "x", BAD_VALUES[engine.name])
    with pytest.raises((rowgate.InvalidParameter, rowgate.ValueOutOfRange)) as caught:
        assert [row async for row in stream] == []
    assert caught.value.metadata["parameter"] == "2"
    assert caught.value.field_violations[0].field == "positional_params[1]"


async def test_a_database_that_is_not_served(client: rowgate.Client) -> None:
    with pytest.raises(rowgate.UnknownDatabase) as caught:
        await client.using("nowhere").query("select 1 as x")
    assert caught.value.code is grpc.StatusCode.NOT_FOUND


@pytest.mark.engines("postgresql")
@pytest.mark.parametrize("sql", ["alter database nowhere set work_mem = '1MB'", "drop database nowhere"])
async def test_a_statement_about_a_database_that_is_not_there_tells_of_no_outage(
    db: rowgate.Database, sql: str
) -> None:
    with pytest.raises(rowgate.InvalidSql) as caught:
        await db.query(sql)
    assert 'database "nowhere" does not exist' in caught.value.message
    assert caught.value.retry_after is None


async def test_a_statement_that_takes_too_long(db: rowgate.Database, engine: Engine) -> None:
    with pytest.raises(rowgate.StatementTimeout) as caught:
        await db.with_options(timeout=1.5).query(engine.endless)
    assert caught.value.code is grpc.StatusCode.DEADLINE_EXCEEDED
    assert caught.value.metadata["limit"].startswith("options.timeout")
    assert caught.value.outcome is rowgate.Outcome.UNKNOWN


async def test_a_fault_of_the_callers_is_never_internal(db: rowgate.Database) -> None:
    for sql in ("select * from", "insert into", "'", '"', "1", "select 1 union", "values", "\\", "{}", "select @", ")"):
        with pytest.raises(rowgate.RequestError) as caught:
            await db.query(sql)
        assert caught.value.code in (grpc.StatusCode.INVALID_ARGUMENT, grpc.StatusCode.NOT_FOUND), sql
