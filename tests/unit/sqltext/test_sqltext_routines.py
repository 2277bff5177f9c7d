"""Statements that create routines, whose bodies hold semicolons of their own."""

from __future__ import annotations

import sqlite3

import pytest

from rowgate_server.core.sqltext import bind, parse
from rowgate_server.engines.dialects import Dialect
from rowgate_server.errors import Reason, RowgateError

BODY = "begin select ':a;', :b; update t set c = ?; end"
HEADS = [
    "create trigger t after insert on u",
    "CREATE TRIGGER t AFTER INSERT ON u FOR EACH ROW",
    "create or replace procedure p()",
    "create function f() returns int",
    "create event e on schedule every 1 hour do",
    "create /* a */ or -- b\n replace /* c */ package body p as x int;",
    "create or replace aggregate function f(x int) returns int",
    "create temp trigger t after insert on u",
    "create temporary trigger t after insert on u",
    "alter event e do",
]
DEFINERS = [
    "definer = root@localhost",
    "definer='a;b'@'%'",
    "definer = current_user ( )",
    "definer=a@127.0.0.1",
    'definer="x"',
]


def statement_text(sql: str, dialect: Dialect) -> str:
    statement = parse(sql, dialect)
    assert (statement.named, statement.positional) == ((), 0)
    return bind(statement, {}, ()).fragments[0]


@pytest.mark.parametrize("dialect", Dialect)
@pytest.mark.parametrize("head", HEADS)
def test_after_begin_there_are_no_placeholders_and_no_other_statements(head: str, dialect: Dialect) -> None:
    assert statement_text(f"{head} {BODY}", dialect) == f"{head} {BODY}"


@pytest.mark.parametrize("definer", DEFINERS)
def test_a_definer_may_stand_before_the_kind(definer: str) -> None:
    sql = f"create or replace {definer} trigger t before insert on u for each row {BODY}"
    assert statement_text(sql, Dialect.MYSQL) == sql


@pytest.mark.parametrize("dialect", Dialect)
def test_the_last_semicolons_of_a_routine_are_cut(dialect: Dialect) -> None:
    sql = f"create trigger t after insert on u {BODY}"
    assert statement_text(f"{sql}; -- bye\n ;", dialect) == sql


@pytest.mark.parametrize("dialect", Dialect)
@pytest.mark.parametrize(
    "sql",
    [
        "create trigger t; select 1",
        "create table begin_(a int); select 1",
        "create table t (trigger_ int, event int); begin",
        "create view v as select 1; begin select 1; end",
        "begin; select 1",
        "drop trigger t; begin",
        "create function beginning(); select 1",
    ],
)
def test_before_begin_and_in_other_statements_a_semicolon_splits(sql: str, dialect: Dialect) -> None:
    with pytest.raises(RowgateError) as caught:
        parse(sql, dialect)
    assert caught.value.reason is Reason.MULTIPLE_STATEMENTS


@pytest.mark.parametrize("dialect", Dialect)
def test_begin_in_a_literal_or_comment_opens_no_body(dialect: Dialect) -> None:
    with pytest.raises(RowgateError) as caught:
        parse("create trigger t /* begin */ comment 'begin'; select 1", dialect)
    assert caught.value.reason is Reason.MULTIPLE_STATEMENTS


@pytest.mark.parametrize("dialect", Dialect)
def test_before_begin_a_placeholder_is_one(dialect: Dialect) -> None:
    statement = parse("create trigger t after insert on u when new.a > :x begin select :y; end", dialect)
    assert statement.named == ("x",)


@pytest.mark.parametrize("dialect", Dialect)
@pytest.mark.parametrize("text", ["'abc", '"abc'])
def test_what_is_not_closed_in_a_body_is_refused(text: str, dialect: Dialect) -> None:
    with pytest.raises(RowgateError, match="is not closed") as caught:
        parse(f"create trigger t after insert on u begin select 1; select {text}; end", dialect)
    assert caught.value.reason is Reason.INVALID_SQL


@pytest.mark.parametrize(
    "sql",
    [
        "begin not atomic select 1; select 2; end",
        "if 1 then select 1; select 2; end if",
        "for i in 1..2 do select 1; select 2; end for",
        "create procedure p() lbl:begin select 1; leave lbl; end",
        "create procedure p() while false do select 1; select 2; end while",
        "create procedure p() repeat select 1; until true end repeat",
        "create trigger t before insert on u for each row if new.a then set new.a = 1; end if",
    ],
)
def test_blocks_of_mysql_and_mariadb_are_one_statement(sql: str) -> None:
    assert statement_text(sql, Dialect.MYSQL) == sql


def test_the_function_repeat_opens_no_body() -> None:
    with pytest.raises(RowgateError) as caught:
        parse("create function f() returns text return repeat ('a', 3); select 1", Dialect.MYSQL)
    assert caught.value.reason is Reason.MULTIPLE_STATEMENTS


@pytest.mark.parametrize(
    "sql",
    [
        "create function f(int) returns int language sql return $1 + 1",
        "create function f(int) returns int language sql begin atomic select 1; select $1 + 1; end",
        "create function f() returns int language sql begin atomic select $$;$$; /* /* ; */ */ select 1; end",
        "do $$ begin perform 1; perform 2; end $$",
    ],
)
def test_routines_of_postgresql_are_one_statement(sql: str) -> None:
    assert statement_text(f"{sql};", Dialect.POSTGRESQL) == sql


def test_sqlite_takes_a_trigger_as_it_is_cut() -> None:
    with sqlite3.connect(":memory:") as connection:
        connection.execute("create table t (a)")
        sql = "create trigger g after insert on t begin update t set a = ';:x'; update t set a = a || ';'; end ; -- bye"
        connection.execute(statement_text(sql, Dialect.SQLITE))
        connection.execute("insert into t values (1)")
        assert connection.execute("select a from t").fetchall() == [(";:x;",)]
    connection.close()
