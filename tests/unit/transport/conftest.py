"""A log to read, a service of the tests' own behind the interceptors, the gateway's own services, a bare connection."""

from __future__ import annotations

import io
import logging
import socket
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import structlog
from unit.transport.own_services import Served, serving
from unit.transport.wrapped import Service, Wrapped, wrapping

from rowgate_server.observability import logging as rowgate_logging


@pytest.fixture
def log() -> Iterator[io.StringIO]:
    """What is logged during the test, as JSON."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    stream = io.StringIO()
    rowgate_logging.configure("debug", "json", stream)
    yield stream
    structlog.reset_defaults()
    root.handlers[:] = handlers
    root.setLevel(level)


@pytest.fixture
async def wrapped(log: io.StringIO) -> AsyncIterator[Wrapped]:
    async with wrapping(Service(), log) as wrapped:
        yield wrapped


@pytest.fixture
async def served(log: io.StringIO, tmp_path: Path) -> AsyncIterator[Served]:
    del log
    async with serving(tmp_path) as served:
        yield served


@pytest.fixture
def pair() -> Iterator[tuple[int, socket.socket, socket.socket]]:
    """A port, and the two ends of a connection to it, of which the first is the server's."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = int(server.getsockname()[1])
        with socket.create_connection(("127.0.0.1", port)) as caller:
            end, _ = server.accept()
            with end:
                yield port, end, caller
