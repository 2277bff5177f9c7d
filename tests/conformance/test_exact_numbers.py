"""MariaDB's text protocol rounds FLOATs, and DOUBLEs with fixed decimals. No caller gets them so."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

import pytest

import rowgate
from support.mariadb import MariaDB

_EXACT = [16777215.0, 0.10000000149011612]
"""Two FLOATs that six digits do not tell."""


@pytest.fixture
def db(client: rowgate.Client) -> rowgate.Database:
    return client.using("mariadb")


@pytest.fixture
async def floats(db: rowgate.Database) -> AsyncIterator[str]:
    await db.query("create or replace table exact (id int primary key, d double, f float)")
    await db.query("insert into exact values (1, 16777217, 16777215), (2, 0.1, 0.1)")
    yield "exact"
    await db.query("drop table exact")


@pytest.fixture
async def procedure(db: rowgate.Database, floats: str) -> AsyncIterator[str]:
    await db.query(
        "create or replace procedure exact_p() "
        f"begin select f from {floats}; select 1 as x; select d from {floats}; end"
    )
    yield "exact_p"
    await db.query("drop procedure exact_p")


@pytest.fixture
def no_prepared_statements(mariadb_server: MariaDB) -> Iterator[None]:
    mariadb_server.execute("set global max_prepared_stmt_count = 0")
    yield
    mariadb_server.execute("set global max_prepared_stmt_count = default")


async def column(db: rowgate.Database, sql: str, **params: float | None) -> list[object]:
    return [row[0] for row in await db.query(sql, **params)]


def prepared(server: MariaDB) -> int:
    """How many statements have been run prepared."""
    return int(server.execute("show global status like 'Com_stmt_execute'")[0][1])


async def test_floats_are_exact_when_a_value_of_another_type_had_made_doubles_of_them(
    db: rowgate.Database, floats: str
) -> None:
    sql = f"select coalesce(:a, f) from {floats}"
    assert await column(db, sql, a=1.5) == [1.5, 1.5]
    assert await column(db, sql, a=None) == _EXACT
    assert await column(db, sql, a=1.5) == [1.5, 1.5]
    assert await column(db, sql, a=None) == _EXACT


@pytest.mark.parametrize("called", ["d", "greatest(d, d)"])
async def test_floats_are_exact_when_their_column_was_altered(db: rowgate.Database, floats: str, called: str) -> None:
    sql = f"select {called} from {floats}"
    assert await column(db, sql) == [16777217.0, 0.1]
    await db.query(f"alter table {floats} modify d float")
    assert await column(db, sql) == [16777216.0, 0.10000000149011612]


async def test_floats_are_exact_in_a_stream_when_their_column_was_altered(db: rowgate.Database, floats: str) -> None:
    async def stream() -> list[object]:
        async with db.stream(f"select d from {floats}") as rows:
            return [row[0] async for row in rows]

    assert await stream() == [16777217.0, 0.1]
    await db.query(f"alter table {floats} modify d float")
    assert await stream() == [16777216.0, 0.10000000149011612]


@pytest.mark.parametrize(
    "sql",
    [
        "begin not atomic select f from exact; end",
        "set statement max_statement_time = 9 for select f from exact",
        "set/**/statement max_statement_time = 9 for select f from exact",
        "if 1 then select f from exact; end if",
        "replace into exact select * from exact returning f",
        "-- set\n(select f from exact)",
    ],
)
async def test_floats_are_exact_whatever_returns_them(db: rowgate.Database, floats: str, sql: str) -> None:
    del floats
    assert await column(db, sql) == _EXACT


async def test_a_procedure_answers_with_its_first_result_and_counts_the_others(
    db: rowgate.Database, procedure: str
) -> None:
    for _ in range(2):
        result = await db.query(f"call {procedure}()")
        assert [row[0] for row in result] == _EXACT
        assert [warning.message[:21] for warning in result.warnings] == ["2 further result set("]
    assert await column(db, "select 1") == [1]


async def test_doubles_with_fixed_decimals_are_exact(db: rowgate.Database) -> None:
    await db.query("create or replace table exact_d (d double(10, 2), g float(7, 2))")
    try:
        await db.query("insert into exact_d values (1, 1), (2, 2), (2, 2)")
        row = (await db.query("select pi(), avg(d), avg(g) from exact_d")).one()
        assert tuple(row) == (3.141592653589793, 5 / 3, 5 / 3)
    finally:
        await db.query("drop table exact_d")


async def test_what_writes_is_not_run_twice_to_be_exact(
    db: rowgate.Database, floats: str, mariadb_server: MariaDB
) -> None:
    await db.query("create or replace table exact_log (i int)")
    mariadb_server.script(
        "create or replace function rowgate_test.exact_w() returns int "
        "begin insert into exact_log values (1); return 1; end"
    )
    try:
        sql = f"select d, exact_w() from {floats} where id = 2"
        await db.query(sql)
        await db.query(f"alter table {floats} modify d float")
        with pytest.raises(rowgate.SerializationFailure) as caught:
            await db.query(sql)
        assert caught.value.outcome is rowgate.Outcome.UNKNOWN
        assert await column(db, "select count(*) from exact_log") == [2]
        assert await column(db, sql) == [0.10000000149011612]
        assert await column(db, "select count(*) from exact_log") == [3]
    finally:
        mariadb_server.execute("drop function rowgate_test.exact_w")
        await db.query("drop table exact_log")


async def test_what_was_first_run_in_a_transaction_is_no_dearer_for_it(
    db: rowgate.Database, floats: str, mariadb_server: MariaDB
) -> None:
    sql = f"select id as first_in_one from {floats}"
    async with db.transaction() as tx:
        assert (await tx.query(sql)).scalars() == [1, 2]
    before = prepared(mariadb_server)
    for _ in range(3):
        assert await column(db, sql) == [1, 2]
    assert prepared(mariadb_server) == before


async def test_types_that_have_changed_are_told_in_a_transaction_and_exact_the_next_time(
    db: rowgate.Database, floats: str
) -> None:
    sql = f"select coalesce(:a, f) as in_one from {floats}"
    async with db.transaction() as tx:
        assert (await tx.query(sql, a=1.5)).scalars() == [1.5, 1.5]
        with pytest.raises(rowgate.SerializationFailure) as caught:
            await tx.query(sql, a=None)
        assert "the next time its numbers are exact" in caught.value.metadata["hint"]
        assert (await tx.query(sql, a=None)).scalars() == _EXACT


async def test_floats_are_refused_where_nothing_can_be_prepared(
    db: rowgate.Database, floats: str, no_prepared_statements: None
) -> None:
    del no_prepared_statements
    with pytest.raises(rowgate.NotSupported):
        await db.query(f"select f as refused from {floats}")
    assert await column(db, f"select id as taken from {floats}") == [1, 2]


@pytest.mark.parametrize("number", [65_536, 65_791, 70_000])
async def test_more_columns_than_the_database_can_count_are_the_caller_s_fault(
    db: rowgate.Database, number: int
) -> None:
    assert len((await db.query("select " + ",".join(["1"] * 65_535))).columns) == 65_535
    with pytest.raises(rowgate.InvalidSql) as caught:
        await db.query("select " + ",".join(["1"] * number))
    assert caught.value.outcome is rowgate.Outcome.NOT_RUN
    assert caught.value.metadata["limit"] == "65535 columns"
    for _ in range(8):
        assert await column(db, "select 7") == [7]
