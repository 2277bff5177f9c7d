"""A gateway that has no file descriptor left: no database is down for that, and it gives itself as many as it may."""

from __future__ import annotations

import asyncio
import resource
import socket
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import grpc.aio
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc

import rowgate
from support.mariadb import MariaDB
from support.postgresql import PostgreSQL
from support.process import Gateway

NAMES = ("sqlite", "mariadb", "postgresql")
SLOW = {"mariadb": "select sleep(0.5)", "postgresql": "select pg_sleep(0.5)"}
SOFT = 512


@contextmanager
def _soft_limit(number: int) -> Iterator[None]:
    """What is started has it."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (number, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@pytest.fixture
def gateway(mariadb_server: MariaDB, postgresql_server: PostgreSQL, tmp_path: Path) -> Iterator[Gateway]:
    file = tmp_path / "a.db"
    file.touch()
    environment = {
        "ROWGATE_DATABASES__SQLITE__URL": f"sqlite:///{file}",
        "ROWGATE_DATABASES__MARIADB__URL": mariadb_server.url,
        "ROWGATE_DATABASES__POSTGRESQL__URL": postgresql_server.url,
        "ROWGATE_HEALTH__INTERVAL": "100ms",
        "ROWGATE_LOG__FORMAT": "json",
    }
    with _soft_limit(SOFT), Gateway.start(environment=environment) as gateway:
        yield gateway


@pytest.fixture
async def health(gateway: Gateway) -> AsyncIterator[Any]:
    """On a connection that is there already."""
    async with grpc.aio.insecure_channel(gateway.address) as channel:
        stub: Any = health_pb2_grpc.HealthStub(channel)
        await stub.Check(health_pb2.HealthCheckRequest())
        yield stub


@contextmanager
def _no_more(gateway: Gateway) -> Iterator[None]:
    """From now on it has no descriptor left."""
    pid = gateway.child.pid
    limits = resource.prlimit(pid, resource.RLIMIT_NOFILE)
    resource.prlimit(pid, resource.RLIMIT_NOFILE, (3, limits[1]))
    try:
        yield
    finally:
        resource.prlimit(pid, resource.RLIMIT_NOFILE, limits)


def test_it_has_as_many_as_it_may_give_itself(gateway: Gateway) -> None:
    soft, hard = resource.prlimit(gateway.child.pid, resource.RLIMIT_NOFILE)
    assert soft == hard > SOFT


async def test_no_database_is_down_while_there_is_none_left(gateway: Gateway, health: Any) -> None:
    async with rowgate.connect(gateway.address, retry=None) as db:
        await db.using("sqlite").query("select 1 as x")
        with _no_more(gateway), socket.create_connection(_admin(gateway)):
            assert await asyncio.to_thread(gateway.child.stderr.wait_for, "cannot be asked", within=10)
            until = time.monotonic() + 1.0
            while time.monotonic() < until:  # ten probes
                for name in NAMES:
                    answer = await health.Check(health_pb2.HealthCheckRequest(service=f"database/{name}"))
                    assert answer.status == health_pb2.HealthCheckResponse.SERVING, name
            for name, sql in SLOW.items():
                calls = (db.using(name).query(sql) for _ in range(12))
                refused = [each for each in await asyncio.gather(*calls, return_exceptions=True) if _failed(each)]
                assert len(refused) >= 3, name  # a breaker opens at three
                for error in refused:
                    assert isinstance(error, rowgate.PoolExhausted)
                    assert "file descriptors" in error.metadata["limit"]
                    assert error.outcome is rowgate.Outcome.NOT_RUN
            assert (await db.using("sqlite").query("select 1 as x")).scalar() == 1
        for name in NAMES:
            assert (await db.using(name).query("select 1 as x")).scalar() == 1
    told = [line for line in gateway.stderr.splitlines() if "no descriptor is left" in line]
    assert sum("connections wait" in line for line in told) == 1
    assert sum("cannot be asked" in line for line in told) <= 2
    assert "database is down" not in gateway.stderr
    assert "Traceback" not in gateway.stderr
    assert '"exception"' not in gateway.stderr


def _failed(result: object) -> bool:
    return isinstance(result, BaseException)


def _admin(gateway: Gateway) -> tuple[str, int]:
    host, _, port = gateway.admin_address.rpartition(":")
    return host, int(port)
