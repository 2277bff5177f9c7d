"""What is told of a statement on SQLite without running it, beside what running it gives."""

from __future__ import annotations

import itertools
import sqlite3
from collections.abc import Iterator
from contextlib import closing

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from rowgate_server.engines.dialects.sqlite.describing import describe

EXPRESSIONS = [
    *("id", "NAME", "a.Id", "a.*", "*", "rowid", "id + 1", "count(*)", "'limit 2'", "1.5", "null", "?"),
    "(select 1 limit 1)",
]
ALIASES = ["", " as id", " as ID", ' as "a b"', " as [limit]", " as name", ' as "n:1"', " other"]
ENDINGS = [
    *("", " where id = ?", " group by name", " order by 1 limit 3", " limit ? offset ?", " LIMIT (select 1 limit 2)"),
    *(" -- limit", " /* limit ) */", " union select 1", " order by (select 1 limit 1) /* limit */ limit 2"),
]


@pytest.fixture(scope="module")
def connection() -> Iterator[sqlite3.Connection]:
    with closing(sqlite3.connect(":memory:", isolation_level=None, cached_statements=0)) as connection:
        connection.executescript("""
            create table a (id integer primary key, name text, "of" integer);
            create view v as select id, name from a;
            create virtual table words using fts5(word);
            insert into a values (1, 'one', 1), (2, 'two', 2);
        """)
        yield connection


def names(connection: sqlite3.Connection, sql: str) -> list[str]:
    return [column.name for column in describe(connection, [sql]).columns]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    columns=st.lists(st.tuples(st.sampled_from(EXPRESSIONS), st.sampled_from(ALIASES)), min_size=1, max_size=4),
    ending=st.sampled_from(ENDINGS),
    before=st.sampled_from(["", "-- limit (\n", "/* select ( */ ", "with b as (select 1 limit 1) "]),
)
def test_the_columns_are_those_that_running_it_gives(
    connection: sqlite3.Connection, columns: list[tuple[str, str]], ending: str, before: str
) -> None:
    # A star takes no alias.
    written = ", ".join(f"{text}{'' if text.endswith('*') else alias}" for text, alias in columns)
    sql = f"{before}select {written} from a{ending}"
    nothing = [None] * sql.count("?")
    try:
        expected = [column[0] for column in connection.execute(sql, nothing).description]
    except sqlite3.IntegrityError:  # a NULL is no limit
        return
    except sqlite3.OperationalError:
        with pytest.raises(sqlite3.OperationalError):
            describe(connection, sql.split("?"))
        return
    described = describe(connection, sql.split("?"))
    assert [column.name for column in described.columns] == expected
    assert len(described.parameters) == len(nothing)
    assert described.writes is False


@pytest.mark.parametrize(
    ("sql", "expected"),
    [
        ("values (1, 2)", ["column1", "column2"]),
        ("select * from v, a", ["id", "name", "id", "name", "of"]),
        ("select word from words where words match 'x'", ["word"]),
        ("select * from pragma_table_info('a')", ["cid", "name", "type", "notnull", "dflt_value", "pk"]),
        ("with w as (select 1 as i) select i, i from w", ["i", "i"]),
    ],
)
def test_the_names_of_what_reads(connection: sqlite3.Connection, sql: str, expected: list[str]) -> None:
    described = describe(connection, [sql])
    assert [column.name for column in described.columns] == expected
    assert described.writes is False


@pytest.mark.parametrize(
    ("sql", "width"),
    [
        ("insert into a values (9, 'x', 1) returning id, name, 7", 3),
        ("delete from a returning *", 3),
        ("update a set name = 'x' returning id", 1),
        ("with w as (select 9 as i) insert into a (id) select i from w returning id", 1),
    ],
)
def test_of_a_returning_only_the_number_of_columns_is_told(
    connection: sqlite3.Connection, sql: str, width: int
) -> None:
    described = describe(connection, [sql])
    assert [column.name for column in described.columns] == [""] * width
    assert described.writes is True
    assert connection.execute("select group_concat(name) from a").fetchone() == ("one,two",)


@pytest.mark.parametrize(
    ("sql", "writes"),
    [
        ("insert into a values (9, 'x', 1)", True),
        ("with w as (select 1) delete from a", True),
        ("create table b (id)", True),
        ("create temp table b (id)", True),
        ("alter table a rename to b", True),
        ("drop view v", True),
        ("reindex", True),
        ("begin immediate", True),
        ("begin", True),
        ("savepoint s", True),
        ("vacuum", True),
    ],
)
def test_what_changes_something_has_no_columns_and_writes(
    connection: sqlite3.Connection, sql: str, writes: bool
) -> None:
    described = describe(connection, [sql])
    assert (described.columns, described.writes) == ((), writes)
    assert not connection.in_transaction
    tables = connection.execute("select group_concat(name) from sqlite_master where name in ('a', 'b', 'v')")
    assert tables.fetchone() == ("a,v",)


@pytest.mark.parametrize(("sql", "width"), [("pragma table_info(a)", 6), ("pragma user_version", 1)])
def test_of_a_pragma_only_the_number_of_columns_is_told(connection: sqlite3.Connection, sql: str, width: int) -> None:
    assert names(connection, sql) == [""] * width


def test_placeholders_are_counted_and_have_no_type(connection: sqlite3.Connection) -> None:
    described = describe(connection, ["select * from a where id = ", " or name = ", ""])
    assert [(kind.type, kind.database_type) for kind in described.parameters] == [(None, "")] * 2


@pytest.mark.parametrize(
    "sql",
    [
        "selec 1",
        "select * from nowhere",
        "select 1) union select (2",
        "explain select 1",
        "query plan select 1",
        "QUERY PLAN delete from a",
    ],
)
def test_what_is_no_statement_by_itself_is_refused(connection: sqlite3.Connection, sql: str) -> None:
    with pytest.raises(sqlite3.OperationalError):
        describe(connection, [sql])


@pytest.mark.parametrize(
    "sql",
    [
        "select ran() as n from a",
        "select ran() as n from a -- the end",
        "select ran() as n from a limit 3 -- limit",
        "select ran() as n from a limit 3 /* limit */",
        "select /* limit */ ran() as n from a order by ran() limit ran() -- limit",
        "select sum(n) as n from (select ran() as n from a order by 1 limit 9)",
    ],
)
def test_nothing_of_the_statement_is_run(connection: sqlite3.Connection, sql: str) -> None:
    calls = itertools.count()
    connection.create_function("ran", 0, lambda: next(calls))
    assert names(connection, sql) == ["n"]
    assert next(calls) == 0
    connection.execute(sql).fetchall()
    assert next(calls) > 1


def test_describing_takes_no_time_however_long_the_statement_would_run(connection: sqlite3.Connection) -> None:
    endless = "with recursive e(i) as (select 1 union all select i + 1 from e) "
    assert names(connection, f"{endless} select count(*) as c from e") == ["c"]
    assert names(connection, f"{endless} select * from (select i from e order by i)") == ["i"]
    # SQLite makes a table of what is used twice, before it looks at the limit.
    twice = f"{endless}, m as materialized (select max(i) as i from e) select a.i from m a, m b"
    assert names(connection, twice) == [""]
    # The limit on its steps is over with it.
    assert connection.execute(f"{endless} select i from e limit 1 offset 100000").fetchone() == (100_001,)


def test_long_runs_of_comments_cost_no_time(connection: sqlite3.Connection) -> None:
    assert names(connection, "/**/" * 5_000 + "select 1 as a") == ["a"]
    with pytest.raises(sqlite3.OperationalError):
        describe(connection, ["/**/" * 5_000, ""])
