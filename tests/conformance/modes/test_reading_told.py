"""Neither DESCRIBE nor PLAN writes, and what writes is not said to read only."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

import rowgate
from support.engines import Engine
from support.rows import ROWS, count


@pytest.fixture
async def writing(db: rowgate.Database, table: str, engine: Engine) -> AsyncIterator[str]:
    """A function that adds a row to the table, and that planners take for a constant."""
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


@pytest.mark.engines("mariadb", "postgresql")  # SQLite's functions are the gateway's own
async def test_neither_a_description_nor_a_plan_lets_a_function_write(
    db: rowgate.Database, table: str, writing: str
) -> None:
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


@pytest.mark.engines("mariadb", "postgresql")  # SQLite always knows
async def test_where_it_is_not_known_whether_a_statement_only_reads_that_is_said(
    db: rowgate.Database, table: str, engine: Engine
) -> None:
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
