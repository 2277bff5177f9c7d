"""From plain values to a database of several servers: hosts that stand in for each other, and replicas."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from rowgate_server.engines.availability import Availability
from rowgate_server.engines.connections import Member
from rowgate_server.engines.database import Bounds, Database
from rowgate_server.engines.driver import Driver
from rowgate_server.engines.hosts import Host
from rowgate_server.engines.lookout import Lookout
from rowgate_server.engines.pool import PoolSettings
from rowgate_server.engines.registry import Target, Timeouts, open_driver, open_pool
from rowgate_server.engines.routing import Router, RoutingRules
from rowgate_server.observability.metrics import Metrics
from rowgate_server.observability.tracing import Tracing

_ROUNDS = 0.5
"""Seconds by which two rounds of probes may take longer than two probes."""


@dataclass(frozen=True, slots=True)
class Servers:
    """The servers of a database with one login: hosts in order, replicas by name with their own pools."""

    hosts: Sequence[Target]
    pool: PoolSettings
    replicas: Mapping[str, tuple[Target, PoolSettings]]


@dataclass(frozen=True, slots=True)
class Around:
    """What the servers of a database have in common."""

    name: str
    timeouts: Timeouts
    rules: RoutingRules
    metrics: Metrics
    tracing: Tracing | None = None


def make_cluster(servers: Servers, bounds: Bounds, around: Around) -> Database:
    """A database of several servers, put together; nothing is connected yet.

    Raises:
        OSError: CA certificates cannot be read.
    """
    drivers = _drivers(servers, around)
    timeouts = around.timeouts
    hosts = [
        Host(
            around.name,
            name,
            driver,
            timeouts.probe_interval,
            timeouts.probe,
            replica=name in servers.replicas,
            address=_address(servers.replicas[name][0]) if name in servers.replicas else name,
        )
        for name, driver in drivers.items()
    ]
    router = _router(servers, drivers, hosts, around, around.name)
    own, replicas = ([each for each in hosts if each.replica is replica] for replica in (False, True))
    lookout = Lookout(around.name, own, replicas, router)
    longest = 2 * timeouts.probe + _ROUNDS
    availability = Availability(around.name, lookout, timeouts.probe_interval, longest)
    driver = next(iter(drivers.values()))
    numbers = around.metrics.database(around.name)
    return Database(around.name, driver, router.primary, bounds, availability, numbers, router=router)


def make_cluster_login(login: str, database: Database, servers: Servers, around: Around) -> Database:
    """The same servers with another login, and pools of their own; how they are, the gateway's own login finds out.

    Raises:
        OSError: CA certificates cannot be read.
    """
    drivers = _drivers(servers, around)
    pools = f"{around.name}/{login}"
    router = _router(servers, drivers, database.hosts, around, pools)
    driver, numbers = next(iter(drivers.values())), around.metrics.database(pools)
    return Database(
        around.name,
        driver,
        router.primary,
        database.bounds,
        database.availability,
        numbers,
        login,
        router=router,
        own=database,
    )


def _drivers(servers: Servers, around: Around) -> dict[str, Driver]:
    # Together they take no longer than one may.
    share = replace(around.timeouts, connect=around.timeouts.connect / len(servers.hosts))
    drivers = {_address(target): open_driver(around.name, target, share, around.tracing) for target in servers.hosts}
    return drivers | {
        name: open_driver(around.name, target, around.timeouts, around.tracing)
        for name, (target, _) in servers.replicas.items()
    }


def _address(target: Target) -> str:
    return f"{target.host}:{target.port}"


def _router(
    servers: Servers, drivers: Mapping[str, Driver], hosts: Sequence[Host], around: Around, pools: str
) -> Router:
    members, replicas = [], []
    shared = around.metrics.hosts_of(pools)
    connections = servers.pool.size + servers.pool.max_overflow
    # What stands still on one host goes on there soon, or on another one.
    own = replace(
        servers.pool,
        for_reads=int(connections * around.rules.read_share),
        through_stalls=len(servers.hosts) > 1,
    )
    for host in hosts:
        driver = drivers[host.name]
        if host.replica:
            settings = servers.replicas[host.name][1]
            numbers = around.metrics.database(f"{pools}@{host.name}")
            replicas.append(Member(host, open_pool(driver, settings, numbers, host.availability, host.name)))
        else:
            members.append(Member(host, open_pool(driver, own, shared(host.name), host.availability)))
    return Router(members, replicas, around.rules)
