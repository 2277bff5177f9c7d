"""What all tests have: the session's database servers, started when the first one asks, and hypothesis's settings."""

from __future__ import annotations

import gc
from typing import TYPE_CHECKING

import pytest
from hypothesis import settings

from support.available import missing
from support.mariadb import MariaDB
from support.postgresql import PostgreSQL

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator


# How long an example takes is none of the properties: the other tests have the cores.
settings.register_profile("rowgate", deadline=None)
settings.load_profile("rowgate")


@pytest.fixture(scope="session")
def mariadb_server() -> Iterator[MariaDB]:
    """A MariaDB server for tests that leave it running and thawed."""
    with MariaDB.start() as server:
        yield server


@pytest.fixture(scope="session")
def postgresql_server() -> Iterator[PostgreSQL]:
    """A PostgreSQL server for tests that leave it running and thawed."""
    with PostgreSQL.start() as server:
        yield server


@pytest.hookimpl(wrapper=True, optionalhook=True)
def pytest_xdist_auto_num_workers() -> Generator[None, int, int]:
    """Runs one more at once than there are processors: for a fifth of their time tests wait for others' processes."""
    return (yield) + 1


def pytest_collection_finish() -> None:
    """Leaves thousands of tests, which stay anyway, out of garbage collections."""
    gc.collect()
    gc.freeze()


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Says at the end what the run had to do without."""
    for what, remedy in missing.items():
        terminalreporter.write_line(f"not tested, {what} is missing: {remedy}", yellow=True)
