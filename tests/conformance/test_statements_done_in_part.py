"""Statements that destroy, or do a part of what they were to do, before they fail: none is told as undone."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

import rowgate

FAILING = "insert into {t}_k values (7); signal sqlstate '45000'"
READING = {"called": "select {t}_f()", "in a view": "select * from {t}_v"}


@pytest.fixture
async def kept(db: rowgate.Database, table: str) -> AsyncIterator[str]:
    """A function that writes to a table without transactions, and fails."""
    await db.query(f"create table {table}_k (id integer) engine=myisam")
    await db.query(f"create function {table}_f() returns int begin {FAILING.format(t=table)}; return 1; end")
    await db.query(f"create view {table}_v as select {table}_f() as x")
    yield f"{table}_k"
    for what in ("view {}_v", "function {}_f", "table {}_k"):
        await db.query("drop " + what.format(table))


@pytest.mark.engines("mariadb")
@pytest.mark.parametrize("way", [*READING, "set"])
async def test_what_a_function_has_written_without_a_transaction_is_not_told_undone(
    db: rowgate.Database, table: str, kept: str, way: str
) -> None:
    sql = READING.get(way, "set @a = {t}_f()")
    with pytest.raises(rowgate.InvalidSql) as caught:
        await db.query(sql.format(t=table))
    assert caught.value.outcome is rowgate.Outcome.UNKNOWN
    assert (await db.query(f"select count(*) from {kept}")).scalar() == 1


@pytest.mark.engines("mariadb")
async def test_an_error_of_names_behind_a_row_is_not_told_undone(db: rowgate.Database, table: str, kept: str) -> None:
    """A trigger that no longer fits fails when it runs, with the error of a statement that could not be begun."""
    insert = f"insert into {kept} (id) values (5)"
    await db.query(f"create trigger {kept}_t after insert on {kept} for each row set @a = (select gone from {kept}_2)")
    await db.query(f"create table {kept}_2 (id integer) engine=myisam")
    for sql, error, outcome in (
        (insert, rowgate.UnknownColumn, "UNKNOWN"),
        (f"insert into {table} (gone) values (1)", rowgate.UnknownColumn, "ROLLED_BACK"),
        (f"insert into {table}_no (id) values (1)", rowgate.UnknownTable, "ROLLED_BACK"),
    ):
        with pytest.raises(error) as caught:
            await db.query(sql)
        assert (sql, caught.value.outcome) == (sql, outcome)
    assert (await db.query(f"select id from {kept}")).scalar() == 5
    await db.query(f"drop table {kept}_2")


@pytest.mark.engines("mariadb")
async def test_what_only_reads_is_told_undone(db: rowgate.Database, table: str) -> None:
    await db.query(f"insert into {table} (id, name) values (1, 'a')")
    with pytest.raises(rowgate.ValueOutOfRange) as caught:
        await db.query(f"select -id + cast(0 as unsigned) * (9223372036854775807 + id) * 3 from {table}")
    assert caught.value.outcome is rowgate.Outcome.ROLLED_BACK


@pytest.mark.engines("mariadb")
@pytest.mark.parametrize(
    "how",
    [
        "create or replace table {t}_o (i int primary key) as select 1 as i union all select 1",
        "create or replace table {t}_o (i int, foreign key (i) references nothing (j))",
    ],
)
async def test_a_table_that_was_to_be_replaced_is_not_told_to_be_there(
    db: rowgate.Database, table: str, how: str
) -> None:
    await db.query(f"create table {table}_o (i int)")
    try:
        with pytest.raises(rowgate.RowgateError) as caught:
            await db.query(how.format(t=table))
        assert caught.value.outcome is rowgate.Outcome.UNKNOWN
        with pytest.raises(rowgate.UnknownTable):
            await db.query(f"select * from {table}_o")
    finally:
        await db.query(f"drop table if exists {table}_o")


@pytest.mark.parametrize("sql", ["selec 1", "abc", "updat x set y = 1", "from x"])
async def test_a_mistyped_statement_is_told_not_done(db: rowgate.Database, sql: str) -> None:
    async with db.transaction() as transaction:
        with pytest.raises(rowgate.InvalidSql) as within:
            await transaction.query(sql)
        await transaction.rollback()
    with pytest.raises(rowgate.InvalidSql) as alone:
        await db.query(sql)
    with pytest.raises(rowgate.InvalidSql) as streamed:
        async with db.stream(sql) as rows:
            [row async for row in rows]
    for caught in (within, alone, streamed):
        assert caught.value.outcome is rowgate.Outcome.ROLLED_BACK


@pytest.mark.engines("postgresql")
@pytest.mark.parametrize(("sql", "outcome"), [("call nothing(1)", "ROLLED_BACK"), ("call {t}_p()", "UNKNOWN")])
async def test_a_call_that_was_never_prepared_is_told_not_done(
    db: rowgate.Database, table: str, sql: str, outcome: str
) -> None:
    body = f"insert into {table} (id, name) values (1, 'a'); commit; raise exception 'no'"
    await db.query(f"create procedure {table}_p() language plpgsql as $$ begin {body}; end $$")
    try:
        with pytest.raises(rowgate.InvalidSql) as caught:
            await db.query(sql.format(t=table))
        assert caught.value.outcome == outcome
        assert (await db.query(f"select count(*) from {table}")).scalar() == (outcome == "UNKNOWN")
    finally:
        await db.query(f"drop procedure {table}_p")


@pytest.mark.engines("postgresql")
@pytest.mark.parametrize(("how", "outcome"), [("concurrently", "UNKNOWN"), ("", "ROLLED_BACK")])
async def test_an_index_that_stays_is_not_told_undone(db: rowgate.Database, table: str, how: str, outcome: str) -> None:
    await db.query(f"insert into {table} (id, name) values (1, 'a'), (2, 'a')")
    with pytest.raises(rowgate.DuplicateKey) as caught:
        await db.query(f"create unique index {how} {table}_i on {table} (name)")
    stays = (await db.query(f"select count(*) from pg_class where relname = '{table}_i'")).scalar()
    assert (caught.value.outcome, bool(stays)) == (outcome, outcome == "UNKNOWN")
