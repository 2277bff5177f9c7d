from __future__ import annotations

import asyncio

import asyncpg
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from rowgate_server.engines.dialects.postgresql.errors import is_broken, translate
from rowgate_server.errors import Outcome, Reason, RowgateError


def from_the_wire(sqlstate: str, text: str = "the server's words", **fields: str) -> asyncpg.PostgresError:
    """The error that asyncpg raises for the server's ErrorResponse; `fields` by their letters in the protocol."""
    return asyncpg.PostgresError.new({"S": "ERROR", "V": "ERROR", "C": sqlstate, "M": text, **fields})


def told(error: BaseException, *, has_parameters: bool = False) -> RowgateError:
    translated = translate(error, has_parameters=has_parameters)
    assert translated is not None
    return translated


STATES = {
    Reason.DUPLICATE_KEY: ["23505"],
    Reason.FOREIGN_KEY_VIOLATION: ["23503", "23001"],
    Reason.NOT_NULL_VIOLATION: ["23502"],
    Reason.CHECK_VIOLATION: ["23514", "23P01", "44000"],
    Reason.UNKNOWN_COLUMN: ["42703"],
    Reason.UNKNOWN_TABLE: ["42P01", "3F000"],
    Reason.VALUE_OUT_OF_RANGE: ["22000", "22001", "22003", "22007", "22012", "22P02"],
    Reason.DEADLOCK: ["40P01"],
    Reason.SERIALIZATION_FAILURE: ["40001", "40003"],
    Reason.LOCK_TIMEOUT: ["55P03"],
    Reason.QUERY_CANCELLED: ["57014"],
    Reason.READ_ONLY: ["25006"],
    Reason.PERMISSION_DENIED: ["42501"],
    Reason.NOT_SUPPORTED: ["0A000"],
    Reason.DATABASE_UNAVAILABLE: [
        *("08000", "08006", "08P01", "28000", "28P01", "53000", "53100", "53200", "53300"),
        *("57P01", "57P02", "57P03", "57P04", "57P05", "58000", "58030", "XX000", "XX001"),
    ],
    Reason.INVALID_SQL: ["42601", "3D000", "42883", "42704", "42P02", "P0001", "ZZZZZ"],
}
ALL_STATES = [(reason, state) for reason, states in STATES.items() for state in states]


@pytest.mark.parametrize(("reason", "state"), ALL_STATES)
def test_each_state_has_its_reason(reason: Reason, state: str) -> None:
    error = told(from_the_wire(state))
    assert error.reason is reason
    assert error.metadata["sqlstate"] == state
    assert error.message


@pytest.mark.parametrize(("fields", "hint"), [({}, None), ({"H": "choose another name"}, "choose another name")])
def test_what_the_driver_advises_its_own_users_is_left_out(fields: dict[str, str], hint: str | None) -> None:
    raised = from_the_wire("42P05", 'prepared statement "a" already exists', **fields)
    assert "pgbouncer" in (raised.hint or "")
    assert told(raised).metadata.get("hint") == hint


@given(st.text(st.sampled_from("0123456789ABCPX"), min_size=5, max_size=5), st.text(max_size=40), st.booleans())
def test_any_state_has_a_reason_and_an_outcome(state: str, text: str, has_parameters: bool) -> None:
    error = told(from_the_wire(state, text), has_parameters=has_parameters)
    assert error.reason in Reason
    assert (error.outcome == "ROLLED_BACK") is (error.reason is not Reason.DATABASE_UNAVAILABLE)


def test_only_errors_that_a_retry_may_help_say_when() -> None:
    retried = {reason for reason, state in ALL_STATES if told(from_the_wire(state)).retry_after is not None}
    assert retried == {
        *(Reason.DEADLOCK, Reason.SERIALIZATION_FAILURE, Reason.LOCK_TIMEOUT, Reason.DATABASE_UNAVAILABLE),
    }


@pytest.mark.parametrize(
    "error",
    [
        OSError("no route"),
        TimeoutError(),
        asyncio.IncompleteReadError(b"", 4),
        ConnectionResetError(),
        asyncpg.InterfaceError("connection is closed"),
        asyncpg.InternalClientError("unexpected"),
        asyncpg.ConnectionDoesNotExistError("closed in the middle of operation"),
    ],
)
def test_a_link_that_breaks_is_an_unavailable_database(error: Exception) -> None:
    translated = told(error)
    assert translated.reason is Reason.DATABASE_UNAVAILABLE
    assert translated.message == "the database cannot be reached, or the connection broke"
    assert translated.retry_after
    assert translated.cause in (str(error), type(error).__name__)
    assert is_broken(error)


@pytest.mark.parametrize(
    "error", [UnicodeDecodeError("utf-8", b"\xff", 0, 1, "x"), LookupError("unknown encoding: euc_tw")]
)
def test_an_answer_in_another_encoding_is_its_caller_s_own_and_breaks_the_connection(error: Exception) -> None:
    translated = told(error)
    assert (translated.reason, translated.outcome) == (Reason.NOT_SUPPORTED, Outcome.UNKNOWN)
    assert is_broken(error)


@pytest.mark.parametrize("error", [KeyError("x"), IndexError(), RuntimeError()])
def test_other_exceptions_are_not_the_driver_s_and_break_the_connection(error: Exception) -> None:
    assert translate(error, has_parameters=False) is None
    assert is_broken(error)


def test_errors_about_a_statement_leave_the_connection_sound() -> None:
    breaking = {state for _, state in ALL_STATES if is_broken(from_the_wire(state))}
    assert breaking == {
        *("08000", "08006", "08P01", "57P01", "57P02", "57P03", "57P04", "57P05", "58000", "58030", "XX000", "XX001"),
    }


def test_a_value_that_the_driver_cannot_send_is_out_of_range_and_breaks_nothing() -> None:
    error = asyncpg.DataError("invalid input for query argument $1: 'secret'")
    translated = told(error, has_parameters=True)
    assert translated.reason is Reason.VALUE_OUT_OF_RANGE
    assert "secret" not in translated.message
    assert not is_broken(error)


def test_names_that_the_server_tells_become_metadata() -> None:
    error = from_the_wire("23505", 'duplicate key value violates "k"', n="things_key", t="things", c="name", s="public")
    assert told(error, has_parameters=True).metadata == {
        "sqlstate": "23505",
        "outcome": "ROLLED_BACK",
        "constraint": "things_key",
        "table": "things",
        "column": "name",
    }


@pytest.mark.parametrize(
    ("state", "text", "expected"),
    [
        ("42P01", 'relation "nope" does not exist', {"table": "nope"}),
        ("42P01", 'relation "shop.nope" does not exist', {"schema": "shop", "table": "nope"}),
        ("42P01", 'relation "a.b.c" does not exist', {"table": "a.b.c"}),
        ("42P01", 'table "nope" does not exist', {"table": "nope"}),
        ("42P01", 'missing FROM-clause entry for table "nope"', {"table": "nope"}),
        ("3F000", 'schema "nope" does not exist', {"schema": "nope"}),
        ("42703", 'column "nope" does not exist', {"column": "nope"}),
        ("42703", 'column "a.b" does not exist', {"column": "a.b"}),
        ("42703", "column t.nope does not exist", {"table": "t", "column": "nope"}),
        ("42703", 'column "nope" of relation "t.u" does not exist', {"table": "t.u", "column": "nope"}),
        ("42703", "Spalte »nope« existiert nicht", {}),
    ],
)
def test_what_is_not_there_is_told_by_the_server_s_words(state: str, text: str, expected: dict[str, str]) -> None:
    error = from_the_wire(state, text, P="8")
    for has_parameters in (False, True):
        found = told(error, has_parameters=has_parameters).metadata
        assert {key: found[key] for key in ("schema", "table", "column") if key in found} == expected
    masked = told(from_the_wire(state, text), has_parameters=True).metadata
    assert "nope" not in (masked.get("schema"), masked.get("table"))


@pytest.mark.parametrize(
    ("state", "words"),
    [("22012", "division by zero"), ("22P02", "not written as"), ("22003", "beyond"), ("22001", "too long")],
)
def test_values_out_of_range_are_told_apart(state: str, words: str) -> None:
    translated = told(from_the_wire(state, "sEcReT"), has_parameters=True)
    assert words in translated.message
    assert "sEcReT" not in translated.message


def test_the_place_and_the_hint_are_told_where_they_are_the_caller_s() -> None:
    error = from_the_wire("42703", 'column "nmae" does not exist', P="8", H='Perhaps you meant "name".')
    assert told(error).metadata["position"] == "8"
    assert "position" not in told(error, has_parameters=True).metadata, "it counts in another text"
    syntax = from_the_wire("42601", 'syntax error at or near "selec"', P="1", H="mind the t")
    assert told(syntax).metadata["hint"] == "mind the t"
    assert told(syntax).message == 'syntax error at or near "selec"'


def test_words_about_the_sql_stay_with_parameters_too() -> None:
    error = from_the_wire("42P01", 'relation "nope" does not exist', P="15")
    assert told(error, has_parameters=True).message == 'relation "nope" does not exist'


# Messages that quote a value, as PostgreSQL 15 words them; none of them has a position.
QUOTING = [
    ("22P02", 'invalid input syntax for type integer: "{}"'),
    ("22023", 'time zone "{}" not recognized'),
    ("23505", 'duplicate key value violates unique constraint "real"'),
    ("42601", 'syntax error in tsquery: "{}"'),
    ("42601", 'syntax error at or near "{}" of jsonpath input'),
    ("42703", 'column "{}" does not exist'),
    ("42704", 'unrecognized configuration parameter "{}"'),
    ("42704", 'type "{}" does not exist'),
    ("42883", 'function "{}" does not exist'),
    ("42P01", 'relation "{}" does not exist'),
    ("3F000", 'schema "{}" does not exist'),
    ("0A000", 'cross-database references are not implemented: "{}"'),
]
AROUND = st.text(st.sampled_from("'\"\n a:.()") | st.characters(codec="utf-8"), max_size=12)


@given(st.sampled_from(QUOTING), AROUND, AROUND)
@example(QUOTING[4], '"', '"')
@example(QUOTING[9], 'a" b "', "")
def test_no_value_gets_out_of_the_server_s_words(quoting: tuple[str, str], before: str, after: str) -> None:
    state, template = quoting
    value = f"{before}sEcReT{after}"
    error = from_the_wire(state, template.replace("{}", value), D=f"Key (x)=({value})", H=f"try {value}", W=value)
    translated = told(error, has_parameters=True)
    assert "sEcReT" not in translated.message
    assert "sEcReT" not in "".join(translated.metadata.values())


def test_detail_and_context_are_never_told() -> None:
    error = from_the_wire("42601", "no", D="DETAIL", W="CONTEXT", q="QUERY")
    translated = told(error)
    assert translated.message == "no"
    assert set(translated.metadata) == {"sqlstate", "outcome"}


def test_the_log_is_not_told_words_that_a_statement_may_have_chosen() -> None:
    assert told(from_the_wire("57P01", "sEcReT")).cause == "AdminShutdownError"
    assert told(from_the_wire("42601", "sEcReT")).cause == ""
