"""What the metrics tell of databases with several servers, by server: the configured hosts and replicas, no others."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import NamedTuple

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector


class HostNumbers(NamedTuple):
    """One server, as it is at this moment.

    Attributes:
        host: `host:port`, or the replica's name.
        replica: whether it is one.
        up: it answers; None while it has not been asked.
        writable: it takes writes.
        in_use: connections in use.
        idle: connections open and free.
        calls: the statements and transactions that it was given, from all logins.
        staleness: seconds by which its data may be behind the primary's; None: that can't be told, or means nothing.
        alone: what is written to it others have later or never: it is no node of a cluster.
    """

    host: str
    replica: bool
    up: bool | None
    writable: bool
    in_use: int
    idle: int
    calls: int
    staleness: float | None
    alone: bool = True

    @property
    def primary(self) -> bool:
        """It takes writes for itself; no other may beside it."""
        return not self.replica and self.writable and self.alone


class Hosts(Collector):
    """The servers of some databases.

    Args:
        told: tells them, by the names of the databases that have several at this moment.
    """

    def __init__(self, told: Callable[[], Mapping[str, Sequence[HostNumbers]]]) -> None:
        self._told = told

    def collect(self) -> Iterable[Metric]:
        """All of them."""
        labels = ["database", "host", "role"]
        up = GaugeMetricFamily("rowgate_host_up", "Whether the last probe reached the server.", labels=labels)
        writable = GaugeMetricFamily("rowgate_host_writable", "Whether the server takes writes.", labels=labels)
        in_use = GaugeMetricFamily("rowgate_host_in_use", "Connections to the server in use.", labels=labels)
        idle = GaugeMetricFamily("rowgate_host_idle", "Connections to the server open and free.", labels=labels)
        calls = CounterMetricFamily(
            "rowgate_host_calls", "Statements and transactions that the server was given.", labels=labels
        )
        staleness = GaugeMetricFamily(
            "rowgate_replica_staleness_seconds",
            "The most that a replica's data may be behind the primary's.",
            labels=["database", "host"],
        )
        primaries = GaugeMetricFamily(
            "rowgate_database_primaries",
            "Hosts that take writes, and are no nodes of one cluster.",
            labels=["database"],
        )
        for database, servers in self._told().items():
            if any(numbers.up is not None for numbers in servers):
                primaries.add_metric([database], sum(numbers.primary for numbers in servers))
            for numbers in servers:
                label = [database, numbers.host, "replica" if numbers.replica else "primary"]
                if numbers.up is not None:
                    up.add_metric(label, float(numbers.up))
                    writable.add_metric(label, float(numbers.writable))
                in_use.add_metric(label, numbers.in_use)
                idle.add_metric(label, numbers.idle)
                calls.add_metric(label, numbers.calls)
                if numbers.staleness is not None:
                    staleness.add_metric(label[:2], numbers.staleness)
        return [up, writable, in_use, idle, calls, staleness, primaries]
