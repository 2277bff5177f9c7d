"""What statements are told apart by what they may do to the transaction and session that they run in."""

from __future__ import annotations

import time

import pytest

from rowgate_server.core.sqltext import parse
from rowgate_server.core.sqltext.effects import Effect, effect_of
from rowgate_server.engines.dialects import Dialect

_CASES: dict[Dialect, dict[Effect, tuple[str, ...]]] = {
    Dialect.MYSQL: {
        Effect.READS: (
            "select 1",
            "(select 1) union (select 2)",
            "SHOW TABLES",
            "with a as (select 1) select * from a",
            "select 1 into @outfile",
            "select outfile, 'into outfile' from t",
            "select `into` from outfile",
        ),
        Effect.WRITES: (
            "insert into begin values (1)",
            "load data infile 'x' into table t",
            "delete from t",
            "replace into t values (1)",
            "update t set a=1",
        ),
        Effect.CONTROLS: (
            "begin",
            "BEGIN WORK",
            "start transaction read only",
            "start /* x */ transaction",
            "commit",
            "-- x\nrollback",
            "savepoint s",
            "release savepoint s",
            "xa start 'x'",
            "lock tables t write",
            "unlock tables",
            "set autocommit = 0",
            "set autocommit=:a",
            "SET @a = 1, @@session.autocommit := 0",
            "set session `autocommit` = 0",
            "set @@tx_isolation = 'SERIALIZABLE'",
            "set transaction isolation level serializable",
            "set session transaction read write",
            "set local transaction read write",
            "set completion_type = 1",
            "set statement max_statement_time = 1 for commit",
            "set/**/statement tx_read_only = 0 for insert into t values (1)",
        ),
        Effect.HIDES: (
            "begin not atomic commit; end",
            "begin/**/not atomic end",
            "set statement max_statement_time = 1 for select 1",
            "call p()",
            "execute immediate 'commit'",
            "prepare p from 'commit'",
            "execute p",
            "if 1 then commit; end if",
            "case 1 when 1 then commit; end case",
            "analyze format=json delete from t",
        ),
        Effect.COMMITS: (
            "create table t (a int)",
            "alter table t add b int",
            "truncate t",
            "analyze table t",
            "analyze tables t",
            "set password = 'x'",
            "set @a = 1, password for u = password('x')",
            "set default role none",
            "set session sql_mode = '', default role r for u",
            "create temporary sequence s",
            "create or replace temporary sequence s",
            "create or replace table t (a int)",
            "drop table t",
            "load index into cache t",
            "start slave",
            "flush tables",
        ),
        Effect.OTHER: (
            "set @autocommit = 0",
            "set @a = @@autocommit",
            "set @a = 'autocommit = 0'",
            "set names utf8mb4",
            "use a",
            "kill 7",
            "create temporary table t (a int)",
            "create or replace temporary table t (a int)",
            "drop temporary table if exists t",
            "drop temporary sequence s",
            "set role none",
            "set @password = 'x', @@default_storage_engine = 'role'",
            "select * from t into outfile '/x'",
            "select 1 INTO/**/DUMPFILE '/x'",
            "nonsense",
        ),
    },
    Dialect.POSTGRESQL: {
        Effect.READS: ("select 1 into outfile", "table t", "values (1)", "explain analyze delete from t", "show all"),
        Effect.WRITES: ("merge into t using u on true when matched then delete", "insert into t values ($$begin$$)"),
        Effect.CONTROLS: (
            "begin",
            "start transaction",
            "commit prepared 'x'",
            "end",
            "abort",
            "/* /* */ */ rollback to s",
            "savepoint s",
            "release s",
            "lock t",
            "prepare transaction 'x'",
            "set transaction read write",
            "set local transaction read write",
            "set session characteristics as transaction read write",
            "set transaction_read_only = off",
            "set local transaction_read_only to off",
            "set \"transaction_isolation\" = 'serializable'",
            "set default_transaction_read_only = off",
        ),
        Effect.HIDES: ("do $$ begin commit; end $$", "call p()", "prepare p as select 1", "execute p"),
        Effect.OTHER: ("set search_path = 'transaction_read_only'", "copy t from '/x'", "create table t (a int)"),
    },
    Dialect.SQLITE: {
        Effect.READS: ("select 1", "pragma user_version", "explain begin"),
        Effect.WRITES: ("insert into t values (1)", "replace into t values (1)"),
        Effect.CONTROLS: ("begin immediate", "end", "commit", "savepoint s", "release s", "rollback"),
        Effect.OTHER: ("vacuum", "attach 'x' as y", "create table t (a)", "lock t"),
    },
}


@pytest.mark.parametrize(
    ("dialect", "sql", "effect"),
    [
        (dialect, sql, effect)
        for dialect, effects in _CASES.items()
        for effect, statements in effects.items()
        for sql in statements
    ],
)
def test_a_statement_is_told_by_its_first_words(dialect: Dialect, sql: str, effect: Effect) -> None:
    assert effect_of(parse(sql, dialect)) is effect
    assert effect_of(parse(f" -- begin\n{sql} ;", dialect)) is effect


@pytest.mark.parametrize("dialect", Dialect)
def test_a_long_text_is_not_read_to_its_end_without_a_cause(dialect: Dialect) -> None:
    reading = parse("select " + ", ".join(["1"] * 300_000), dialect)
    writing = parse("insert into t values " + ", ".join(["(1)"] * 200_000), dialect)
    began = time.thread_time()
    assert (effect_of(reading), effect_of(writing)) == (Effect.READS, Effect.WRITES)
    assert time.thread_time() - began < 0.05
