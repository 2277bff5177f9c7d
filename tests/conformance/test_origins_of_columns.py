"""A result's columns tell their table, and whether NULL can occur."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

import rowgate
from support.transactions import Transact

telling = pytest.mark.engines("mariadb", "postgresql")
"""Python's sqlite3 hands on neither."""


@pytest.fixture
async def pair(db: rowgate.Database, table: str) -> AsyncIterator[tuple[str, str]]:
    """Two tables with a column that is NOT NULL and one that is not; the second one has no rows."""
    other = f"{table}_b"
    await db.query(f"create table {other} (id integer primary key, note varchar(9))")
    await db.query(f"insert into {table} (id, name) values (1, 'a')")
    yield table, other
    await db.query(f"drop table if exists {other}")


async def origins(db: rowgate.Database, sql: str) -> list[tuple[str, bool | None]]:
    return [(column.table, column.nullable) for column in (await db.query(sql)).columns]


@telling
async def test_a_join_tells_the_table_of_each_column(db: rowgate.Database, pair: tuple[str, str]) -> None:
    a, b = pair
    sql = f"select a.name, b.note, a.id, 1 + 1 as two, x.amount from {a} a join {b} b using (id) cross join {a} x"
    told = await origins(db, sql)
    assert [table for table, _ in told] == [a, b, a, "", a]
    assert [nullable for _, nullable in told][:3] == [False, True, False]
    assert told[4] == (a, True)
    described = (await db.describe_statement(sql)).columns
    assert [column.table for column in described][:3] == [a, b, a]


@telling
async def test_a_column_that_an_outer_join_fills_with_nulls_is_not_said_to_have_none(
    db: rowgate.Database, pair: tuple[str, str]
) -> None:
    a, b = pair
    for sql in (
        f"select b.id from {a} a left join {b} b on b.id = a.id",
        f"select b.id from {b} b right join {a} a on b.id = a.id",
    ):
        result = await db.query(sql)
        assert result.scalar() is None
        assert result.columns[0].table == b
        assert result.columns[0].nullable is not False


@telling
async def test_a_table_that_was_renamed_is_told_by_its_new_name(db: rowgate.Database, pair: tuple[str, str]) -> None:
    _, b = pair
    assert await origins(db, f"select note from {b}") == [(b, True)]
    await db.query(f"alter table {b} rename to {b}_new")
    try:
        assert await origins(db, f"select note from {b}_new") == [(f"{b}_new", True)]
    finally:
        await db.query(f"alter table {b}_new rename to {b}")
    assert await origins(db, f"select note from {b}") == [(b, True)]


@telling
async def test_a_stream_tells_it_with_its_first_rows(db: rowgate.Database, pair: tuple[str, str]) -> None:
    a, _ = pair
    async with db.stream(f"select name, amount from {a}") as stream:
        assert [[(c.table, c.nullable) for c in stream.columns] async for _ in stream] == [[(a, False), (a, True)]]


@pytest.mark.engines("postgresql")
async def test_a_name_that_was_never_committed_is_not_told_outside(
    db: rowgate.Database, pair: tuple[str, str], tx: Transact
) -> None:
    _, b = pair
    assert (await tx.sql(f"alter table {b} rename to {b}_in")).kind == "execute_query"
    inside = await tx.sql(f"select note from {b}_in")
    assert [column.table for column in inside.parts[0].execute_query.result.columns] == [f"{b}_in"]
    await tx.rollback()
    assert await origins(db, f"select note from {b}") == [(b, True)]
