"""A database of several servers as it is put together from plain values."""

from __future__ import annotations

from typing import Any

from rowgate_server.engines.clusters import Around, Servers, make_cluster, make_cluster_login
from rowgate_server.engines.connections import Several
from rowgate_server.engines.database import Bounds, Database
from rowgate_server.engines.dialects import Dialect
from rowgate_server.engines.pool import PoolSettings
from rowgate_server.engines.registry import Target, Timeouts
from rowgate_server.engines.routing import Router, RoutingRules
from rowgate_server.engines.tls import Tls, TlsMode
from rowgate_server.observability.metrics import Metrics

BOUNDS = Bounds(30, 3600, 100, 1024, 1024)
AROUND = Around(
    "main",
    Timeouts(connect=6, statement=30, probe=1, probe_interval=1),
    RoutingRules(spread=False, max_staleness=60, writes=True),
    Metrics(),
)


def target(host: str, user: str = "own") -> Target:
    return Target(Dialect.MYSQL, True, host, 3306, user, "secret", "shop", Tls(TlsMode.DISABLE))


def servers(user: str = "own") -> Servers:
    pool = PoolSettings(2, 1, recycle=0, pre_ping=True, wait_timeout=5)
    replicas = {"copy": (target("c", user), PoolSettings(4, 0, recycle=0, pre_ping=True, wait_timeout=5))}
    return Servers([target("a", user), target("b", user)], pool, replicas)


def router(database: Database) -> Router:
    assert database._router is not None
    return database._router


def driver(database: Database, index: int) -> Any:
    return router(database).members[index].pool._driver


async def test_each_server_has_a_pool_and_hosts_come_in_order() -> None:
    database = make_cluster(servers(), BOUNDS, AROUND)
    try:
        assert [(host.name, host.replica) for host in database.hosts] == [
            ("a:3306", False),
            ("b:3306", False),
            ("copy", True),
        ]
        assert isinstance(database.executor.pool, Several)  # type: ignore[union-attr]  # it is no transaction's
        assert [member.numbers().in_use for member in router(database).members] == [0, 0, 0]
        assert [member.pool.numbers().maximum for member in router(database).members] == [3, 3, 4]
        assert database.pool_numbers().maximum == 3, "one host is asked at a time"
    finally:
        await database.close()


async def test_hosts_share_the_time_for_a_connection_and_a_replica_has_all_of_it() -> None:
    database = make_cluster(servers(), BOUNDS, AROUND)
    try:
        assert [driver(database, index)._timeouts.connect for index in range(3)] == [3, 3, 6]
    finally:
        await database.close()


async def test_another_login_has_pools_of_its_own_and_the_same_servers() -> None:
    database = make_cluster(servers(), BOUNDS, AROUND)
    login = make_cluster_login("other", database, servers("other"), AROUND)
    try:
        assert login.hosts == database.hosts
        assert {driver(login, index)._address.user for index in range(3)} == {"other"}
        pools = {id(member.pool) for each in (database, login) for member in router(each).members}
        assert len(pools) == 6
    finally:
        await login.close()
        await database.close()
