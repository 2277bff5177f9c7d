"""On MySQL and MariaDB a value is a literal, so it must not stand where a literal is something else."""

from __future__ import annotations

import time

import pytest

from rowgate_server.core.sqltext import bind, parse
from rowgate_server.engines.dialects import Dialect
from rowgate_server.engines.values import BoundValue, ValueType
from rowgate_server.errors import Reason, RowgateError

_A = BoundValue(ValueType.STRING, "a")


@pytest.mark.parametrize(
    "sql",
    [
        "select 1 :a",
        "select 1.5e3 :a",
        "select 'x' :a",
        'select "x" :a',
        "select `x` :a",
        "select x :a",
        "select x\n\t:a",
        "select 1 /* = */ :a",
        "select 1 -- =\n :a",
        "select 1 # =\n :a",
        "select t.select :a from t",
        "select @in :a",
        "select count(*) :a from t",
        "select (1) :a",
        "select x as :a from t",
        "select null :a",
        "select _utf8mb4 :a",
        "select _latin1 :a",
        "select é :a",
        "select * from t :a",
        "select :a :a",
        "select 1 = :a :a",
        "select :a 'x'",
        'select :a "x"',
        "select :a\n'x'",
    ],
)
def test_a_placeholder_beside_an_operand_is_refused(sql: str) -> None:
    with pytest.raises(RowgateError, match="stands beside another") as caught:
        bind(parse(sql, Dialect.MYSQL), {"a": _A}, ())
    assert caught.value.reason is Reason.INVALID_PARAMETER
    assert caught.value.field == "sql"
    with pytest.raises(RowgateError, match="stands beside another"):
        bind(parse(sql.replace(":a", "?"), Dialect.MYSQL), {}, [_A] * sql.count(":a"))


@pytest.mark.parametrize("dialect", [Dialect.POSTGRESQL, Dialect.SQLITE])
def test_elsewhere_the_database_refuses_it(dialect: Dialect) -> None:
    assert bind(parse("select 'x' :a", dialect), {"a": _A}, ()).fragments == ("select 'x' ", "")


@pytest.mark.parametrize(
    "sql",
    [
        "select :a",
        "select distinct :a, :a",
        "select -:a, !:a, ~:a, 1+:a",
        "select :a x, :a as y, :a `z`",
        "select x from t where a = :a and b in (:a, :a) and c in :a or not :a",
        "select x from t where a like :a escape :a limit :a offset :a",
        "select x from t where a between :a and :a order by :a",
        "select case :a when :a then :a else :a end",
        "select now() + interval :a day",
        "select date :a, time :a, timestamp :a",
        "select * from t for system_time as of timestamp :a",
        "select trim(leading :a from x), substring(x from :a for :a), position(:a in x)",
        "select group_concat(x separator :a) from t",
        "insert into t values (:a, :a), (:a, :a) on duplicate key update x = :a",
        "update t set a = :a, b=:a where c<=>:a",
        "set names :a",
        "set @x := :a",
        "call p(:a, :a)",
        "kill query :a",
        "load data infile :a into table t fields terminated by :a",
        "create table t (a int default :a comment :a)",
        "prepare p from :a",
        "execute immediate :a using :a",
        "alter sequence s restart :a increment by :a",
        "select 'in' = :a /* 'x' */ -- 'x'",
        "select x from t where a = /* 1 */ :a",
        "select x from t where a = -- 1\n :a",
        "select '#', :a",
    ],
)
def test_a_placeholder_where_a_value_can_stand_is_none_of_that(sql: str) -> None:
    number = len(bind(parse(sql, Dialect.MYSQL), {"a": _A}, ()).values)
    assert number == sql.count(":a")
    assert len(bind(parse(sql.replace(":a", "?"), Dialect.MYSQL), {}, [_A] * number).values) == number


def test_a_placeholder_that_touches_is_told_of_as_such() -> None:
    for sql in ("select 1:a", "select 'x':a", "select :a'x'"):
        with pytest.raises(RowgateError, match="touches"):
            bind(parse(sql, Dialect.MYSQL), {"a": _A}, ())


def test_many_placeholders_are_looked_at_in_little_time() -> None:
    sql = "insert into t values " + ", ".join(["(?, ?, ?, ?)"] * 15_000)
    parse(sql, Dialect.SQLITE)
    times = []
    for dialect in (Dialect.SQLITE, Dialect.MYSQL):
        tries = []
        for _ in range(3):
            began = time.thread_time()
            parse(sql, dialect)
            tries.append(time.thread_time() - began)
        times.append(min(tries))
    assert times[1] < times[0] * 4
