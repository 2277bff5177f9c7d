"""What is written to the log, and what never is: one event a line, errors whole, no local variable of a frame."""

from __future__ import annotations

import io
import json
import logging
import os
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest
import structlog

from rowgate_server.observability.ids import current_request
from rowgate_server.observability.logging import configure, get_logger

LEVELS = ["debug", "info", "warning", "error"]


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture(autouse=True)
def _restored() -> Iterator[None]:
    """The logging of the process as it was: pytest has a handler of its own there."""
    root, grpc = logging.getLogger(), logging.getLogger("grpc")
    handlers, levels = root.handlers[:], (root.level, grpc.level)
    yield
    structlog.reset_defaults()
    root.handlers[:] = handlers
    root.setLevel(levels[0])
    grpc.setLevel(levels[1])


def _lines(stream: io.StringIO) -> list[dict[str, Any]]:
    """The lines written, but for asyncio's own: what other tests have left on the loop may speak up at any time."""
    lines = [json.loads(line) for line in stream.getvalue().split("\n") if line]
    return [line for line in lines if line.get("logger") != "asyncio"]


def _fail(password: str, params: dict[str, str]) -> None:
    """Fails in a frame that holds what must not be told."""
    try:
        del params["nothing"], password
    except KeyError as error:
        raise ValueError("that went wrong") from error


def _failure() -> ValueError:
    try:
        _fail("planted-password", {"name": "planted-value"})
    except ValueError as error:
        return error
    raise AssertionError


def test_an_event_is_one_line_of_json() -> None:
    stream = io.StringIO()
    configure("info", "json", stream)
    get_logger("rowgate.test").info("it happened", text='a "b"\nc\r\u2028 日本', number=7, nothing=None)
    (line,) = _lines(stream)
    assert line.pop("time").endswith("Z")
    assert line == {
        "event": "it happened",
        "level": "info",
        "part": "rowgate.test",
        "text": 'a "b"\nc\r\u2028 日本',
        "number": 7,
        "nothing": None,
    }


def test_the_time_is_utc() -> None:
    stream = io.StringIO()
    configure("info", "json", stream)
    get_logger("rowgate.test").info("now")
    told = datetime.fromisoformat(_lines(stream)[0]["time"])
    assert told.utcoffset() == timedelta(0)
    assert abs(datetime.now(told.tzinfo) - told) < timedelta(minutes=1)


def test_what_json_has_no_form_for_is_written_all_the_same() -> None:
    stream = io.StringIO()
    configure("info", "json", stream)
    get_logger("rowgate.test").info("odd", octets=b"\xff", kind=ValueError, surrogate="\udcff")
    (line,) = _lines(stream)
    assert line["octets"] == r"b'\xff'"


@pytest.mark.parametrize("level", LEVELS)
def test_what_is_below_the_level_is_left_out(level: str) -> None:
    stream = io.StringIO()
    configure(level, "json", stream)
    log = get_logger("rowgate.test")
    for name in LEVELS:
        getattr(log, name)("event")
    assert [line["level"] for line in _lines(stream)] == LEVELS[LEVELS.index(level) :]


def test_a_logger_made_before_is_set_up_too() -> None:
    log = get_logger("rowgate.test")
    stream = io.StringIO()
    configure("info", "json", stream)
    log.info("event")
    assert len(_lines(stream)) == 1


def test_the_calls_own_id_is_on_every_line() -> None:
    stream = io.StringIO()
    configure("info", "json", stream)
    token = current_request.set("abc")
    get_logger("rowgate.test").info("ours")
    logging.getLogger("library").warning("theirs")
    current_request.reset(token)
    get_logger("rowgate.test").info("apart")
    assert [line.get("request_id") for line in _lines(stream)] == ["abc", "abc", None]


# Errors


def test_an_error_is_one_line_with_its_traceback_and_its_cause() -> None:
    stream = io.StringIO()
    configure("info", "json", stream)
    get_logger("rowgate.test").error("bug", exc_info=_failure())
    (line,) = _lines(stream)
    told, cause = line["exception"]
    assert (told["exc_type"], told["exc_value"]) == ("ValueError", "that went wrong")
    assert told["frames"][-1]["name"] == "_fail"
    assert told["frames"][-1]["lineno"] > 0
    assert (cause["exc_type"], cause["is_cause"]) == ("KeyError", True)


@pytest.mark.parametrize("style", ["json", "console"])
@pytest.mark.parametrize("stream", [io.StringIO, Terminal])
def test_no_variable_of_a_frame_is_told(style: str, stream: type[io.StringIO]) -> None:
    written = stream()
    configure("debug", style, written)
    error = _failure()
    get_logger("rowgate.test").error("bug", exc_info=error)
    logging.getLogger("library").error("bug", exc_info=error)
    assert written.getvalue().count("that went wrong") >= 2
    assert "_fail" in written.getvalue()
    # A traceback may quote the line of source; that is ours, and holds no value of the call's.
    shown = written.getvalue().replace('_fail("planted-password", {"name": "planted-value"})', "")
    assert "planted" not in shown


# Libraries


def test_a_library_speaks_in_the_same_form_and_under_its_name() -> None:
    stream = io.StringIO()
    configure("info", "json", stream)
    logging.getLogger("some.library").warning("%s of %d", "one", 2)
    (line,) = _lines(stream)
    assert (line["event"], line["level"], line["logger"]) == ("one of 2", "warning", "some.library")
    assert "time" in line


def test_a_librarys_error_is_one_line_with_its_traceback() -> None:
    stream = io.StringIO()
    configure("info", "json", stream)
    logging.getLogger("some.library").error("oh", exc_info=_failure())
    (line,) = _lines(stream)
    assert line["exception"][0]["exc_type"] == "ValueError"


@pytest.mark.parametrize(("level", "heard"), [("debug", ["warning", "error"]), ("error", ["error"])])
def test_libraries_are_heard_when_something_is_wrong(level: str, heard: list[str]) -> None:
    stream = io.StringIO()
    configure(level, "json", stream)
    for name in LEVELS:
        getattr(logging.getLogger("some.library"), name)("x")
    assert [line["level"] for line in _lines(stream)] == heard


def test_grpcs_own_warnings_are_not_repeated() -> None:
    stream = io.StringIO()
    configure("debug", "json", stream)
    logging.getLogger("grpc._server").warning("x")
    logging.getLogger("grpc._server").error("y")
    assert [line["event"] for line in _lines(stream)] == ["y"]


def test_that_an_answer_could_not_be_sent_is_no_error_of_the_gateways() -> None:
    """As grpc.aio tells of each unread answer at the end of a drain."""
    stream = io.StringIO()
    configure("debug", "json", stream)
    unsent = type("ExecuteBatchError", (Exception,), {})()
    for error in (unsent, ValueError("news")):
        logging.getLogger("grpc._cython.cygrpc").error("raised in core by servicer method [/x/y]", exc_info=error)
    logging.getLogger("another").error("of the same name", exc_info=unsent)
    kinds = [line["exception"][0]["exc_type"] for line in _lines(stream)]
    assert kinds == ["ValueError", "ExecuteBatchError"]


def test_setting_up_twice_leaves_one_line_an_event() -> None:
    configure("info", "json", io.StringIO())
    stream = io.StringIO()
    configure("info", "json", stream)
    get_logger("rowgate.test").info("ours")
    logging.getLogger("library").warning("theirs")
    assert len(_lines(stream)) == 2


# Forms


@pytest.mark.parametrize(
    ("style", "stream", "json_lines"),
    [
        ("auto", io.StringIO, True),
        ("auto", Terminal, False),
        ("json", Terminal, True),
        ("console", io.StringIO, False),
    ],
)
def test_people_read_text_and_machines_json(style: str, stream: type[io.StringIO], *, json_lines: bool) -> None:
    written = stream()
    configure("info", style, written)
    get_logger("rowgate.test").info("it happened", number=7)
    text = written.getvalue()
    assert text.startswith("{") is json_lines
    assert "it happened" in text
    assert text.count("\n") == 1


@pytest.mark.parametrize(("stream", "colours"), [(io.StringIO, False), (Terminal, True)])
def test_a_terminal_alone_is_given_colours(stream: type[io.StringIO], *, colours: bool) -> None:
    written = stream()
    configure("info", "console", written)
    get_logger("rowgate.test").info("x")
    assert ("\x1b[" in written.getvalue()) is colours


def test_text_of_a_callers_cannot_forge_a_line_on_a_console() -> None:
    written = io.StringIO()
    configure("info", "console", written)
    get_logger("rowgate.test").info("call", database="x\n[error    ] forged\x1b[2J")
    assert written.getvalue().count("\n") == 1
    assert "\x1b" not in written.getvalue()


def test_a_log_that_nobody_reads_ends_nothing() -> None:
    reader, writer = os.pipe()
    os.close(reader)
    stream = os.fdopen(writer, "w", encoding="utf-8", buffering=1)
    configure("info", "json", stream)
    get_logger("rowgate.test").info("to nobody")
    structlog.reset_defaults()
    with pytest.raises(BrokenPipeError):
        stream.close()


def test_a_log_that_is_closed_ends_nothing() -> None:
    stream = io.StringIO()
    configure("info", "json", stream)
    stream.close()
    get_logger("rowgate.test").error("to nobody")
