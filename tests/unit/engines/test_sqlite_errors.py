from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from rowgate_server.engines.dialects.sqlite.errors import is_broken, translate
from rowgate_server.errors import Reason, RowgateError

SCHEMA = """
create table parent (id integer primary key, name text unique);
create table things (
  id integer primary key,
  name text not null,
  number integer check (number > 0),
  parent references parent,
  constraint short check (length(name) < 9),
  unique (name, number)
);
create table strict_things (id integer primary key, number integer) strict;
insert into parent values (1, 'a');
insert into things values (1, 'a', 1, 1);
"""


@pytest.fixture
def connection() -> Iterator[sqlite3.Connection]:
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as connection:
        connection.executescript(SCHEMA)
        connection.execute("pragma foreign_keys = on")
        connection.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, 10_000)
        yield connection


def raised(connection: sqlite3.Connection, sql: str, *values: object) -> Exception:
    try:
        connection.execute(sql, values).fetchall()
    except Exception as error:  # noqa: BLE001 - whatever it is, it is to be translated
        return error
    raise AssertionError("SQLite has nothing against it")


def made_up(name: str, text: str = "SQLite's words") -> sqlite3.OperationalError:
    error = sqlite3.OperationalError(text)
    error.sqlite_errorname = name
    return error


def told(error: Exception, *, has_parameters: bool = False) -> RowgateError:
    translated = translate(error, has_parameters=has_parameters)
    assert translated is not None
    return translated


@pytest.mark.parametrize(
    ("sql", "reason", "details"),
    [
        (
            "insert into parent values (2, 'a')",
            Reason.DUPLICATE_KEY,
            {"constraint": "parent.name", "table": "parent", "column": "name"},
        ),
        (
            "insert into parent values (1, 'b')",
            Reason.DUPLICATE_KEY,
            {"constraint": "parent.id", "table": "parent", "column": "id"},
        ),
        (
            "insert into things values (2, 'a', 1, 1)",
            Reason.DUPLICATE_KEY,
            {"constraint": "things.name, things.number"},
        ),
        ("insert into things values (2, 'b', 1, 9)", Reason.FOREIGN_KEY_VIOLATION, {}),
        (
            "insert into things values (2, null, 1, 1)",
            Reason.NOT_NULL_VIOLATION,
            {"constraint": "things.name", "table": "things", "column": "name"},
        ),
        ("insert into things values (2, 'b', -1, 1)", Reason.CHECK_VIOLATION, {"constraint": "number > 0"}),
        ("insert into things values (2, 'long enough', 1, 1)", Reason.CHECK_VIOLATION, {"constraint": "short"}),
        (
            "insert into strict_things values (1, 'x')",
            Reason.VALUE_OUT_OF_RANGE,
            {"table": "strict_things", "column": "number"},
        ),
        ("insert into things (id, name) values ('x', 'b')", Reason.VALUE_OUT_OF_RANGE, {}),
        ("select * from nope", Reason.UNKNOWN_TABLE, {"table": "nope"}),
        ("select * from nope.things", Reason.UNKNOWN_TABLE, {"schema": "nope", "table": "things"}),
        ("drop view nope", Reason.UNKNOWN_TABLE, {"table": "nope"}),
        ("drop index nope", Reason.UNKNOWN_TABLE, {"table": "nope"}),
        ("create table nope.t (i)", Reason.UNKNOWN_TABLE, {"schema": "nope"}),
        ("select nope from things", Reason.UNKNOWN_COLUMN, {"column": "nope"}),
        ("select things.nope from things", Reason.UNKNOWN_COLUMN, {"table": "things", "column": "nope"}),
        ("insert into things (nope) values (1)", Reason.UNKNOWN_COLUMN, {"table": "things", "column": "nope"}),
        ("selec 1", Reason.INVALID_SQL, {}),
        ("select nope(1)", Reason.INVALID_SQL, {}),
        ("select 1; select 2", Reason.MULTIPLE_STATEMENTS, {}),
        ("select ?", Reason.INVALID_PARAMETER, {}),
        ("select zeroblob(20000)", Reason.VALUE_OUT_OF_RANGE, {}),
        ("select abs(-9223372036854775808)", Reason.VALUE_OUT_OF_RANGE, {}),
        ("select load_extension('x')", Reason.PERMISSION_DENIED, {}),
        ("select cast(x'ff' as text)", Reason.INVALID_SQL, {}),
        ("select '\0'", Reason.INVALID_SQL, {}),
    ],
)
def test_what_sqlite_refuses_has_its_reason_and_breaks_nothing(
    connection: sqlite3.Connection, sql: str, reason: Reason, details: dict[str, str]
) -> None:
    if "load_extension" in sql:
        connection.set_authorizer(lambda *_: sqlite3.SQLITE_DENY if "load_extension" in _ else sqlite3.SQLITE_OK)
    error = raised(connection, sql)
    translated = told(error)
    assert translated.reason is reason
    assert translated.outcome == "ROLLED_BACK"
    found = {
        name: translated.metadata[name]
        for name in ("constraint", "schema", "table", "column")
        if name in translated.metadata
    }
    assert found == details
    assert not is_broken(error)


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("SQLITE_CONSTRAINT_ROWID", Reason.DUPLICATE_KEY),
        ("SQLITE_CONSTRAINT_TRIGGER", Reason.CHECK_VIOLATION),
        ("SQLITE_BUSY", Reason.LOCK_TIMEOUT),
        ("SQLITE_BUSY_SNAPSHOT", Reason.LOCK_TIMEOUT),
        ("SQLITE_LOCKED_SHAREDCACHE", Reason.LOCK_TIMEOUT),
        ("SQLITE_READONLY", Reason.READ_ONLY),
        ("SQLITE_READONLY_DIRECTORY", Reason.READ_ONLY),
        ("SQLITE_INTERRUPT", Reason.QUERY_CANCELLED),
        ("SQLITE_AUTH", Reason.PERMISSION_DENIED),
        ("SQLITE_PERM", Reason.PERMISSION_DENIED),
        ("SQLITE_TOOBIG", Reason.VALUE_OUT_OF_RANGE),
        ("SQLITE_MISMATCH", Reason.VALUE_OUT_OF_RANGE),
        ("SQLITE_CANTOPEN_ISDIR", Reason.DATABASE_UNAVAILABLE),
        ("SQLITE_CORRUPT_VTAB", Reason.DATABASE_UNAVAILABLE),
        ("SQLITE_NOTADB", Reason.DATABASE_UNAVAILABLE),
        ("SQLITE_IOERR_FSYNC", Reason.DATABASE_UNAVAILABLE),
        ("SQLITE_FULL", Reason.DATABASE_UNAVAILABLE),
        ("SQLITE_NOMEM", Reason.DATABASE_UNAVAILABLE),
        ("SQLITE_ERROR", Reason.INVALID_SQL),
        ("SQLITE_SOMETHING_NEW", Reason.INVALID_SQL),
    ],
)
def test_each_code_has_its_reason(name: str, reason: Reason) -> None:
    error = made_up(name)
    translated = told(error)
    assert translated.reason is reason
    assert translated.metadata["vendor_code"] == name
    assert translated.message
    assert is_broken(error) is (reason is Reason.DATABASE_UNAVAILABLE)
    assert (translated.retry_after is not None) is (reason in (Reason.LOCK_TIMEOUT, Reason.DATABASE_UNAVAILABLE))


def test_a_file_that_is_none_of_sqlite_s_is_unavailable(tmp_path: Path) -> None:
    file = tmp_path / "not-a-database"
    file.write_text("x" * 5000)
    with closing(sqlite3.connect(file)) as connection:
        error = raised(connection, "select * from sqlite_master")
    assert told(error).reason is Reason.DATABASE_UNAVAILABLE
    assert "not-a-database" not in told(error).message
    assert is_broken(error)


def test_a_broken_file_system_is_an_unavailable_database() -> None:
    translated = told(OSError("/secret/path"))
    assert translated.reason is Reason.DATABASE_UNAVAILABLE
    assert "secret" not in translated.message
    assert translated.cause == "/secret/path"
    assert is_broken(OSError())


@pytest.mark.parametrize("value", [2**63, "\ud800"])
def test_values_that_python_cannot_bind_are_out_of_range(connection: sqlite3.Connection, value: object) -> None:
    error = raised(connection, "select ?", value)
    assert told(error, has_parameters=True).reason is Reason.VALUE_OUT_OF_RANGE
    assert not is_broken(error)


@pytest.mark.parametrize("error", [KeyError("x"), ValueError("no active connection"), RuntimeError()])
def test_other_exceptions_are_not_the_driver_s_and_break_the_connection(error: Exception) -> None:
    assert translate(error, has_parameters=False) is None
    assert is_broken(error)


def test_text_that_is_no_utf_8_is_told_without_the_text(connection: sqlite3.Connection) -> None:
    error = told(raised(connection, "select cast(x'73654372ff' as text)"))
    assert error.message == "a TEXT cell of the result is not UTF-8"
    assert error.metadata["hint"] == "select CAST(column AS BLOB)"


def test_words_about_the_sql_stay_with_parameters_too(connection: sqlite3.Connection) -> None:
    for sql, words in (
        ("selec ?", 'near "selec": syntax error'),
        ("select 'unclosed, ?", 'unrecognized token: "\'unclosed, ?"'),
        ("select nope(?)", "no such function: nope"),
        ("select * from nope where i = ?", "no such table: nope"),
    ):
        assert told(raised(connection, sql, 1), has_parameters=True).message == words


@pytest.mark.parametrize("path", ["sEcReT", "'a' sEcReT", 'x"sEcReT', "$.sEcReT[", "no such table: sEcReT"])
@pytest.mark.parametrize(
    "function", ["json_extract('{}', ?)", "json_set('{}', ?, 1)", "json_each.value from json_each('{}', ?)"]
)
def test_a_value_that_a_function_quotes_is_masked(connection: sqlite3.Connection, function: str, path: str) -> None:
    try:
        connection.execute(f"select {function}", (path,)).fetchall()
    except sqlite3.Error as error:
        assert "sEcReT" not in told(error, has_parameters=True).message  # noqa: PT017 - SQLite may also accept it
        assert "sEcReT" not in "".join(told(error, has_parameters=True).metadata.values())  # noqa: PT017 - the same


AROUND = st.text(st.sampled_from("'\"\n a:.()") | st.characters(codec="utf-8"), max_size=12)
QUOTING = [
    "JSON path error near '{}'",
    "bad JSON path: '{}'",
    'fts5: syntax error near "{}"',
    "unknown tokenizer: '{}'",
]


@given(st.sampled_from(QUOTING), AROUND, AROUND)
@example(QUOTING[0], "no such table: ", "")
@example(QUOTING[1], "' near \"", '": syntax error')
def test_no_value_gets_out_of_sqlite_s_words(template: str, before: str, after: str) -> None:
    error = made_up("SQLITE_ERROR", template.replace("{}", f"{before}sEcReT{after}"))
    translated = told(error, has_parameters=True)
    assert "sEcReT" not in translated.message
    assert "sEcReT" not in "".join(translated.metadata.values())
    assert translated.reason is Reason.INVALID_SQL
