"""Logs: one event a line, as JSON or for a console. Never SQL parameters, never a secret."""

from __future__ import annotations

import contextlib
import logging
import sys
import threading
from typing import Any, Protocol, TextIO, cast

import structlog

from rowgate_server.observability.ids import current_request, current_trace
from rowgate_server.observability.outlet import Outlet, outlets

_LEVELS = {"debug": logging.DEBUG, "info": logging.INFO, "warning": logging.WARNING, "error": logging.ERROR}

# Without the frames' local variables, which structlog shows by default: they hold parameters and passwords.
_TRACEBACKS = structlog.processors.ExceptionRenderer(structlog.tracebacks.ExceptionDictTransformer(show_locals=False))

Logger = structlog.stdlib.BoundLogger


class _Output(Protocol):
    """Writes one line, if that can be done."""

    def msg(self, message: str) -> None: ...


class _Direct(structlog.WriteLogger):
    """Goes on when the log's reader is gone: a broken pipe must not change how calls end."""

    def msg(self, message: str) -> None:
        """As `_Output`."""
        with contextlib.suppress(OSError, ValueError):
            super().msg(message)

    debug = info = warning = error = msg


class _Beside:
    """The same for the process's own streams, whose reader may also stand still."""

    def __init__(self, outlet: Outlet) -> None:
        self._outlet = outlet

    def msg(self, message: str) -> None:
        """As `_Output`."""
        self._outlet.put(message, lost_lines.told)

    debug = info = warning = error = msg


class LostLines:
    """Counts the log's lines that could not be written."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.number = 0

    def told(self, error: BaseException | None) -> None:
        """What became of a line."""
        if error is not None:
            with self._lock:
                self.number += 1


lost_lines = LostLines()


class _Stream:
    """The same as the standard library writes to it."""

    def __init__(self, output: _Output) -> None:
        self.write = output.msg


def _is_news(record: logging.LogRecord) -> bool:
    """Not that an answer could not be sent, as its caller read no more or has gone: the access log has the call."""
    kind = record.exc_info[0] if record.exc_info else None
    return kind is None or (record.name, kind.__name__) != ("grpc._cython.cygrpc", "ExecuteBatchError")


def configure(level: str, style: str, stream: TextIO | None = None, *, worker: int | None = None) -> None:
    """Set up logging for the process, the libraries' own included.

    Args:
        level: debug, info, warning or error.
        style: json, console, or auto: console on a terminal, JSON elsewhere.
        stream: where to; standard error when left out.
        worker: which worker this process is, where there are several; it is on every line.
    """
    stream = stream or sys.stderr
    if style == "auto":
        style = "console" if stream.isatty() else "json"
    shared: list[Any] = [
        _name_request,
        *([] if worker is None else [_naming_worker(worker)]),
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True, key="time"),
    ]
    rendering: list[Any] = (
        [structlog.dev.ConsoleRenderer(colors=stream.isatty(), exception_formatter=structlog.dev.plain_traceback)]
        if style == "console"
        else [_TRACEBACKS, structlog.processors.JSONRenderer(ensure_ascii=False)]
    )
    output = _output(stream, [*shared, *rendering])
    structlog.configure(
        processors=[*shared, *rendering],
        wrapper_class=structlog.make_filtering_bound_logger(_LEVELS[level]),
        logger_factory=lambda *_: output,
        cache_logger_on_first_use=False,
    )
    _levels.times_set += 1
    # For the libraries, which log by the standard library.
    handler = logging.StreamHandler(_Stream(output))
    handler.terminator = ""
    handler.addFilter(_is_news)
    named = [structlog.stdlib.add_logger_name, *shared]
    handler.setFormatter(structlog.stdlib.ProcessorFormatter(foreign_pre_chain=named, processors=_foreign(rendering)))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    # Libraries only speak up when something is wrong; grpc's own loggers repeat what the access log says.
    root.setLevel(max(_LEVELS[level], logging.WARNING))
    logging.getLogger("grpc").setLevel(logging.ERROR)


def set_level(level: str) -> None:
    """Write this level and what is more important from now on; `configure` has been called."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(_LEVELS[level]))
    _levels.times_set += 1
    logging.getLogger().setLevel(max(_LEVELS[level], logging.WARNING))


def _name_request(_logger: Any, _method: str, event: structlog.typing.EventDict) -> structlog.typing.EventDict:
    if request := current_request.get():
        event["request_id"] = request
    if trace := current_trace.get():
        event["trace_id"] = trace
    return event


def _naming_worker(worker: int) -> structlog.typing.Processor:
    def name(_logger: Any, _method: str, event: structlog.typing.EventDict) -> structlog.typing.EventDict:
        event["worker"] = worker
        return event

    return name


def _output(stream: TextIO, processors: list[Any]) -> _Output:
    outlet = outlets.standard(stream)
    if outlet is None:
        return _Direct(stream)
    telling = structlog.wrap_logger(structlog.ReturnLogger(), processors, part="rowgate.log")
    outlet.regained = lambda number: cast("str", telling.warning("lines were lost", lines=number))
    return _Beside(outlet)


def _foreign(rendering: list[Any]) -> list[Any]:
    return [structlog.stdlib.ProcessorFormatter.remove_processors_meta, *rendering]


class BoundOnce:
    """A logger that is bound at its first use and kept, since that takes microseconds; anew when the level changes.

    Args:
        name: as for `get_logger`.
    """

    def __init__(self, name: str) -> None:
        self._logger = get_logger(name)
        self._bound: Logger | None = None
        self._times_set = -1

    def __call__(self) -> Logger:
        """The logger."""
        if self._bound is None or self._times_set != _levels.times_set:
            self._bound, self._times_set = self._logger.bind(), _levels.times_set
        return self._bound


class _Levels:
    """Tells loggers that are bound already that the level is another one."""

    times_set = 0


_levels = _Levels()


def get_logger(name: str) -> Logger:
    """The logger of one part of the gateway."""
    return cast("Logger", structlog.get_logger(part=name))
