"""The text of a plan is the one that PostgreSQL itself writes."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import asyncpg
import pytest

from rowgate_server.core.plans import Engine, ask, read
from rowgate_server.engines.values import BoundStatement
from support.postgresql import PostgreSQL

STATEMENTS = [
    "select * from authors where id = 7",
    "select * from authors order by id desc",
    "select id from authors where id > 990 order by id desc",
    "select name, count(*) from authors join books on author_id = authors.id group by name having count(*) > 1",
    "select a.name, b.title from authors a left join books b on b.author_id = a.id where a.id < 5 order by 1, 2 desc",
    "select author_id, count(*) from books group by author_id",
    "select * from books where author_id in (1, 2) or id = 9",
    "select * from authors where not exists (select from books where author_id = authors.id)",
    "select name, (select max(title) from books where author_id = authors.id) from authors where id < 3",
    "select * from authors where id = any (select author_id from books where title like 'B1%')",
    "select id from authors except select author_id from books",
    "select id from authors intersect all select author_id from books",
    "select name from authors union select title from books limit 3",
    "with recursive n(i) as (select 1 union all select i + 1 from n where i < 9) select i from n, authors",
    "with gone as (delete from books where id = 7 returning author_id) select * from gone, authors",
    "select row_number() over (partition by author_id order by title) from books",
    "select * from generate_series(1, 3) as i, lateral (select * from authors order by id offset i limit 1) x",
    'select * from "Odd names" where "a b" = 1',
    "values (1), (2)",
    "select 1 where false",
    "insert into authors select id + 9000, title from books on conflict (id) do update set name = 'x'",
    "update books set title = 'x' from authors where authors.id = author_id and name = 'A1'",
    "delete from books where author_id = 3",
    "merge into authors a using books b on a.id = b.id when matched then delete",
    "select * from books where id = 3 for update",
    "select distinct title from books",
    "select * from pg_class where oid = 'books'::regclass",
]


@pytest.fixture(scope="module")
async def connection(postgresql_server: PostgreSQL) -> AsyncIterator[asyncpg.Connection]:
    connection = await asyncpg.connect(postgresql_server.url, statement_cache_size=0)
    await connection.transaction().start()  # which nobody commits
    await connection.execute("""
        create schema plans;
        set search_path to plans;
        set jit to off;
        create table authors (id integer primary key, name text not null);
        create table books (id integer primary key, author_id integer references authors, title text);
        create table "Odd names" ("a b" integer primary key);
        create index books_by_author on books (author_id);
        insert into authors select i, 'A' || i from generate_series(1, 1000) as i;
        insert into books select i, i % 1000 + 1, 'B' || i from generate_series(1, 5000) as i;
        analyze authors;
        analyze books;
    """)
    yield connection
    await connection.close()


async def text_of(connection: asyncpg.Connection, sql: str, options: str) -> list[str]:
    return [row[0] for row in await connection.fetch(f"explain ({options}) {sql}")]


@pytest.mark.parametrize("sql", STATEMENTS)
async def test_the_text_of_a_plan_is_postgresql_s_own(connection: asyncpg.Connection, sql: str) -> None:
    keyword = sql.split(maxsplit=1)[0].upper()
    asked = ask(Engine.POSTGRESQL, keyword, BoundStatement((sql,), ()), profile=False)
    plan = read(Engine.POSTGRESQL, [(await connection.fetchval(asked.fragments[0]),)])
    *lines, planning = plan.text.splitlines()
    assert lines == await text_of(connection, sql, "costs on")
    assert planning.startswith("Planning Time: ")


@asynccontextmanager
async def having(connection: asyncpg.Connection, **settings: str) -> AsyncIterator[None]:
    """While this lasts: a setting outlives a savepoint that is released, but not one that is rolled back."""
    transaction = connection.transaction()
    await transaction.start()
    for name, value in settings.items():
        await connection.execute(f"set local {name} to {value}")
    yield
    await transaction.rollback()


@pytest.mark.parametrize("way", ["enable_hashjoin", "enable_mergejoin", "enable_nestloop", "enable_hashagg"])
async def test_the_text_is_postgresql_s_own_whichever_way_it_joins(connection: asyncpg.Connection, way: str) -> None:
    async with having(connection, **{way: "off"}):
        for sql in STATEMENTS[3:8]:
            await test_the_text_of_a_plan_is_postgresql_s_own(connection, sql)


async def test_the_text_of_a_parallel_plan_is_postgresql_s_own(connection: asyncpg.Connection) -> None:
    eager = {"parallel_setup_cost": "0", "parallel_tuple_cost": "0", "min_parallel_table_scan_size": "0"}
    async with having(connection, **eager):
        sql = "select count(*) from books join authors on author_id = authors.id where title <> name"
        assert any("Workers Planned" in line for line in await text_of(connection, sql, "costs on"))
        await test_the_text_of_a_plan_is_postgresql_s_own(connection, sql)
