"""What is a placeholder on PostgreSQL, and what only looks like one."""

from __future__ import annotations

import pytest

from rowgate_server.core.sqltext import bind, parse
from rowgate_server.engines.dialects import Dialect
from rowgate_server.engines.values import BoundValue, ValueType
from rowgate_server.errors import Reason, RowgateError

ONE = BoundValue(ValueType.INT, 1)


def names(sql: str) -> tuple[str, ...]:
    return parse(sql, Dialect.POSTGRESQL).named


def positional(sql: str) -> str:
    """The statement with as many values as it takes, each shown as `<>`."""
    statement = parse(sql, Dialect.POSTGRESQL)
    return "<>".join(bind(statement, {}, [ONE] * statement.positional).fragments)


@pytest.mark.parametrize(
    "inert",
    [
        "':x ; --'",
        "'it''s :x'",
        "'\\'",
        "E'it\\'s :x'",
        "e'\\\\'",
        "E'it''s :x'",
        "E'a'\n'\\' :x'",
        "E'a' -- note\n  -- another\n '\\' :x'",
        "U&':x'",
        "B'01'",
        "X'3F'",
        "N':x'",
        '"a :x ""b"',
        'U&"a :x"',
        "$$ :x ' \" $a$ $$",
        "$tag$ :x $$ $ta$ $tag$",
        "$é1$ :x $é1$",
        "1$a$ :x $a$",
        "a::text",
        "a:::text",
        "f(a := 1, b => 2)",
        "a[1:2]",
        "a[lo : hi]",
        "a[:1]",
        "doc #>> '{a,:x}' ->> ':x'",
        "$",
        "a$b$ + c$b$",
    ],
)
def test_literals_names_casts_and_operators_hold_no_placeholder(inert: str) -> None:
    assert names(f"select {inert}, :y") == ("y",)


def test_a_dollar_quote_hides_a_placeholder() -> None:
    assert names("select $body$ :x $body$, :y") == ("y",)


def test_a_dollar_inside_a_name_begins_no_quote() -> None:
    assert names("select a$b$, :x, c$b$") == ("x",)


def test_a_backslash_is_itself_in_an_ordinary_string() -> None:
    assert names("select '\\', :x, '\\'") == ("x",)


def test_an_e_at_the_end_of_a_name_makes_no_escape_string() -> None:
    assert names("select some_e'\\', :x") == ("x",)
    assert names("select type'\\', :x") == ("x",)


def test_a_string_on_the_same_line_has_no_escapes_from_the_one_before() -> None:
    assert names("select E'a' '\\', :x") == ("x",)


@pytest.mark.parametrize(
    "comment", ["--:x '\n", "--\r", "-- :x\r", "/* :x /* ' */ :x */", "/*/* */*/", "/***/", "/*/ :x */"]
)
def test_comments_hold_no_placeholder(comment: str) -> None:
    assert names(f"select {comment} :y") == ("y",)


def test_a_comment_may_begin_inside_a_run_of_operator_characters() -> None:
    assert names("select 1 +-- :x\n :y */* :z */ :w") == ("y", "w")


def test_a_slice_without_spaces_is_a_placeholder() -> None:
    assert names("select a[lo:hi]") == ("hi",)


@pytest.mark.parametrize(
    ("sql", "bound"),
    [
        ("select ?", "select <>"),
        ("select a=?", "select a=<>"),
        ("select ?-1", "select <>-1"),
        ("select ?::int", "select <>::int"),
        ("select a <@? and b @@? and c @>?", "select a <@<> and b @@<> and c @><>"),
        ("select a ?| b, c ?& d, ?", "select a ?| b, c ?& d, <>"),
        ("select a ?|| b, c ?-| d, ?", "select a ?|| b, c ?-| d, <>"),
        ("select a @? '$.x', ?", "select a @? '$.x', <>"),
        ("select a ?? 'k', ?", "select a ? 'k', <>"),
        ("select a ??| b, a @?? c, ?", "select a ?| b, a @? c, <>"),
        ("select a ??- b, a ??# c, ?", "select a ?- b, a ?# c, <>"),
        ("select a ???", "select a ?<>"),
        ("select '?', \"?\", $$?$$, E'\\'?', ? -- ?", "select '?', \"?\", $$?$$, E'\\'?', <> -- ?"),
        ("select /* ? */ ? --?", "select /* ? */ <> --?"),
    ],
)
def test_question_marks_with_positional_params(sql: str, bound: str) -> None:
    assert positional(sql) == bound


@pytest.mark.parametrize("sql", ["select a ? 'k'", "select a ?? 'k'", "select a ?- b, c @? d"])
def test_without_positional_params_a_question_mark_is_an_operator(sql: str) -> None:
    assert bind(parse(sql, Dialect.POSTGRESQL), {}, ()).fragments == (sql,)


def test_beside_a_named_placeholder_a_question_mark_is_an_operator() -> None:
    statement = parse("select a ? :k, b ?? 'k'", Dialect.POSTGRESQL)
    assert bind(statement, {"k": ONE}, ()) == (("select a ? ", ", b ?? 'k'"), (ONE,))


@pytest.mark.parametrize("sql", ["select $1", "select a from t where b = $12 and c = :x", "select 1$1"])
def test_a_native_placeholder_is_refused(sql: str) -> None:
    with pytest.raises(RowgateError) as caught:
        parse(sql, Dialect.POSTGRESQL)
    assert caught.value.reason is Reason.INVALID_PARAMETER
    assert caught.value.metadata["hint"] == "write :name with params, or ? with positional_params"


@pytest.mark.parametrize("inert", ["a$1", "'$1'", "$a$ $1 $a$", "/* $1 */"])
def test_what_only_looks_like_a_native_placeholder_is_not_refused(inert: str) -> None:
    assert names(f"select {inert}, :x") == ("x",)


@pytest.mark.parametrize(
    "text", ["'abc", "'abc''", "E'abc\\'", "E'a'\n'b\\'", '"abc', "$$abc", "$a$ $b$", "/* abc", "/* /* */", "U&'a"]
)
def test_what_is_not_closed_is_refused(text: str) -> None:
    with pytest.raises(RowgateError, match=r"at 2:\d is not closed$") as caught:
        parse(f"select\n  {text}", Dialect.POSTGRESQL)
    assert caught.value.reason is Reason.INVALID_SQL
