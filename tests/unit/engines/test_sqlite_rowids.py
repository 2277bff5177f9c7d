"""An INSERT on SQLite tells the rowid that it has given, and never that of another one."""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path

import pytest

from rowgate_server.engines.deadline import Deadline
from rowgate_server.engines.driver import TransactionOptions
from support.sqlites import SQLite, call

GIVEN: list[tuple[str, int | None]] = [
    ("insert into things (id) values (8)", 8),
    ("insert into others (id) values (77)", 77),
    ("insert into others (id) values (7)", 7),
    ("replace into things (id) values (7)", 7),
    ("insert into texts (rowid, x) values (7, 'a')", 7),
    ("insert into noted (id) values (7)", 7),
    ("insert into keyed values ('a')", None),
    ("insert into noted_keyed values ('a')", None),
    ("insert into things (id, name) values (7, 'a') on conflict (id) do update set name = excluded.name", None),
    ("insert or ignore into things (id) values (7)", None),
    ("insert into things (id) select 9 where false", None),
    ("insert into seen (id) values (9)", None),
    ("update things set name = 'a'", None),
]
"""What gives which rowid, once 7 was given in `things`."""


@pytest.fixture
async def db(tmp_path: Path) -> AsyncIterator[SQLite]:
    file = tmp_path / "data.db"
    with closing(sqlite3.connect(file)) as connection:
        connection.executescript(
            "create table things (id integer primary key, name text); create table others (id integer primary key);"
            "create table keyed (k text primary key) without rowid; create virtual table texts using fts5(x);"
            "create table noted (id integer primary key); create table log (id integer primary key);"
            "create table noted_keyed (k text primary key) without rowid;"
            "create trigger notes after insert on noted begin"
            " insert into log values (1) on conflict do update set id = id; end;"
            "create trigger notes_keyed after insert on noted_keyed begin insert into log values (2); end;"
            "create view seen as select id from things;"
            "create trigger sees instead of insert on seen begin insert into log values (3); end;"
        )
    sqlite = SQLite(file)
    yield sqlite
    await sqlite.pool.close()


@pytest.mark.parametrize(("sql", "given"), GIVEN)
async def test_each_statement_tells_its_own(db: SQLite, sql: str, given: int | None) -> None:
    await db.run("insert into things (id) values (7)")
    error = await db.refusal("insert into things (id) values (700), (7)")
    assert error.outcome == "ROLLED_BACK"
    assert (await db.run(sql)).stats.completion.last_insert_id == given


@pytest.mark.parametrize(("sql", "given"), GIVEN)
async def test_so_does_each_of_a_transaction(db: SQLite, sql: str, given: int | None) -> None:
    async with db.executor.transaction(TransactionOptions(), Deadline.soonest((30, "the test"))) as transaction:
        first = await transaction.run(call("insert into things (id) values (7)"))
        assert first.stats.completion.last_insert_id == 7
        assert (await transaction.run(call(sql))).stats.completion.last_insert_id == given
        (seen,) = (await transaction.run(call("select last_insert_rowid()"))).rows
        assert seen == (given or 7,)  # SQLite's own function is left as it is
