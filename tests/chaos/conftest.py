"""Databases behind a proxy that misbehaves, opened as the gateway opens them, in the test's own process.

`LONG_RUN=1` (`make chaos`) makes the long versions of all of it.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import pytest

from support.mariadb import MariaDB
from support.postgresql import PostgreSQL
from support.server_certificates import certificate
from support.throwaway import ThrowawayServer


@pytest.fixture(scope="session")
def servers() -> Iterator[dict[str, ThrowawayServer]]:
    """One of each engine that takes TLS, to be left running and thawed."""
    mariadb, postgresql = certificate("mariadb", *MariaDB.accounts), certificate("postgresql", *PostgreSQL.accounts)
    with contextlib.ExitStack() as stack:
        yield {
            "mariadb": stack.enter_context(
                MariaDB.start(f"--ssl-cert={mariadb.certificate}", f"--ssl-key={mariadb.key}")
            ),
            "postgresql": stack.enter_context(
                PostgreSQL.start(
                    *("-c", "ssl=on", "-c", f"ssl_cert_file={postgresql.certificate}"),
                    *("-c", f"ssl_key_file={postgresql.key}"),
                )
            ),
        }


@pytest.fixture(params=["mariadb", "postgresql"])
def engine(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name


@pytest.fixture
def server(engine: str, servers: dict[str, ThrowawayServer]) -> ThrowawayServer:
    return servers[engine]
