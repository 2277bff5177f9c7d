"""What is told of a database with several servers: each by its configured name, and no others."""

from __future__ import annotations

from functools import partial

from rowgate_server.observability.exposition import snapshot
from rowgate_server.observability.host_metrics import HostNumbers
from rowgate_server.observability.merging import Ended, merged
from rowgate_server.observability.metrics import Metrics, PoolNumbers

PRIMARY = HostNumbers("db1:3306", False, True, True, in_use=2, idle=3, calls=7, staleness=None)
COPY = HostNumbers("copy", True, False, False, in_use=0, idle=1, calls=5, staleness=1.5)
OF_PRIMARY = {"database": "main", "host": "db1:3306", "role": "primary"}
OF_COPY = {"database": "main", "host": "copy", "role": "replica"}


def test_each_server_is_told_of() -> None:
    metrics = Metrics()
    metrics.watch_hosts(lambda: {"main": [PRIMARY, COPY]})
    told = metrics.registry.get_sample_value
    assert [told("rowgate_host_up", OF_PRIMARY), told("rowgate_host_up", OF_COPY)] == [1, 0]
    assert [told("rowgate_host_writable", OF_PRIMARY), told("rowgate_host_writable", OF_COPY)] == [1, 0]
    assert [told("rowgate_host_in_use", OF_PRIMARY), told("rowgate_host_idle", OF_PRIMARY)] == [2, 3]
    assert told("rowgate_host_calls_total", OF_COPY) == 5
    assert told("rowgate_replica_staleness_seconds", {"database": "main", "host": "copy"}) == 1.5
    assert told("rowgate_replica_staleness_seconds", {"database": "main", "host": "db1:3306"}) is None


def test_primaries_are_hosts_that_take_writes_each_for_itself() -> None:
    metrics = Metrics()
    promoted, returned = PRIMARY._replace(host="db2:3306"), PRIMARY._replace(up=None, writable=False)
    nodes = [PRIMARY._replace(alone=False), promoted._replace(alone=False)]
    replica = COPY._replace(writable=True)
    sides = {"one": [PRIMARY, replica], "both": [PRIMARY, promoted], "galera": nodes, "starting": [returned]}
    metrics.watch_hosts(lambda: sides)
    told = {name: metrics.registry.get_sample_value("rowgate_database_primaries", {"database": name}) for name in sides}
    assert told == {"one": 1, "both": 2, "galera": 0, "starting": None}


def test_breaker_of_a_database_is_the_best_of_its_servers() -> None:
    metrics = Metrics()
    hosts = metrics.hosts_of("main")
    one, other = hosts("a:1"), hosts("b:1")

    def told() -> float | None:
        return metrics.registry.get_sample_value("rowgate_breaker_state", {"database": "main"})

    one.breaker("OPEN", 2)
    assert told() == 0
    other.breaker("OPEN", 2)
    assert told() == 2
    one.breaker("HALF_OPEN", 1)
    assert told() == 1
    other.breaker("CLOSED", 0)
    assert told() == 0


def test_connections_of_all_servers_count_for_the_database() -> None:
    metrics = Metrics()
    hosts = metrics.hosts_of("main")
    hosts("a:1").pool_timeout()
    hosts("b:1").pool_timeout()
    assert metrics.registry.get_sample_value("rowgate_pool_timeouts_total", {"database": "main"}) == 2


def test_of_several_processes_the_worst_is_told() -> None:
    processes = []
    for numbers in (COPY._replace(up=True, staleness=0.5), COPY):
        metrics = Metrics()
        metrics.watch_hosts(partial(dict, main=[numbers]))
        processes.append(snapshot(metrics.registry.collect()))
    told = {name: list(samples.values()) for name, _, _, samples in merged(processes, Ended())}
    assert told["rowgate_host_up"] == [0]
    assert told["rowgate_replica_staleness_seconds"] == [1.5]
    assert told["rowgate_host_calls"] == [10]


def test_one_that_has_not_been_asked_yet_is_not_down() -> None:
    """Else a worker that starts would have all of them look so."""
    processes = []
    for up in (True, None):
        metrics = Metrics()
        metrics.watch_hosts(partial(dict, main=[PRIMARY._replace(up=up, writable=up is not None)]))
        metrics.watch_pools(partial(dict, main=PoolNumbers(0, 0, 0, 1)), partial({"main": up}.get))
        processes.append(snapshot(metrics.registry.collect()))
    told = {name: list(samples.values()) for name, _, _, samples in merged(processes, Ended())}
    for name in ("rowgate_host_up", "rowgate_host_writable", "rowgate_database_up"):
        assert told[name] == [1]
