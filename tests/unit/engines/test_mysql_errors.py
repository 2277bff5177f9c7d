from __future__ import annotations

import asyncio
import struct

import pytest
from asyncmy import errors as driver_errors
from hypothesis import example, given
from hypothesis import strategies as st

from rowgate_server.engines.dialects.mysql.errors import LeftPreparedError, is_broken, translate
from rowgate_server.errors import Outcome, Reason, RowgateError


def from_the_wire(number: int, text: str, sqlstate: str = "HY000") -> Exception:
    """The error that asyncmy raises for the server's error packet."""
    packet = b"\xff" + struct.pack("<H", number) + b"#" + sqlstate.encode() + text.encode()
    try:
        driver_errors.raise_mysql_exception(packet)
    except driver_errors.MySQLError as error:
        return error
    raise AssertionError("asyncmy raised nothing")


def told(number: int, text: str = "", *, has_parameters: bool = False, sqlstate: str = "HY000") -> RowgateError:
    error = translate(from_the_wire(number, text, sqlstate), has_parameters=has_parameters)
    assert error is not None
    return error


XA_STATE = 1399
NUMBERS = {
    Reason.DUPLICATE_KEY: [1022, 1062, 1169, 1586],
    Reason.FOREIGN_KEY_VIOLATION: [1216, 1217, 1451, 1452],
    Reason.NOT_NULL_VIOLATION: [1048, 1364],
    Reason.CHECK_VIOLATION: [3819, 4025],
    Reason.UNKNOWN_COLUMN: [1054, 1072],
    Reason.UNKNOWN_TABLE: [1049, 1051, 1109, 1146],
    Reason.VALUE_OUT_OF_RANGE: [1153, 1264, 1265, 1292, 1366, 1406, 1411, 1416, 1525, 1690],
    Reason.DEADLOCK: [1213],
    Reason.SERIALIZATION_FAILURE: [1020],
    Reason.LOCK_TIMEOUT: [1205, 3572],
    Reason.QUERY_CANCELLED: [1317],
    Reason.STATEMENT_TIMEOUT: [1969, 3024],
    Reason.READ_ONLY: [1290, 1792, 1836],
    Reason.PERMISSION_DENIED: [1044, 1045, 1142, 1143, 1227, 1370],
    Reason.NOT_SUPPORTED: [1148, 1235, 1295, 4166],
    Reason.DATABASE_UNAVAILABLE: [
        *(1021, 1037, 1040, 1041, 1047, 1053, 1077, 1080, 1129, 1130, 1152, 1203, 1226, 1927),
        *(2003, 2006, 2013, 2027, 2999, 0),
    ],
    Reason.INVALID_SQL: [1064, 1105, 1136, 1146 + 5000, 1999, 3000, 65_535],
}


@pytest.mark.parametrize(("reason", "number"), [(reason, number) for reason in NUMBERS for number in NUMBERS[reason]])
def test_each_number_has_its_reason(reason: Reason, number: int) -> None:
    error = told(number, "the server's words")
    assert error.reason is reason
    assert error.metadata.get("vendor_code") == (str(number) if number else None)
    assert error.metadata["sqlstate"] == "HY000"


@given(st.integers(0, 65_535), st.text(max_size=40), st.booleans())
@example(XA_STATE, "", False)
def test_any_number_has_a_reason_and_words(number: int, text: str, has_parameters: bool) -> None:
    error = told(number, text, has_parameters=has_parameters)
    assert error.reason in Reason
    assert error.message
    # What is known of a lost connection is how far the statement had come; of one that XA is in the way of, nothing.
    open_to_doubt = error.reason is Reason.DATABASE_UNAVAILABLE or number == XA_STATE
    assert (error.outcome == "ROLLED_BACK") is not open_to_doubt


def test_only_errors_that_a_retry_may_help_say_when() -> None:
    retried = {reason for reason, numbers in NUMBERS.items() if told(numbers[0]).retry_after is not None}
    assert retried == {
        *(Reason.DEADLOCK, Reason.SERIALIZATION_FAILURE, Reason.LOCK_TIMEOUT, Reason.DATABASE_UNAVAILABLE),
    }


@pytest.mark.parametrize(
    "error", [OSError("no route"), TimeoutError(), asyncio.IncompleteReadError(b"", 4), ConnectionResetError()]
)
def test_a_link_that_breaks_is_an_unavailable_database(error: Exception) -> None:
    translated = translate(error, has_parameters=False)
    assert translated is not None
    assert translated.reason is Reason.DATABASE_UNAVAILABLE
    assert "route" not in translated.message
    assert translated.cause == (str(error) or type(error).__name__)
    assert translated.retry_after
    assert is_broken(error)


@pytest.mark.parametrize("error", [KeyError("x"), RuntimeError()])
def test_other_exceptions_are_not_the_driver_s_and_break_the_connection(error: Exception) -> None:
    assert translate(error, has_parameters=False) is None
    assert is_broken(error)


@pytest.mark.parametrize(
    "error",
    [
        driver_errors.InterfaceError("the driver's own"),
        driver_errors.InternalError("Packet sequence number wrong"),
        driver_errors.OperationalError(2013, "Lost connection"),
        driver_errors.Error(),
    ],
)
def test_errors_that_the_driver_makes_up_break_the_connection(error: Exception) -> None:
    translated = translate(error, has_parameters=False)
    assert translated is not None
    assert translated.reason is Reason.DATABASE_UNAVAILABLE
    assert "sqlstate" not in translated.metadata
    assert is_broken(error)


def test_errors_about_a_statement_leave_the_connection_sound() -> None:
    breaking = {number for numbers in NUMBERS.values() for number in numbers if is_broken(from_the_wire(number, ""))}
    assert breaking == {0, 1047, 1053, 1080, 1152, 1153, 1317, 1927, 2003, 2006, 2013, 2027, 2999}


@pytest.mark.parametrize(
    ("number", "text", "details"),
    [
        (1062, "Duplicate entry 'a' for key 'things_name'", {"constraint": "things_name"}),
        (1062, "Duplicate entry 'a' for key 'things.name'", {"constraint": "things.name"}),
        (
            1452,
            "Cannot add or update a child row: a foreign key constraint fails (`d`.`child`, CONSTRAINT `child_fk`",
            {"table": "child", "constraint": "child_fk"},
        ),
        (4025, "CONSTRAINT `positive` failed for `d`.`things`", {"constraint": "positive", "table": "things"}),
        (3819, "Check constraint 'positive' is violated.", {"constraint": "positive"}),
        (1048, "Column 'n' cannot be null", {"column": "n"}),
        (1364, "Field 'n' doesn't have a default value", {"column": "n"}),
        (1054, "Unknown column 'nope' in 'SELECT'", {"column": "nope"}),
        (1054, "Unknown column 't.nope' in 'SELECT'", {"table": "t", "column": "nope"}),
        (1146, "Table 'd.nope' doesn't exist", {"schema": "d", "table": "nope"}),
        (1051, "Unknown table 'd.nope'", {"schema": "d", "table": "nope"}),
        (1264, "Out of range value for column 'n' at row 12", {"column": "n"}),
        (1406, "Data too long for column 'n' at row 1", {"column": "n"}),
        (1366, "Incorrect integer value: 'x' for column `d`.`t`.`n` at row 1", {"table": "t", "column": "n"}),
        (1366, "Incorrect integer value: 'x' for column 'n' at row 1", {"column": "n"}),
        (1690, "BIGINT value is out of range in '1 + 2'", {}),
        (1064, "You have an error near 'for key 'x'' at line 1", {}),
    ],
)
def test_names_in_the_words_become_metadata(number: int, text: str, details: dict[str, str]) -> None:
    metadata = told(number, text, has_parameters=True, sqlstate="22001").metadata
    assert metadata == {"sqlstate": "22001", "vendor_code": str(number), "outcome": "ROLLED_BACK", **details}


# Messages of the server that quote a value: https://mariadb.com/kb/en/mariadb-error-code-reference/
QUOTING = [
    (1062, "Duplicate entry '{}' for key 'real'"),
    (1064, "You have an error in your SQL syntax; check the manual near '{}' at line 1"),
    (1105, "XPATH syntax error: '{}'"),
    (1105, "XPATH syntax error: '{}"),  # cut by the server
    (1139, "Regex error '{}'"),
    (1231, "Variable 'sql_mode' can't be set to the value of '{}'"),
    (1265, "Data truncated for column 'real' at row 1"),
    (1292, "Incorrect datetime value: '{}' for column `d`.`t`.`real` at row 1"),
    (1292, "Truncated incorrect DOUBLE value: '{}'"),
    (1298, "Unknown or incorrect time zone: '{}'"),
    (1366, "Incorrect integer value: '{}' for column `d`.`t`.`real` at row 1"),
    (1366, "Incorrect string value: '{}' for column 'real' at row 1"),
    (1367, "Illegal double '{}' value found during parsing"),
    (1411, "Incorrect datetime value: '{}' for function str_to_date"),
    (1525, "Incorrect DATE value: '{}'"),
    (1586, "Duplicate entry '{}' for key 'real'"),
    (1690, "BIGINT value is out of range in '{}'"),
    (4079, "Illegal parameter '{}' and '{}' for operation"),
]
AROUND = st.text(st.sampled_from("'`\"\n a:.()") | st.characters(codec="utf-8"), max_size=12) | st.sampled_from(
    ["x' for key '", "' for column `a`.`b`.`", "x' for column '", "near '", "' at line ", "Table '", "Column '"]
)


@given(st.sampled_from(QUOTING), AROUND, AROUND)
@example(QUOTING[0], "x' for key '", "")
@example(QUOTING[7], "x' for column `a`.`b`.`", "` at row 1")
@example(QUOTING[11], "x' for column '", "' at row 1")
@example(QUOTING[2], "a b 'x' ", "")
def test_no_value_gets_out_of_the_server_s_words(quoting: tuple[int, str], before: str, after: str) -> None:
    number, template = quoting
    error = told(number, template.replace("{}", f"{before}sEcReT{after}"), has_parameters=True)
    assert "sEcReT" not in error.message
    assert "sEcReT" not in "".join(error.metadata.values())


def test_without_parameters_the_server_s_words_stay() -> None:
    text = (
        "You have an error in your SQL syntax; check the manual that corresponds to your MariaDB server version for "
        "the right syntax to use near 'selec 1' at line 1"
    )
    assert told(1064, text).message == "You have an error in your SQL syntax near 'selec 1' at line 1"
    assert told(1064, text, has_parameters=True).message == "You have an error in your SQL syntax at line 1"


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (1054, "Unknown column 'nope' in 'SELECT'"),
        (1146, "Table 'd.nope' doesn't exist"),
        (1305, "FUNCTION d.nope does not exist"),
        (1235, "This version of MariaDB doesn't yet support 'that'"),
    ],
)
def test_words_that_quote_names_only_stay_with_parameters_too(number: int, text: str) -> None:
    assert told(number, text, has_parameters=True).message == text


def test_a_message_without_words_gets_some() -> None:
    assert told(1999, "").message == "the database refused the SQL"


def test_the_log_is_told_the_driver_s_words_but_not_those_that_a_statement_may_have_chosen() -> None:
    assert told(2013, "Lost connection").cause == "2013 Lost connection"
    assert told(1053, "sEcReT").cause == ""
    assert told(1064, "sEcReT").cause == ""


def test_the_variable_that_decided_is_named() -> None:
    assert told(1969).metadata["limit"] == "max_statement_time"
    assert told(3024).metadata["limit"] == "max_execution_time"


def test_a_distributed_transaction_s_name_is_not_shown_where_it_may_be_a_parameter() -> None:
    error = LeftPreparedError("'secret'")
    assert is_broken(error)
    shown, kept = (translate(error, has_parameters=has_parameters) for has_parameters in (False, True))
    assert shown is not None
    assert kept is not None
    assert "'secret'" in shown.message
    assert "secret" not in kept.message
    assert (shown.reason, shown.outcome, kept.outcome) == (Reason.INVALID_REQUEST, Outcome.UNKNOWN, Outcome.UNKNOWN)


def test_an_answer_that_is_not_utf_8_is_told_so_and_breaks_the_connection() -> None:
    """The rest of it has not been read."""
    error = UnicodeDecodeError("utf-8", b"\xff", 0, 1, "x")
    shown = translate(error, has_parameters=False)
    assert shown is not None
    assert (shown.reason, shown.outcome) == (Reason.NOT_SUPPORTED, Outcome.UNKNOWN)
    assert is_broken(error)
