"""What is a placeholder on MySQL and MariaDB, and what only looks like one."""

from __future__ import annotations

import pytest

from rowgate_server.core.sqltext import parse
from rowgate_server.engines.dialects import Dialect
from rowgate_server.errors import Reason, RowgateError


def placeholders(sql: str) -> tuple[tuple[str, ...], int]:
    statement = parse(sql, Dialect.MYSQL)
    return statement.named, statement.positional


@pytest.mark.parametrize(
    "inert",
    [
        "':x ? ; --'",
        '":x ? ; --"',
        "'it''s :x ?'",
        "'it\\'s :x ?'",
        '"say \\":x\\" ?"',
        "'\\\\'",
        "`a :x ? ``b`",
        "x'3F'",
        "b'0'",
        "N':x'",
        "_utf8mb4':x \\' ?'",
        "@a:=1",
        "@@session.sql_mode",
        "@`a:x`",
        "@':x'",
        "doc->'$.x'",
        "doc->>'$.x ? :y'",
        "a::text",
        "1--5",
        "a : b",
        "t.c$d",
    ],
)
def test_literals_names_variables_and_operators_hold_no_placeholder(inert: str) -> None:
    assert placeholders(f"select {inert}, :y") == (("y",), 0)
    assert placeholders(f"select {inert}, ?") == ((), 1)


@pytest.mark.parametrize(
    "comment",
    [
        "-- :x ? ' ;\n",
        "--\t:x ?\n",
        "--\n",
        "# :x ? ' \" `\n",
        "/* :x ? ' */",
        "/**/",
        "/***/",
        "/* /* :x */",
        "/*+ NO_ICP(t) */",
    ],
)
def test_comments_hold_no_placeholder(comment: str) -> None:
    assert placeholders(f"select {comment} :y") == (("y",), 0)


@pytest.mark.parametrize("comment", ["-- :x", "--", "# :x", "/* :x */"])
def test_a_comment_may_end_the_text(comment: str) -> None:
    assert placeholders(f"select :y {comment}") == (("y",), 0)


def test_two_dashes_without_a_space_are_two_minus_signs() -> None:
    assert placeholders("select 1--?") == ((), 1)
    assert placeholders("select --:x") == (("x",), 0)
    assert placeholders("select 1---- ?") == ((), 0)


def test_a_line_comment_goes_on_past_a_carriage_return() -> None:
    assert placeholders("select 1 # a\r, :x\n, :y") == (("y",), 0)


def test_comments_do_not_nest() -> None:
    assert placeholders("select /* a /* b */ :x") == (("x",), 0)


def test_an_assignment_takes_a_placeholder() -> None:
    assert placeholders("set @a:=:x") == (("x",), 0)


@pytest.mark.parametrize("opening", ["/*!", "/*!50000 ", "/*M!", "/*M!100100 "])
@pytest.mark.parametrize(
    "around",
    [
        "select 1 {}into outfile '/tmp/x' */",
        "{}drop table t */",
        "select 1; {}drop table t */",
        "create procedure p() begin {}x */ end",
    ],
)
def test_code_in_an_executable_comment_is_refused(opening: str, around: str) -> None:
    with pytest.raises(RowgateError) as caught:
        parse(around.format(opening), Dialect.MYSQL)
    assert caught.value.reason is Reason.INVALID_SQL
    assert "executable comment" in caught.value.message
    assert caught.value.metadata["hint"] == "write the code without the comment around it"


@pytest.mark.parametrize(
    "inert", ["'/*! x */'", "`/*! x */`", "/* /*! x */", "-- /*! x */\n", "/ *! x", "/*m! x */", "/* ! x */"]
)
def test_what_only_looks_like_an_executable_comment_is_not_refused(inert: str) -> None:
    assert placeholders(f"select 1 {inert} + :x") == (("x",), 0)


@pytest.mark.parametrize("text", ["'abc", "'abc\\'", "'abc''", '"abc', '"abc\\"', "`abc", "`abc``", "/* abc", "/*/"])
def test_what_is_not_closed_is_refused_where_it_begins(text: str) -> None:
    with pytest.raises(RowgateError, match=r"at 2:3 is not closed$") as caught:
        parse(f"select\n  {text}", Dialect.MYSQL)
    assert caught.value.reason is Reason.INVALID_SQL
    assert caught.value.field == "sql"
