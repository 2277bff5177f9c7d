"""What statements take and bring: seconds by database and operation, rows and bytes by database.

The operation is the statement's first word as far as it is one of a few, so that nothing a caller writes is a label.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import NamedTuple

from prometheus_client.core import CounterMetricFamily, Metric
from prometheus_client.registry import Collector

from rowgate_server.observability.distribution import Distribution, Distributions

_SECONDS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)

OTHER, STREAM = "other", "stream"
OPERATIONS: Mapping[str, str] = MappingProxyType(
    {word: word.lower() for word in ("SELECT", "WITH", "INSERT", "UPDATE", "DELETE")}
)
"""By the statement's first word. Whatever else it is counts as other."""


class Slow(NamedTuple):
    """A statement that took long, and has ended, however.

    Attributes:
        fragments: its SQL, between the places of its values.
        query_id: its name in logs.
        operation: what it counts as.
        seconds: that it took, from its connection to its last row; of a stream, its reader's slowness included.
        rows: that it has brought.
    """

    fragments: Sequence[str]
    query_id: str
    operation: str
    seconds: float
    rows: int


class Operation:
    """The statements of one kind on one database."""

    __slots__ = ("_all", "_label", "seconds")

    def __init__(self, statements: DatabaseStatements, label: str) -> None:
        self._all = statements
        self._label = label
        self.seconds = Distribution(_SECONDS)

    def ended(self, seconds: float, rows: int, size: int, fragments: Sequence[str], query_id: str) -> None:
        """One has ended, however, and has brought so many rows of so many bytes."""
        statements = self._all
        self.seconds.add(seconds)
        statements.rows += rows
        statements.bytes += size
        if seconds >= statements.slow_after and statements.slow is not None:
            statements.slow(Slow(fragments, query_id, self._label, seconds, rows))


class DatabaseStatements:
    """The statements of one database."""

    def __init__(self) -> None:
        self.rows = 0
        self.bytes = 0
        self.slow_after = math.inf
        """Seconds."""
        self.slow: Callable[[Slow], None] | None = None
        """Told of each statement that took so long."""
        self.operations = {label: Operation(self, label) for label in (*OPERATIONS.values(), OTHER, STREAM)}

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

    def forget(self, name: str) -> None:
        """Tell no more of one that is gone."""
        self._databases.pop(name, None)

    def collect(self) -> Iterable[Metric]:
        """The metrics."""
        seconds = Distributions(
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
                seconds.add([name, label], operation.seconds)
        return seconds, rows, size
