"""Which parameters a statement has, and whether it only reads, as far as its words tell."""

from __future__ import annotations

import pytest

from rowgate_server.core.describe import (
    ParameterDescription,
    bind_or_blank,
    check_describable,
    described_parameters,
    may_be_operators,
    needs_plan,
    only_reads,
    types_of_placeholders,
)
from rowgate_server.core.plans import Engine, Plan, PlanNode
from rowgate_server.core.sqltext import ParsedStatement, parse
from rowgate_server.core.sqltext.words import words
from rowgate_server.engines.description import Description, ParameterType
from rowgate_server.engines.dialects import Dialect
from rowgate_server.engines.results import Column
from rowgate_server.engines.values import NULL, BoundValue, ValueType
from rowgate_server.errors import Reason, RowgateError

ONE = BoundValue(ValueType.INT, 1)
INT = ParameterType(ValueType.INT, "int4")
TEXT = ParameterType(ValueType.STRING, "text")
NOTHING = Description(columns=(), parameters=())
ROWS = Description(columns=(Column("a", ValueType.INT),), parameters=())


def mysql(sql: str) -> ParsedStatement:
    return parse(sql, Dialect.MYSQL)


def postgresql(sql: str) -> ParsedStatement:
    return parse(sql, Dialect.POSTGRESQL)


def a_list(*members: BoundValue) -> BoundValue:
    return BoundValue(ValueType.LIST, list(members))


def a_plan(*operations: str) -> Plan:
    inner = tuple(PlanNode(operation=operation) for operation in operations)
    return Plan(nodes=(PlanNode(operation="Nested Loop", children=inner),), text="")


# Parameters


def test_without_values_each_placeholder_is_blank() -> None:
    statement, valued = bind_or_blank(mysql("select :a, :b, :a"), {}, ())
    assert (statement.fragments, statement.values, valued) == (("select ", ", ", ", ", ""), (NULL, NULL, NULL), False)
    statement, valued = bind_or_blank(mysql("select ?, ?"), {}, ())
    assert (statement.fragments, statement.values, valued) == (("select ", ", ", ""), (NULL, NULL), False)
    statement, valued = bind_or_blank(mysql("select 1"), {}, ())
    assert (statement.fragments, statement.values, valued) == (("select 1",), (), False)


def test_a_question_mark_of_postgresql_is_blank_unless_there_is_a_name() -> None:
    question = postgresql("select ? and a ?? 'b'")
    statement, _ = bind_or_blank(question, {}, ())
    assert (statement.fragments, statement.values) == (("select ", " and a ? 'b'"), (NULL,))
    assert may_be_operators(question)
    named = postgresql("select a ? 'b' and c = :c")
    statement, _ = bind_or_blank(named, {}, ())
    assert (statement.fragments, statement.values) == (("select a ? 'b' and c = ", ""), (NULL,))
    assert not may_be_operators(named)
    assert not may_be_operators(mysql("select ?"))


@pytest.mark.parametrize("sql", ["select 1 where a in :ids and b in (:more)", "select 1 where a in ? and b in (?)"])
@pytest.mark.parametrize("dialect", Dialect)
def test_a_blank_list_is_one_member(sql: str, dialect: Dialect) -> None:
    statement, _ = bind_or_blank(parse(sql, dialect), {}, ())
    assert (statement.fragments, statement.values) == (("select 1 where a in (", ") and b in (", ")"), (NULL, NULL))


def test_a_name_that_stands_behind_in_and_elsewhere_is_blank_in_both() -> None:
    statement, _ = bind_or_blank(postgresql("select 1 where a in :ids or b = any(:ids)"), {}, ())
    assert (statement.fragments, statement.values) == (("select 1 where a in (", ") or b = any(", ")"), (NULL, NULL))


def test_values_that_are_given_are_bound_and_must_fit() -> None:
    statement, valued = bind_or_blank(mysql("select :a"), {"a": ONE}, ())
    assert (statement.values, valued) == ((ONE,), True)
    for params, positional in (({"b": ONE}, ()), ({}, (ONE, ONE))):
        with pytest.raises(RowgateError) as caught:
            bind_or_blank(mysql("select :a"), params, positional)
        assert caught.value.reason is Reason.INVALID_PARAMETER


def test_placeholders_of_two_kinds_are_refused_without_values_too() -> None:
    with pytest.raises(RowgateError) as caught:
        bind_or_blank(mysql("select :a, ?"), {}, ())
    assert caught.value.reason is Reason.INVALID_PARAMETER


def test_a_name_is_told_once_with_its_type_where_that_is_the_same_everywhere() -> None:
    statement = postgresql("select :b, :a, :b, :c, :c")
    assert described_parameters(statement, [TEXT, INT, TEXT, INT, TEXT]) == (
        ParameterDescription("b", 1, ValueType.STRING, "text"),
        ParameterDescription("a", 2, ValueType.INT, "int4"),
        ParameterDescription("c", 4),
    )


def test_the_members_of_a_list_are_one_parameter() -> None:
    statement = postgresql("select 1 where a in :ids and b = :b and c in (:none) and d in :mixed")
    params = {"ids": a_list(ONE, ONE), "b": ONE, "none": a_list(), "mixed": a_list(ONE, NULL)}
    types = types_of_placeholders(statement, params, (), [INT, INT, TEXT, INT, TEXT])
    assert types == (INT, TEXT, ParameterType(), ParameterType())
    assert types_of_placeholders(postgresql("select 1 in ?"), {}, [a_list(ONE, ONE)], [INT, INT]) == (INT,)
    assert types_of_placeholders(postgresql("select 1 = any(?)"), {}, [a_list(ONE, ONE)], [INT]) == (INT,)
    assert types_of_placeholders(statement, {}, (), [INT] * 4) == [INT] * 4


def test_question_marks_are_told_by_their_position() -> None:
    assert described_parameters(mysql("select ?, ?"), [ParameterType(), ParameterType()]) == (
        ParameterDescription("", 1),
        ParameterDescription("", 2),
    )


# Words


@pytest.mark.parametrize(
    ("dialect", "sql", "expected"),
    [
        (Dialect.MYSQL, "select a from t", ["SELECT", "A", "FROM", "T"]),
        (Dialect.MYSQL, "select 'into', \"update\", `delete` # lock\n, 1e5, 0x1f", ["SELECT"]),
        (Dialect.MYSQL, "select t.update, `t`.delete, .5 /* into */ -- into", ["SELECT", "T"]),
        (Dialect.MYSQL, "select _utf8mb4'into', :into", ["SELECT", "_UTF8MB4"]),
        (
            Dialect.POSTGRESQL,
            "explain $tag$ analyze $tag$ /* /* analyze */ analyze */ table t",
            ["EXPLAIN", "TABLE", "T"],
        ),
        (Dialect.POSTGRESQL, "select e'\\'into', \"into\", a::text", ["SELECT", "A", "TEXT"]),
        (Dialect.SQLITE, "select [into], été from t -- into", ["SELECT", "ÉTÉ", "FROM", "T"]),
    ],
)
def test_words_are_those_that_are_neither_names_nor_literals_for_sure(
    dialect: Dialect, sql: str, expected: list[str]
) -> None:
    assert list(words(parse(sql, dialect))) == expected


# Whether it only reads


@pytest.mark.parametrize(
    ("sql", "expected"),
    [
        ("select * from t", True),
        ("with w as (select 1) select * from w", True),
        ("values (1)", True),
        ("show tables", True),
        ("explain delete from t", True),
        ("select insert('abc', 1, 1, 'x'), replace(a, 'b', 'c') from t", True),
        ("select t.update from t use index for join (i)", True),
        ("select a from t for system_time as of now()", True),
        ("select a from t for update", False),
        ("select a from t for share", False),
        ("select a from t lock in share mode", False),
        ("select a into @a from t", False),
        ("select a from t into outfile 'x'", False),
        ("with w as (select 1) delete from t", False),
        ("insert into t values (1)", False),
        ("truncate t", False),
        ("set @a = 1", False),
        ("call p()", None),
        ("analyze select * from t", None),
        ("explain analyze select * from t", None),
        ("begin not atomic delete from t; end", None),
    ],
)
def test_mysql_s_statements_are_told_by_their_words(sql: str, expected: bool | None) -> None:
    for engine in (Engine.MARIADB, Engine.MYSQL):
        assert only_reads(engine, mysql(sql), NOTHING, None) is expected


@pytest.mark.parametrize(
    ("plan", "expected"),
    [
        (a_plan("Seq Scan", "Sort"), True),
        (a_plan("Seq Scan", "LockRows"), False),
        (a_plan("Delete"), False),
        (a_plan("Merge"), False),
        (Plan(nodes=(), text="not understood"), None),
        (None, None),
    ],
)
def test_postgresql_s_statements_are_told_by_their_plan(plan: Plan | None, expected: bool | None) -> None:
    statement = postgresql("select * from t for update of t")
    assert needs_plan(Engine.POSTGRESQL, statement, ROWS)
    assert only_reads(Engine.POSTGRESQL, statement, ROWS, plan) is expected


@pytest.mark.parametrize(
    ("sql", "expected"),
    [
        ("insert into t values (1) returning a", False),
        ("show search_path", True),
        ("explain select 1", True),
        ("explain (analyze) select 1", None),
        ("do 'begin end'", None),
        ("create table t (a int)", False),
    ],
)
def test_other_statements_of_postgresql_s_need_no_plan(sql: str, expected: bool | None) -> None:
    assert not needs_plan(Engine.POSTGRESQL, postgresql(sql), ROWS)
    assert only_reads(Engine.POSTGRESQL, postgresql(sql), ROWS, None) is expected


def test_a_select_without_columns_may_be_one_into_a_table() -> None:
    statement = postgresql("select 1 as a into t")
    assert not needs_plan(Engine.POSTGRESQL, statement, NOTHING)
    assert only_reads(Engine.POSTGRESQL, statement, NOTHING, None) is None


@pytest.mark.parametrize("writes", [True, False])
def test_what_the_database_tells_counts(writes: bool) -> None:
    statement = parse("select 1", Dialect.SQLITE)
    told = Description(columns=(), parameters=(), writes=writes)
    assert only_reads(Engine.SQLITE, statement, told, None) is not writes


def test_only_sqlite_can_not_describe_an_explain() -> None:
    with pytest.raises(RowgateError) as caught:
        check_describable(Engine.SQLITE, parse("explain select 1", Dialect.SQLITE))
    assert caught.value.reason is Reason.NOT_SUPPORTED
    check_describable(Engine.SQLITE, parse("select 1", Dialect.SQLITE))
    check_describable(Engine.POSTGRESQL, postgresql("explain select 1"))
