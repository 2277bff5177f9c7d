"""Logs: one event a line, as JSON or for a console. Never SQL parameters, never a secret."""

from __future__ import annotations

import logging
import sys
from typing import Any, TextIO, cast

import structlog

_LEVELS = {"debug": logging.DEBUG, "info": logging.INFO, "warning": logging.WARNING, "error": logging.ERROR}

Logger = structlog.stdlib.BoundLogger


def configure(level: str, style: str, stream: TextIO | None = None) -> None:
    """Set up logging for the process, the libraries' own included.

    Args:
        level: debug, info, warning or error.
        style: json, console, or auto: console on a terminal, JSON elsewhere.
        stream: where to; standard error when left out.
    """
    stream = stream or sys.stderr
    if style == "auto":
        style = "console" if stream.isatty() else "json"
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True, key="time"),
    ]
    rendering: list[Any] = (
        [structlog.dev.ConsoleRenderer(colors=stream.isatty())]
        if style == "console"
        else [structlog.processors.dict_tracebacks, structlog.processors.JSONRenderer(ensure_ascii=False)]
    )
    structlog.configure(
        processors=[*shared, *rendering],
        wrapper_class=structlog.make_filtering_bound_logger(_LEVELS[level]),
        logger_factory=structlog.WriteLoggerFactory(file=stream),
        cache_logger_on_first_use=False,
    )
    handler = logging.StreamHandler(stream)
    handler.setFormatter(structlog.stdlib.ProcessorFormatter(foreign_pre_chain=shared, processors=_foreign(rendering)))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    # Libraries only speak up when something is wrong; grpc's own loggers repeat what the access log says.
    root.setLevel(max(_LEVELS[level], logging.WARNING))
    logging.getLogger("grpc").setLevel(logging.ERROR)


def _foreign(rendering: list[Any]) -> list[Any]:
    return [structlog.stdlib.ProcessorFormatter.remove_processors_meta, *rendering]


def get_logger(name: str) -> Logger:
    """The logger of one part of the gateway."""
    return cast("Logger", structlog.get_logger(part=name))
