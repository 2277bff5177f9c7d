"""A database whose primary is gone: its replicas answer for as long as they may be asked, and that makes it ready."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from grpc_health.v1 import health_pb2
from unit.engines.test_clusters_put_together import AROUND, BOUNDS, router, servers

from rowgate_server.engines import clock
from rowgate_server.engines.clusters import make_cluster
from rowgate_server.engines.database import Database, Databases
from rowgate_server.engines.hosts import Host
from rowgate_server.engines.roles import Role
from rowgate_server.transport.admin import State
from rowgate_server.transport.health import Health

SERVING = health_pb2.HealthCheckResponse.SERVING


@pytest.fixture
async def database() -> AsyncIterator[Database]:
    """Two hosts that are down, as their probes have found, and a replica that was never asked."""
    database = make_cluster(servers(), BOUNDS, AROUND)
    database.availability._set(up=False)
    yield database
    await database.close()


def copy_of(database: Database) -> Host:
    return next(host for host in database.hosts if host.replica)


def found(database: Database, *, up: bool, behind: float | None = None) -> None:
    """A round of probes has found the replica so."""
    host = copy_of(database)
    host.availability._set(up=up)
    host.role = Role(writable=False) if up else None
    host._fresh_at = None if behind is None else clock.now() - behind
    router(database).looked()


def statuses(health: Health) -> dict[str, bool]:
    return {name: status == SERVING for name, status in health.servicer._statuses.items()}


async def test_gateway_is_ready_while_a_replica_answers(database: Database) -> None:
    health = Health(Databases({"main": database}, "main"))
    told: list[State] = []
    health.listen(told.append)
    for up in (True, False, True):
        found(database, up=up)
        assert statuses(health) == {"": up, "readiness": up, "liveness": True, "database/main": False}
        assert told[-1] == State(up, {"main": False})
    assert [state.ready for state in told] == [False, True, False, True]


async def test_replica_that_is_too_far_behind_to_be_asked_makes_nothing_ready(database: Database) -> None:
    health = Health(Databases({"main": database}, "main"))
    found(database, up=True, behind=59)
    assert statuses(health)["readiness"]
    found(database, up=True, behind=61)
    assert not statuses(health)["readiness"]
    assert not health.ready


async def test_primary_that_comes_back_makes_the_database_serve(database: Database) -> None:
    health = Health(Databases({"main": database}, "main"))
    found(database, up=True)
    database.availability._set(up=True)
    assert statuses(health)["database/main"]
    found(database, up=False)
    assert health.ready
