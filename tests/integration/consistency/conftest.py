"""One gateway before MariaDB and PostgreSQL, with room for the transactions of many clients at once."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

import pytest

import rowgate
from support.mariadb import MariaDB
from support.postgresql import PostgreSQL
from support.process import Gateway

CONNECTIONS = 24
"""More than there are clients at once."""


@pytest.fixture(scope="package")
def gateway(mariadb_server: MariaDB, postgresql_server: PostgreSQL) -> Iterator[Gateway]:
    environment = {}
    for name, url in (("MARIADB", mariadb_server.url), ("POSTGRESQL", postgresql_server.url)):
        environment[f"ROWGATE_DATABASES__{name}__URL"] = url
        environment[f"ROWGATE_DATABASES__{name}__POOL__SIZE"] = str(CONNECTIONS)
        environment[f"ROWGATE_DATABASES__{name}__TRANSACTIONS__POOL_SHARE"] = "90"
    with Gateway.start(environment=environment) as gateway:
        yield gateway
        assert "Traceback" not in gateway.stderr


@pytest.fixture(params=["mariadb", "postgresql"])
def engine(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name


@pytest.fixture
async def db(engine: str, gateway: Gateway) -> AsyncIterator[rowgate.Database]:
    async with rowgate.connect(gateway.address) as client:
        yield client.using(engine)
