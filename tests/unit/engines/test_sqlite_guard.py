"""What a caller's SQL may not do on SQLite, tried on a real connection with the guard as its authorizer."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from rowgate_server.engines.dialects.sqlite.guard import Guard


@pytest.fixture
def guard() -> Guard:
    return Guard()


@pytest.fixture
def connection(guard: Guard, tmp_path: Path) -> Iterator[sqlite3.Connection]:
    file = tmp_path / "secret" / "data.db"
    file.parent.mkdir()
    with closing(sqlite3.connect(file, isolation_level=None, cached_statements=0)) as connection:
        connection.execute("create table things (id integer primary key, name text)")
        connection.execute("create index by_name on things (name)")
        connection.set_authorizer(guard)
        yield connection


@pytest.mark.parametrize(
    "sql",
    [
        "attach 'other.db' as other",
        "attach ':memory:' as other",
        "detach main",
        "vacuum into 'copy.db'",
        "vacuum",
        "pragma writable_schema = on",
        "pragma WRITABLE_SCHEMA(1)",
        "pragma main.writable_schema = 1",
        "pragma journal_mode = delete",
        "pragma journal_mode",
        "pragma query_only = off",
        "pragma foreign_keys = off",
        "pragma foreign_keys(0)",
        "pragma user_version = 5",
        "pragma application_id = 5",
        "pragma data_version = 5",
        "pragma temp_store_directory = '/tmp'",
        "pragma mmap_size = 0",
        "pragma locking_mode = exclusive",
        "pragma trusted_schema = on",
        "pragma cache_size",
        "pragma database_list",
        "pragma wal_checkpoint",
        "pragma optimize",
        "pragma nonsense",
        "select * from pragma_database_list",
        "select load_extension('evil')",
        "select LOAD_EXTENSION('evil', 'init')",
        "select fts3_tokenizer('simple', x'00')",
        "update sqlite_schema set sql = ''",
        "delete from sqlite_master",
    ],
)
def test_what_reaches_files_or_settings_is_denied(connection: sqlite3.Connection, guard: Guard, sql: str) -> None:
    with pytest.raises(sqlite3.DatabaseError, match=r"auth|may not be modified|no such function: fts3"), guard:
        connection.execute(sql).fetchall()


@pytest.mark.parametrize(
    "sql",
    [
        "select 1",
        "insert into things (name) values ('a') returning id",
        "update things set name = 'b'",
        "create table other (i); drop table other",
        "create temp table other (i)",
        "alter table things add column note text",
        "create view names as select name from things",
        "create trigger t after insert on things begin select 1; end",
        "with recursive s (i) as (select 1 union all select i + 1 from s where i < 5) select sum(i) from s",
        "select * from sqlite_schema",
        "select upper('a'), json('{}'), date('now'), count(*) from things",
        "begin; commit",
        "analyze",
        "reindex",
        "pragma table_info(things)",
        "pragma main.table_xinfo('things')",
        "pragma TABLE_LIST",
        "pragma index_list(things)",
        "pragma index_info(by_name)",
        "pragma foreign_key_list(things)",
        "pragma foreign_key_check",
        "pragma integrity_check",
        "pragma quick_check(5)",
        "pragma collation_list",
        "pragma user_version",
        "pragma encoding",
        "pragma foreign_keys",
        "pragma page_count",
        "select * from pragma_table_info('things')",
        "explain query plan select * from things",
    ],
)
def test_what_stays_inside_the_database_is_allowed(connection: sqlite3.Connection, guard: Guard, sql: str) -> None:
    for statement in sql.split("; ") if "trigger" not in sql else [sql]:
        with guard:
            connection.execute(statement).fetchall()


def test_full_text_tables_work(connection: sqlite3.Connection, guard: Guard) -> None:
    with guard:
        connection.execute("create virtual table notes using fts5 (body)")
        connection.execute("insert into notes values ('hello world')")
        found = connection.execute("select body from notes where notes match 'hello'").fetchall()
        connection.execute("drop table notes")
    assert found == [("hello world",)]


def test_the_gateway_s_own_statements_are_not_denied(connection: sqlite3.Connection, guard: Guard) -> None:
    connection.execute("pragma query_only = on")
    with guard:
        assert connection.execute("select 1").fetchone() == (1,)
    connection.execute("pragma query_only = off")


def test_the_guard_opens_again_after_an_error(connection: sqlite3.Connection, guard: Guard) -> None:
    with pytest.raises(sqlite3.DatabaseError), guard:
        connection.execute("pragma journal_mode")
    connection.execute("pragma journal_mode")


@pytest.mark.parametrize("name", ["load_extension", "fts3_tokenizer", "readfile", "writefile", "edit", "WriteFile"])
def test_functions_that_reach_files_are_denied_wherever_they_are_built_in(guard: Guard, name: str) -> None:
    with guard:
        assert guard(sqlite3.SQLITE_FUNCTION, None, name, None, None) == sqlite3.SQLITE_DENY


def test_nothing_unknown_denies_what_has_no_name(guard: Guard) -> None:
    with guard:
        assert guard(sqlite3.SQLITE_PRAGMA, None, None, None, None) == sqlite3.SQLITE_DENY
        assert guard(sqlite3.SQLITE_FUNCTION, None, None, None, None) == sqlite3.SQLITE_OK
        assert guard(sqlite3.SQLITE_SELECT, None, None, None, None) == sqlite3.SQLITE_OK
    assert guard(sqlite3.SQLITE_ATTACH, "x", None, None, None) == sqlite3.SQLITE_OK
