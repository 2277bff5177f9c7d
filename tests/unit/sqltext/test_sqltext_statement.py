"""One statement a text: where it ends, how it begins, and what is no statement."""

from __future__ import annotations

import pytest

from rowgate_server.core.sqltext import MAX_SQL_BYTES, bind, parse
from rowgate_server.core.sqltext import statement as statement_module
from rowgate_server.core.sqltext.scan import MAX_PLACEHOLDERS
from rowgate_server.engines.dialects import Dialect
from rowgate_server.errors import Reason, RowgateError

each_dialect = pytest.mark.parametrize("dialect", Dialect)


def refusal(sql: str, dialect: Dialect, *, max_bytes: int = MAX_SQL_BYTES) -> RowgateError:
    with pytest.raises(RowgateError) as caught:
        parse(sql, dialect, max_bytes=max_bytes)
    assert caught.value.field == "sql"
    return caught.value


@each_dialect
@pytest.mark.parametrize("sql", ["", " \t\r\n", ";", " ; ;\n;"])
def test_an_empty_text_is_refused(sql: str, dialect: Dialect) -> None:
    error = refusal(sql, dialect)
    assert (error.reason, error.message) == (Reason.INVALID_SQL, "the SQL is empty")


@each_dialect
@pytest.mark.parametrize("sql", ["-- note", "/* note */", " /* a */ -- b\n ; /* c */ ;", "--\n"])
def test_a_text_of_only_comments_is_refused(sql: str, dialect: Dialect) -> None:
    error = refusal(sql, dialect)
    assert (error.reason, error.message) == (Reason.INVALID_SQL, "the SQL holds only comments")


@each_dialect
def test_a_nul_is_refused_even_in_a_literal(dialect: Dialect) -> None:
    error = refusal("select\n'a\x00b'", dialect)
    assert (error.reason, error.message) == (Reason.INVALID_SQL, "the SQL holds a NUL at 2:3")


@each_dialect
def test_a_lone_surrogate_is_refused(dialect: Dialect) -> None:
    error = refusal("select '\ud800'", dialect)
    assert (error.reason, error.message) == (Reason.INVALID_SQL, "the SQL is not text at 1:9: a lone surrogate")


@each_dialect
def test_a_text_over_the_limit_is_refused_and_told_the_limit(dialect: Dialect) -> None:
    fits = "select '" + "a" * (MAX_SQL_BYTES - 9) + "'"
    assert len(fits) == MAX_SQL_BYTES == 1_048_576
    assert parse(fits, dialect).sql == fits
    error = refusal(fits + " ", dialect)
    assert error.reason is Reason.INVALID_SQL
    assert error.metadata["limit"] == "1048576 bytes"


@each_dialect
def test_the_limit_counts_bytes_and_holds_for_a_statement_parsed_before(dialect: Dialect) -> None:
    sql = "select 'ééé'"
    assert len(sql.encode()) == 15
    assert parse(sql, dialect, max_bytes=15).sql == sql
    assert refusal(sql, dialect, max_bytes=14).metadata["limit"] == "14 bytes"


@each_dialect
@pytest.mark.parametrize("sql", ["123", "'a'", ":name", "?", "=", "((", "é", "_a", "\ufeffselect 1"])
def test_a_text_that_begins_with_no_keyword_is_refused(sql: str, dialect: Dialect) -> None:
    assert refusal(sql, dialect).reason is Reason.INVALID_SQL


@each_dialect
def test_an_empty_statement_before_the_first_is_refused(dialect: Dialect) -> None:
    error = refusal("/* a */ ; select 1", dialect)
    assert (error.reason, error.message) == (Reason.INVALID_SQL, "the SQL begins with a semicolon at 1:9")


@each_dialect
@pytest.mark.parametrize(
    ("sql", "keyword"),
    [
        ("select 1", "SELECT"),
        ("  -- a\n /* b */ With x as (select 1) select 1", "WITH"),
        ("((select 1))", "SELECT"),
        ("( /* a */ (values (1)))", "VALUES"),
        ("insert into t values (1)", "INSERT"),
        ("SELECT'a'", "SELECT"),
    ],
)
def test_the_first_keyword_is_told_in_upper_case(sql: str, keyword: str, dialect: Dialect) -> None:
    assert parse(sql, dialect).keyword == keyword


@each_dialect
@pytest.mark.parametrize("tail", [";", " ;; ; ", ";\n-- bye :x", "; /* bye ? */ ;", ";--"])
def test_the_text_is_cut_where_its_statement_ends(tail: str, dialect: Dialect) -> None:
    statement = parse(f"select 1{tail}", dialect)
    assert statement.sql == f"select 1{tail}"
    assert (statement.named, statement.positional) == ((), 0)
    assert "".join(bind(statement, {}, ()).fragments).rstrip() == "select 1"


def test_a_nested_comment_may_follow_the_statement() -> None:
    statement = parse("select 1; /* a /* b */ ; */ ;", Dialect.POSTGRESQL)
    assert bind(statement, {}, ()).fragments == ("select 1",)


@each_dialect
def test_without_a_semicolon_the_text_stays_as_it_is(dialect: Dialect) -> None:
    sql = " /* a */ select 1 -- bye ; \n"
    assert bind(parse(sql, dialect), {}, ()).fragments == (sql,)


@each_dialect
@pytest.mark.parametrize("second", ["select 2", "'a'", ")", "x", "?", ":a", "begin"])
def test_a_second_statement_is_refused_where_it_begins(second: str, dialect: Dialect) -> None:
    error = refusal(f"select 1;\n ; /* a */ {second}", dialect)
    assert error.reason is Reason.MULTIPLE_STATEMENTS
    assert error.message == "a second statement begins at 2:12"


@pytest.mark.parametrize("dialect", [Dialect.MYSQL, Dialect.POSTGRESQL])
@pytest.mark.parametrize("sql", ["select 1; /* a", "/* a", "; /* a"])
def test_a_comment_around_the_statement_that_is_not_closed_is_refused(sql: str, dialect: Dialect) -> None:
    error = refusal(sql, dialect)
    assert error.reason is Reason.INVALID_SQL


@each_dialect
@pytest.mark.parametrize("sql", ["select :naïve", "select :a$b"])
def test_a_name_that_would_be_cut_in_two_is_refused(sql: str, dialect: Dialect) -> None:
    error = refusal(sql, dialect)
    assert error.reason is Reason.INVALID_PARAMETER
    assert "1:8" in error.message
    assert "space after the colon" in error.metadata["hint"]


@each_dialect
def test_names_are_told_in_order_with_repeats(dialect: Dialect) -> None:
    assert parse("select :b, :a, :b, :_1", dialect).named == ("b", "a", "b", "_1")


@each_dialect
def test_more_placeholders_than_any_database_takes_are_refused(dialect: Dialect) -> None:
    most = "select " + ",".join(["?"] * MAX_PLACEHOLDERS)
    assert parse(most, dialect).positional == MAX_PLACEHOLDERS == 65_535
    error = refusal(f"{most},?", dialect)
    assert error.reason is Reason.INVALID_PARAMETER
    assert error.metadata["limit"] == "65535 placeholders"


@each_dialect
def test_a_statement_does_not_show_its_text(dialect: Dialect) -> None:
    assert "secret" not in repr(parse("select 'secret', :a", dialect))


def test_a_small_statement_is_parsed_once() -> None:
    sql = "select 'parsed once'"
    assert parse(sql, Dialect.SQLITE) is parse("".join(list(sql)), Dialect.SQLITE)
    assert parse(sql, Dialect.SQLITE) is not parse(sql, Dialect.MYSQL)


@pytest.mark.parametrize(
    ("text", "kept"), [("a" * 4_087, True), ("a" * 4_088, False), ("é" * 1_015, True), ("é" * 1_016, False)]
)
def test_what_the_cache_keeps_is_bounded_in_bytes(text: str, kept: bool) -> None:
    sql = f"select '{text}'"
    assert (parse(sql, Dialect.SQLITE) is parse(sql, Dialect.SQLITE)) is kept
    assert len(sql.encode()) <= 4_096 or not kept


def test_the_cache_is_bounded_in_number() -> None:
    first = parse("select 'first of many'", Dialect.SQLITE)
    for number in range(600):
        parse(f"select {number}", Dialect.SQLITE)
    assert parse("select 'first of many'", Dialect.SQLITE) is not first
    assert statement_module.CACHED_STATEMENTS == 512
