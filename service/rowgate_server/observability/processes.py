"""What a supervisor tells of its workers in the metrics, besides what they tell themselves."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from prometheus_client import CollectorRegistry, disable_created_metrics
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.process_collector import ProcessCollector
from prometheus_client.registry import Collector

from rowgate_server.observability.log_metrics import LogMetrics


class WorkerMetrics(Collector):
    """Which workers are up, and how often each was replaced; and the supervisor's own share of the process metrics.

    Args:
        workers: the number, whether it is up, and the restarts of each.
    """

    def __init__(self, workers: Callable[[], Iterable[tuple[int, bool, int]]]) -> None:
        disable_created_metrics()
        self._workers = workers
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        self.registry.register(LogMetrics())
        self.registry.register(self)

    def collect(self) -> Iterable[Metric]:
        """Both."""
        up = GaugeMetricFamily("rowgate_worker_up", "Whether a worker serves.", labels=["worker"])
        restarts = CounterMetricFamily("rowgate_worker_restarts", "How often it was replaced.", labels=["worker"])
        for number, serves, times in self._workers():
            up.add_metric([str(number)], float(serves))
            restarts.add_metric([str(number)], times)
        return up, restarts
