"""What is a placeholder on SQLite, and what only looks like one."""

from __future__ import annotations

import pytest

from rowgate_server.core.sqltext import parse
from rowgate_server.engines.dialects import Dialect
from rowgate_server.errors import Reason, RowgateError


def placeholders(sql: str) -> tuple[tuple[str, ...], int]:
    statement = parse(sql, Dialect.SQLITE)
    return statement.named, statement.positional


@pytest.mark.parametrize(
    "inert",
    [
        "':x ? ; --'",
        "'it''s :x ?'",
        "'\\'",
        '"a :x ? ""b"',
        "`a :x ? ``b`",
        "[a :x ? 'b]",
        "x'3F'",
        "doc -> '$.x ?' ->> ':x'",
        "a::text",
        "t.c$d",
        "-- :x ? '\n 1",
        "--:x\n 1",
        "/* :x ? ' */ 1",
        "/* /* :x */ 1",
        "1 : 2",
    ],
)
def test_literals_names_comments_and_operators_hold_no_placeholder(inert: str) -> None:
    assert placeholders(f"select {inert}, :y") == (("y",), 0)
    assert placeholders(f"select {inert}, ?") == ((), 1)


@pytest.mark.parametrize("comment", ["/* :x", "/* :x *", "/*", "--", "-- :x"])
def test_the_end_of_the_text_closes_a_comment(comment: str) -> None:
    assert placeholders(f"select :y {comment}") == (("y",), 0)


@pytest.mark.parametrize("native", ["?1", "?123", "@a", "$a", "$1", "@é", ":1", ":$a", "$::a", ":::a", ":é"])
def test_a_native_placeholder_is_refused(native: str) -> None:
    with pytest.raises(RowgateError, match="at 1:8") as caught:
        parse(f"select {native}", Dialect.SQLITE)
    assert caught.value.reason is Reason.INVALID_PARAMETER
    assert caught.value.metadata["hint"] == "write :name with params, or ? with positional_params"


@pytest.mark.parametrize("inert", ["'@a'", '"$a"', "[?1]", "a$1", "/* @a */"])
def test_what_only_looks_like_a_native_placeholder_is_not_refused(inert: str) -> None:
    assert placeholders(f"select {inert}, :x") == (("x",), 0)


@pytest.mark.parametrize("text", ["'abc", "'abc''", '"abc', "`abc", "[abc"])
def test_what_is_not_closed_is_refused_where_it_begins(text: str) -> None:
    with pytest.raises(RowgateError, match=r"at 2:3 is not closed$") as caught:
        parse(f"select\n  {text}", Dialect.SQLITE)
    assert caught.value.reason is Reason.INVALID_SQL
