"""Statements that are undone whole when they fail by themselves: those that are known to be, and no others."""

from __future__ import annotations

import pytest

from rowgate_server.core.atomic import is_undone_whole
from rowgate_server.core.sqltext import parse
from rowgate_server.engines.dialects import Dialect

WHOLE = {
    Dialect.MYSQL: (
        "create table t (a int, b int)",
        "create unique index i on t (a, b)",
        "create definer = me@here trigger x before insert on t for each row set new.a = 1",
        "create or replace view v as select 1, 2",
        "alter table t add column c int, drop column b",
        "drop table t",
        "drop temporary table if exists t",
        "rename table t to u",
        "truncate table t",
        "set @a = 1, @b = 2",
        "set global max_connections = 5",
        "use other",
        "kill 5",
    ),
    Dialect.POSTGRESQL: (
        "(select 1)",
        "with a as (delete from t returning *) insert into u select * from a",
        "create unique index i on t (a)",
        "create table t as select 1",
        "create function f() returns int language sql as $$ select concurrently $$",
        'alter table t rename column a to "concurrently"',
        "drop table a, b",
        "refresh materialized view concurrently v",
        "truncate a, b",
        "grant select on a, b to c, d",
    ),
}
IN_PART = {
    Dialect.MYSQL: (
        "create or replace table t (a int)",
        "create /* harmless */ or replace table t as select 1",
        "create or replace temporary table t (a int)",
        "create or replace procedure p() begin end",
        "create table t as select f()",
        "create temporary table t select f()",
        "create user a, b",
        "alter table t truncate partition a, b",
        "alter table t import tablespace",
        "alter user a account lock, b account lock",
        "drop table a, b",
        "drop view `a`, b",
        "drop database d",
        "drop user a, b",
        "rename table a to b, c to d",
        "rename user a to b, c to d",
        "grant select on t to a, b",
        "revoke all on t from a, b",
        "optimize table a, b",
        "flush tables",
        "set @a = f()",
        "set global a = 1, b = 2",
        "set @@global.a = 1, @@global.b = 2",
        "do f()",
        "select 1 into outfile '/f'",
        "something(new)",
    ),
    Dialect.POSTGRESQL: (
        "create unique index concurrently i on t (a)",
        "drop index concurrently i",
        "alter table t detach partition p concurrently",
        "reindex table concurrently t",
        "reindex database d",
        "vacuum a, b",
        "analyze a, b",
        "cluster",
        "create database d",
        "alter system set a = 1",
        "drop tablespace s",
        "create subscription s connection 'c' publication p",
    ),
}


@pytest.mark.parametrize("dialect", WHOLE)
def test_what_is_known_to_be_undone_whole(dialect: Dialect) -> None:
    assert [sql for sql in WHOLE[dialect] if not is_undone_whole(parse(sql, dialect))] == []


@pytest.mark.parametrize("dialect", IN_PART)
def test_what_may_be_done_in_part_or_destroy_what_was_there(dialect: Dialect) -> None:
    assert [sql for sql in IN_PART[dialect] if is_undone_whole(parse(sql, dialect))] == []
