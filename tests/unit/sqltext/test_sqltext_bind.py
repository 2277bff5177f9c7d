"""Placeholders get their values, and nothing else is accepted for them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pytest

from rowgate_server.core.sqltext import bind, parse
from rowgate_server.engines.dialects import Dialect
from rowgate_server.engines.values import BoundStatement, BoundValue, ValueType
from rowgate_server.errors import Reason, RowgateError

SECRET = "hunter2"
A, B = BoundValue(ValueType.STRING, SECRET), BoundValue(ValueType.INT, 90210)

each_dialect = pytest.mark.parametrize("dialect", Dialect)
strict_dialects = pytest.mark.parametrize("dialect", [Dialect.MYSQL, Dialect.SQLITE])


def run(
    sql: str, dialect: Dialect, params: Mapping[str, BoundValue] | None = None, positional: Sequence[BoundValue] = ()
) -> BoundStatement:
    return bind(parse(sql, dialect), params or {}, positional)


def refusal(
    sql: str, dialect: Dialect, params: Mapping[str, BoundValue] | None = None, positional: Sequence[BoundValue] = ()
) -> RowgateError:
    with pytest.raises(RowgateError) as caught:
        run(sql, dialect, params, positional)
    error = caught.value
    assert error.reason is Reason.INVALID_PARAMETER
    told = f"{error} {error.field} {error.metadata}"
    assert SECRET not in told
    assert "90210" not in told
    return error


@each_dialect
def test_without_parameters_the_text_is_one_fragment(dialect: Dialect) -> None:
    assert run("select 'a' -- b", dialect) == (("select 'a' -- b",), ())


@each_dialect
def test_each_name_gets_its_value_in_order_of_appearance(dialect: Dialect) -> None:
    bound = run("select :b, ':a', :a ;", dialect, {"a": A, "b": B})
    assert bound == (("select ", ", ':a', ", " "), (B, A))


@each_dialect
def test_a_name_used_twice_gets_its_value_twice(dialect: Dialect) -> None:
    assert run("select :a + :a", dialect, {"a": A}) == (("select ", " + ", ""), (A, A))


@each_dialect
def test_each_question_mark_gets_its_value_in_order(dialect: Dialect) -> None:
    assert run("select ?, '?', ?", dialect, positional=[A, B]) == (("select ", ", '?', ", ""), (A, B))


@each_dialect
def test_names_differ_in_case(dialect: Dialect) -> None:
    assert run("select :a, :A", dialect, {"a": A, "A": B}).values == (A, B)


@each_dialect
def test_both_kinds_of_parameters_at_once_are_refused(dialect: Dialect) -> None:
    error = refusal("select :a", dialect, {"a": A}, [B])
    assert (error.field, error.message) == ("params", "params and positional_params are both given")


@strict_dialects
@pytest.mark.parametrize(("params", "positional"), [({"a": A}, []), ({}, [A]), ({}, [])])
def test_both_kinds_of_placeholders_at_once_are_refused(
    dialect: Dialect, params: dict[str, BoundValue], positional: list[BoundValue]
) -> None:
    error = refusal("select :a, ?", dialect, params, positional)
    assert (error.field, error.message) == ("sql", "the statement mixes :name and ?")


@each_dialect
def test_positional_values_for_names_are_refused(dialect: Dialect) -> None:
    error = refusal("select :a", dialect, positional=[A])
    assert error.field == "positional_params"
    assert error.message == "the statement uses :name, and positional_params are given"


@strict_dialects
def test_named_values_for_question_marks_are_refused(dialect: Dialect) -> None:
    error = refusal("select ?", dialect, {"a": A})
    assert (error.field, error.message) == ("params", "the statement uses ?, and params are given")


@each_dialect
def test_a_name_without_a_value_is_refused_and_a_near_miss_told(dialect: Dialect) -> None:
    error = refusal("select :user_id, :a", dialect, {"userid": A, "a": B})
    assert error.field == "params[user_id]"
    assert error.message == "the statement uses :user_id, and params has no such name"
    assert error.metadata["parameter"] == "user_id"
    assert error.metadata["hint"] == "params has userid, which the statement does not use"


@each_dialect
@pytest.mark.parametrize("params", [{}, {"zebra": A}, {"a": A, "used": B}])
def test_no_near_miss_is_told_where_none_is_near(dialect: Dialect, params: dict[str, BoundValue]) -> None:
    error = refusal("select :user_id, :used", dialect, params)
    assert error.field == "params[user_id]"
    assert "hint" not in error.metadata


@each_dialect
def test_a_name_that_is_not_used_is_refused(dialect: Dialect) -> None:
    error = refusal("select :a", dialect, {"a": A, "b": B})
    assert (error.field, error.message) == ("params[b]", "params has b, and the statement uses no :b")


@each_dialect
def test_a_value_for_a_name_inside_a_literal_is_refused(dialect: Dialect) -> None:
    error = refusal("select ':a'", dialect, {"a": A})
    assert error.field == "params[a]"
    assert error.metadata["hint"] == "the statement uses no :name at all"


@each_dialect
@pytest.mark.parametrize(
    ("sql", "given", "field"),
    [
        ("select ?, ?", 1, "positional_params[1]"),
        ("select ?", 3, "positional_params[1]"),
        ("select 1", 1, "positional_params[0]"),
    ],
)
def test_a_wrong_number_of_values_is_refused_and_both_numbers_told(
    dialect: Dialect, sql: str, given: int, field: str
) -> None:
    error = refusal(sql, dialect, positional=[A] * given)
    assert error.field == field
    assert error.message == f"the statement has {sql.count('?')} ? and positional_params has {given} values"


@strict_dialects
def test_a_question_mark_without_any_value_is_refused(dialect: Dialect) -> None:
    error = refusal("select ?", dialect)
    assert (error.field, "has 1 ? and positional_params has 0" in error.message) == ("positional_params[0]", True)


def test_on_postgresql_a_wrong_number_comes_with_the_way_to_write_the_operator() -> None:
    error = refusal("select a ? 'b', ?", Dialect.POSTGRESQL, positional=[A])
    assert error.metadata["hint"] == "write ?? for the operator ?"


@each_dialect
@pytest.mark.parametrize("before", ["1", "x", "x$", "é", "'a'", '"a"', "1."])
def test_a_placeholder_that_would_merge_with_what_is_before_it_is_refused(dialect: Dialect, before: str) -> None:
    named = refusal(f"select\n{before}:a", dialect, {"a": A})
    question = refusal(f"select\n{before}?", dialect, positional=[A])
    told = f"the placeholder at 2:{len(before) + 1} touches what stands beside it"
    assert (named.field, named.message) == (question.field, question.message) == ("sql", told)


def test_a_slice_without_spaces_is_refused_with_the_way_to_write_it() -> None:
    error = refusal("select a[lo:hi]", Dialect.POSTGRESQL)
    assert error.metadata["hint"] == "put spaces around it; an array slice is written [lo : hi]"


@each_dialect
@pytest.mark.parametrize("after", ["'a'", '"a"', ".5"])
def test_a_placeholder_that_would_merge_with_what_is_after_it_is_refused(dialect: Dialect, after: str) -> None:
    assert refusal(f"select :a{after}", dialect, {"a": A}).field == "sql"
    assert refusal(f"select ?{after}", dialect, positional=[A]).field == "sql"


@pytest.mark.parametrize(
    ("sql", "dialect"), [("select ?1", "postgresql"), ("select ?1", "mysql"), ("select ?x", "sqlite")]
)
def test_a_question_mark_that_would_merge_with_a_word_is_refused(sql: str, dialect: str) -> None:
    assert refusal(sql, Dialect(dialect), positional=[A]).field == "sql"


@strict_dialects
def test_two_placeholders_side_by_side_are_refused(dialect: Dialect) -> None:
    assert refusal("select ??", dialect, positional=[A, B]).field == "sql"
    assert refusal("select :a:b", dialect, {"a": A, "b": B}).field == "sql"


def test_on_mysql_a_quoted_user_variable_cannot_be_made_of_a_value() -> None:
    assert refusal("select @:a", Dialect.MYSQL, {"a": A}).field == "sql"
    assert run("select a @@:a", Dialect.POSTGRESQL, {"a": A}).values == (A,)


@each_dialect
@pytest.mark.parametrize(
    "sql",
    ["select (?)", "select -?+?", "select a=?or", "select a<?,b>?", "select\n?\n", "select ?::int", "select ?/*a*/"],
)
def test_operators_parentheses_and_comments_may_touch_a_placeholder(dialect: Dialect, sql: str) -> None:
    sql = sql.replace("or", " or b")
    number = sql.count("?")
    bound = run(sql, dialect, positional=[A] * number)
    assert ("?".join(bound.fragments), len(bound.values)) == (sql, number)


@each_dialect
def test_an_error_stays_short_however_long_the_name(dialect: Dialect) -> None:
    name = "n" * 10_000
    error = refusal(f"select :{name}", dialect, {"m" * 10_000: A})
    assert len(f"{error} {error.field} {error.metadata}") < 500
    assert len(str(refusal("select 1", dialect, {name: A}))) < 500


@each_dialect
def test_no_near_miss_is_looked_for_among_long_names(dialect: Dialect) -> None:
    assert "hint" in refusal(f"select :{'n' * 64}", dialect, {"n" * 63: A}).metadata
    assert "hint" not in refusal(f"select :{'n' * 65}", dialect, {"n" * 64: A}).metadata
    assert "hint" not in refusal(f"select :{'n' * 64}", dialect, {"n" * 65: A}).metadata


@each_dialect
def test_a_near_miss_is_looked_for_among_a_hundred_names(dialect: Dialect) -> None:
    others = {str(number): A for number in range(99)}
    assert "hint" in refusal("select :user_id", dialect, {**others, "userid": A}).metadata
    assert "hint" not in refusal("select :user_id", dialect, {**others, "99": A, "userid": A}).metadata
