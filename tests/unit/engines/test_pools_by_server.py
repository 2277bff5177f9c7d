"""The pools of a database of several servers are held against what each server allows."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from rowgate_server.engines import capacity
from rowgate_server.engines.capacity import CapacityCheck
from rowgate_server.engines.clusters import Around, Servers, make_cluster, make_cluster_login
from rowgate_server.engines.database import Bounds, Database, Server
from rowgate_server.engines.dialects import Dialect
from rowgate_server.engines.pool import PoolSettings
from rowgate_server.engines.registry import Target, Timeouts
from rowgate_server.engines.roles import Role
from rowgate_server.engines.routing import RoutingRules
from rowgate_server.engines.tls import Tls, TlsMode
from rowgate_server.observability.metrics import Metrics
from support.eventually import eventually

AROUND = Around("main", Timeouts(6, 30, 1, 1), RoutingRules(spread=True, max_staleness=60, writes=True), Metrics())


def target(host: str) -> Target:
    return Target(Dialect.MYSQL, True, host, 3306, "own", "secret", "shop", Tls(TlsMode.DISABLE))


def pool(size: int) -> PoolSettings:
    return PoolSettings(size, 0, recycle=0, pre_ping=True, wait_timeout=5)


@pytest.fixture
async def databases() -> AsyncIterator[tuple[Database, Database]]:
    """Two hosts, a replica that is the second of them, and one elsewhere; and another login to all."""
    replicas = {"same": (target("b"), pool(10)), "far": (target("c"), pool(20))}
    database = make_cluster(Servers([target("a"), target("b")], pool(3), replicas), Bounds(1, 1, 1, 1, 1), AROUND)
    logins = {name: (each, pool(2)) for name, (each, _) in replicas.items()}
    login = make_cluster_login("other", database, Servers([target("a"), target("b")], pool(2), logins), AROUND)
    yield database, login
    await login.close()
    await database.close()


async def test_pools_count_where_they_lead_to_and_each_server_once(
    databases: tuple[Database, Database], monkeypatch: pytest.MonkeyPatch
) -> None:
    told: dict[str, tuple[str, int, int]] = {}

    class Log:
        def warning(self, _: str, level: str = "warning", **figures: Any) -> None:
            assert figures["host"] not in told
            told[figures["host"]] = level, figures["pool_max"], figures["beside_pools"]

        def debug(self, event: str, **figures: Any) -> None:
            self.warning(event, "debug", **figures)

    async def allowed(_: CapacityCheck, server: Server) -> int:
        return {"a": 5 + 3, "b": 17 + 5, "c": 22 + 3}[server.address[0]]

    monkeypatch.setattr(capacity, "_log", Log())
    monkeypatch.setattr(CapacityCheck, "_allowed", allowed)
    database, login = databases
    check = CapacityCheck(database, [login], processes=1)
    check.start()
    assert not told, "none is up"
    for host in database.hosts:
        host.availability._set(up=True)
    await eventually(lambda: len(told) == 3, 5, "each is asked")
    # Beside them: a probe of each server, of which "b" is two, and for each pool one to end statements by.
    assert told == {"a:3306": ("debug", 5, 3), "b:3306": ("warning", 17, 6), "c:3306": ("debug", 22, 3)}
    await check.stop()


async def test_another_number_of_gateways_is_held_against_each_server_anew(
    databases: tuple[Database, Database], monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[tuple[str, int]] = []

    class Log:
        def warning(self, _: str, **figures: Any) -> None:
            told.append((figures["host"], figures["processes"]))

        def debug(self, _: str, **figures: Any) -> None:
            told.append((figures["host"], 0))

    async def allowed(_: CapacityCheck, __: Server) -> int:
        return 32

    monkeypatch.setattr(capacity, "_log", Log())
    monkeypatch.setattr(CapacityCheck, "_allowed", allowed)
    database, login = databases
    check = CapacityCheck(database, [login], processes=1)
    for host in database.hosts[:2]:
        host.availability._set(up=True)
    await eventually(lambda: len(told) == 2, 5, "each that is up is asked")
    assert sorted(told) == [("a:3306", 0), ("b:3306", 0)]
    told.clear()
    check.recount(1)
    check.recount(4)
    await eventually(lambda: len(told) == 2, 5, "each is reckoned anew")
    assert sorted(told) == [("a:3306", 0), ("b:3306", 4)]
    await check.stop()


async def test_nodes_of_a_cluster_are_no_primaries_beside_each_other(databases: tuple[Database, Database]) -> None:
    database, _ = databases
    one, other, *_ = database.hosts
    one.role = other.role = Role(shared=True)
    assert not any(numbers.primary for numbers in database.host_numbers())
    one.role = other.role = Role()
    assert [numbers.primary for numbers in database.host_numbers()] == [True, True, False, False]
