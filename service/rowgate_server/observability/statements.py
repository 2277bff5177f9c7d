"""What statements take and bring: seconds by database and operation, rows and bytes by database.

The operation is the statement's first word as far as it is one of a few, so that nothing a caller writes is a label.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import MappingProxyType

from prometheus_client.core import CounterMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

from rowgate_server.observability.distribution import Distribution

_SECONDS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)

OTHER, STREAM = "other", "stream"
OPERATIONS: Mapping[str, str] = MappingProxyType(
    {word: word.lower() for word in ("SELECT", "WITH", "INSERT", "UPDATE", "DELETE")}
)
"""By the statement's first word. Whatever else it is counts as other."""


class Operation:
    """The statements of one kind on one database."""

    __slots__ = ("_all", "seconds")

    def __init__(self, statements: DatabaseStatements) -> None:
        self._all = statements
        self.seconds = Distribution(_SECONDS)

    def ended(self, seconds: float, rows: int, size: int) -> None:
        """One has ended, however, and has brought so many rows of so many bytes."""
        self.seconds.add(seconds)
        self._all.rows += rows
        self._all.bytes += size


class DatabaseStatements:
    """The statements of one database."""

    def __init__(self) -> None:
        self.rows = 0
        self.bytes = 0
        self.operations = {label: Operation(self) for label in (*OPERATIONS.values(), OTHER, STREAM)}

    def of(self, word: str) -> Operation:
        """What a statement of this first word, in capitals, counts as."""
        return self.operations[OPERATIONS.get(word, OTHER)]

    @property
    def streams(self) -> Operation:
        """What a statement counts as whose rows go to the caller as they come."""
        return self.operations[STREAM]


class Statements(Collector):
    """Those of all databases."""

    def __init__(self) -> None:
        self._databases: dict[str, DatabaseStatements] = {}

    def database(self, name: str) -> DatabaseStatements:
        """Those of one."""
        return self._databases.setdefault(name, DatabaseStatements())

    def collect(self) -> Iterable[Metric]:
        """The metrics."""
        seconds = HistogramMetricFamily(
            "rowgate_query_duration_seconds",
            "Seconds that statements took, from their connection to their last row.",
            labels=["database", "operation"],
        )
        rows = CounterMetricFamily("rowgate_result_rows", "Rows that statements returned.", labels=["database"])
        size = CounterMetricFamily(
            "rowgate_result_bytes", "Bytes of those rows' cells: text as it is, numbers as 8.", labels=["database"]
        )
        for name, statements in self._databases.items():
            rows.add_metric([name], statements.rows)
            size.add_metric([name], statements.bytes)
            for label, operation in statements.operations.items():
                seconds.add_metric([name, label], *operation.seconds.told())
        return seconds, rows, size
