"""One real gateway that serves all three engines; every test here runs on each of them.

A test of what only some have is marked with those: `@pytest.mark.engines("mariadb")`.
"""

from __future__ import annotations

import itertools
import sqlite3
from collections.abc import AsyncIterator, Iterator
from contextlib import closing
from operator import attrgetter
from typing import cast

import grpc.aio
import pytest

import rowgate
from rowgate.v1 import query_service_pb2_grpc, schema_service_pb2_grpc
from support.engines import ENGINES, Engine, engines
from support.making import Maker
from support.mariadb import MariaDB
from support.postgresql import PostgreSQL
from support.process import Gateway
from support.table_writes import TableWrites
from support.tables import Tables
from support.transactions import Transact

SOFT_DELETE_TABLES = "flagged=is_gone, keeping="
"""The one marks by a flag, the other has the column that marks elsewhere, and does not mark."""

_numbers = itertools.count(1)


@pytest.fixture(scope="session")
def urls(
    mariadb_server: MariaDB, postgresql_server: PostgreSQL, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, str]:
    """Where the databases are, as settings of a gateway."""
    file = tmp_path_factory.mktemp("sqlite") / "test.db"
    with closing(sqlite3.connect(file)) as connection:
        connection.execute("PRAGMA journal_mode = WAL")
    return {
        "ROWGATE_DATABASES__SQLITE__URL": f"sqlite:///{file}",
        "ROWGATE_DATABASES__MARIADB__URL": mariadb_server.url,
        "ROWGATE_DATABASES__POSTGRESQL__URL": postgresql_server.url,
    }


@pytest.fixture(scope="session")
def gateway(urls: dict[str, str]) -> Iterator[Gateway]:
    environment = {
        **urls,
        # Few connections: what one call leaves behind, the next one would find.
        **{
            f"ROWGATE_DATABASES__{engine.name.upper()}__POOL__{key}": number
            for engine in ENGINES
            for key, number in (("SIZE", "2"), ("MAX_OVERFLOW", "2"), ("BUSY_WAIT", "5s"))
        },
        **{f"ROWGATE_DATABASES__{engine.name.upper()}__CATALOG__DDL": "true" for engine in ENGINES},
        **{
            f"ROWGATE_DATABASES__{engine.name.upper()}__TABLES__{key}": text
            for engine in ENGINES
            for key, text in (("SOFT_DELETE", "deleted_at"), ("SOFT_DELETE_TABLES", SOFT_DELETE_TABLES))
        },
    }
    with Gateway.start(environment=environment) as gateway:
        yield gateway
        assert gateway.terminate() == 0, gateway.stderr


@pytest.fixture(scope="session")
def narrow(urls: dict[str, str]) -> Iterator[Gateway]:
    """Another one, whose messages may have 100 kB, and unary answers 80."""
    environment = {"ROWGATE_SERVER__MAX_MESSAGE_BYTES": "100KB"}
    for engine in ENGINES:
        limits = f"ROWGATE_DATABASES__{engine.name.upper()}__LIMITS__"
        environment |= {f"{limits}UNARY_BYTES": "80KB", f"{limits}SQL_BYTES": "80KB"}
    with Gateway.start(environment={**urls, **environment}) as gateway:
        yield gateway


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "engines(name, ...): the engines that have what the test is about")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    marker = metafunc.definition.get_closest_marker("engines")
    if any("engine" in mark.args[0] for mark in metafunc.definition.iter_markers("parametrize")):
        return  # what a test calls so itself
    if "engine" in metafunc.fixturenames:
        metafunc.parametrize("engine", engines(*(marker.args if marker else ())), ids=attrgetter("name"), indirect=True)
    elif marker is not None:
        raise pytest.UsageError(f"{metafunc.definition.nodeid} names engines, and asks none of them")


@pytest.fixture
def engine(request: pytest.FixtureRequest) -> Engine:
    """One after the other."""
    found: Engine = request.param
    return found


@pytest.fixture(scope="session")
async def client(gateway: Gateway) -> AsyncIterator[rowgate.Client]:
    async with rowgate.connect(gateway.address, retry=None) as client:
        yield client


@pytest.fixture
def db(client: rowgate.Client, engine: Engine) -> rowgate.Database:
    return client.using(engine.name)


@pytest.fixture(scope="session")
async def channel(gateway: Gateway) -> AsyncIterator[grpc.aio.Channel]:
    async with grpc.aio.insecure_channel(gateway.address) as channel:
        yield channel


@pytest.fixture
def queries(channel: grpc.aio.Channel) -> query_service_pb2_grpc.QueryServiceAsyncStub:
    """The wire itself, where the client would hide something."""
    return cast("query_service_pb2_grpc.QueryServiceAsyncStub", query_service_pb2_grpc.QueryServiceStub(channel))


@pytest.fixture
def schemas(channel: grpc.aio.Channel) -> schema_service_pb2_grpc.SchemaServiceAsyncStub:
    return cast("schema_service_pb2_grpc.SchemaServiceAsyncStub", schema_service_pb2_grpc.SchemaServiceStub(channel))


@pytest.fixture
def tables(channel: grpc.aio.Channel, engine: Engine) -> Tables:
    """TableService on the wire."""
    return Tables(channel, engine.name)


@pytest.fixture
def writes(channel: grpc.aio.Channel, engine: Engine) -> TableWrites:
    """Its writes, likewise."""
    return TableWrites(channel, engine.name)


@pytest.fixture
def maker(schemas: schema_service_pb2_grpc.SchemaServiceAsyncStub, engine: Engine) -> Maker:
    return Maker(schemas, engine.name)


@pytest.fixture
async def table(db: rowgate.Database) -> AsyncIterator[str]:
    """An empty table `(id integer primary key, name varchar(40) not null, amount decimal(12, 2))`."""
    name = f"things_{next(_numbers)}"
    await db.query(
        f"create table {name} (id integer primary key, name varchar(40) not null, amount decimal(12, 2), "
        "constraint positive check (amount > 0))"
    )
    yield name
    await db.query(f"drop table {name}")


@pytest.fixture
async def tx(channel: grpc.aio.Channel, engine: Engine, table: str) -> AsyncIterator[Transact]:
    """A transaction that has begun."""
    del table  # it is dropped after the transaction has ended
    async with Transact(channel) as stream:
        begun = await stream.begin(engine.name)
        assert (begun.state, begun.kind, begun.last.begin.database) == ("ACTIVE", "begin", engine.name)
        yield stream
