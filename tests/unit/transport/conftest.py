"""A log to read, a service of the tests' own behind the interceptors, and the gateway's own services."""

from __future__ import annotations

import io
import logging
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
