"""What becomes of a pool's connections, of the calls that wait for them, and of what is read of the schema."""

from __future__ import annotations

from collections.abc import Iterable

from prometheus_client.core import CounterMetricFamily, Metric
from prometheus_client.registry import Collector

from rowgate_server.observability.distribution import Distribution, Distributions

_WAITS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)

CLOSED = ("age", "surplus")
"""Older than `pool.recycle`; more than `pool.size`, or the pool was closed."""

INVALIDATED = ("killed", "reset_failed", "dead", "other")
"""A statement on it was stopped; it could not be reset; its link was found broken; nobody waited for its ping."""


class DatabaseConnections:
    """Those of one database. Every connection that is opened is closed, or invalidated, once."""

    def __init__(self) -> None:
        self.opened = 0
        self.resets = 0
        self.closed = dict.fromkeys(CLOSED, 0)
        self.invalidated = dict.fromkeys(INVALIDATED, 0)
        self.waits = Distribution(_WAITS)
        self.catalog_loads = {"ok": 0, "failed": 0}


class Connections(Collector):
    """Those of all databases."""

    def __init__(self) -> None:
        self._databases: dict[str, DatabaseConnections] = {}

    def database(self, name: str) -> DatabaseConnections:
        """Those of one."""
        return self._databases.setdefault(name, DatabaseConnections())

    def forget(self, name: str) -> None:
        """Tell no more of one that is gone."""
        self._databases.pop(name, None)

    def collect(self) -> Iterable[Metric]:
        """The metrics."""
        by_reason = ["database", "reason"]
        opened = CounterMetricFamily("rowgate_pool_connections_opened", "Connections made.", labels=["database"])
        closed = CounterMetricFamily("rowgate_pool_connections_closed", "Sound connections closed.", labels=by_reason)
        invalidated = CounterMetricFamily(
            "rowgate_pool_connections_invalidated", "Connections dropped, as unfit for another call.", labels=by_reason
        )
        resets = CounterMetricFamily(
            "rowgate_pool_resets", "Connections reset before another call.", labels=["database"]
        )
        waits = Distributions(
            "rowgate_pool_wait_seconds",
            "Seconds that calls waited for a connection, of those that had to and were not refused.",
            labels=["database"],
        )
        loads = CounterMetricFamily(
            "rowgate_catalog_loads", "Times that tables were looked up in a database.", labels=["database", "result"]
        )
        for name, connections in self._databases.items():
            opened.add_metric([name], connections.opened)
            resets.add_metric([name], connections.resets)
            waits.add([name], connections.waits)
            for family, counts in (
                (closed, connections.closed),
                (invalidated, connections.invalidated),
                (loads, connections.catalog_loads),
            ):
                for label, count in counts.items():
                    family.add_metric([name, label], count)
        return opened, closed, invalidated, resets, waits, loads
