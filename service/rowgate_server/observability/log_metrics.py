"""Tells of the log itself in the metrics."""

from __future__ import annotations

from collections.abc import Iterable

from prometheus_client.core import CounterMetricFamily, Metric
from prometheus_client.registry import Collector

from rowgate_server.observability.logging import lost_lines


class LogMetrics(Collector):
    """What became of the lines of this process."""

    def collect(self) -> Iterable[Metric]:
        """How many could not be written."""
        words = "Lines of the log that were lost: their reader stands still, or is gone."
        yield CounterMetricFamily("rowgate_log_lines_lost", words, value=lost_lines.number)
