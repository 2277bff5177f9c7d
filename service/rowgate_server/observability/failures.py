"""Calls that ended in an error, by its reason and by the database that they were for.

A label is a database's configured name: a call that names none, or one that is not served, has none.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from prometheus_client.core import CounterMetricFamily, Metric
from prometheus_client.registry import Collector

_NONE = ""


class Failures(Collector):
    """Counts them; for each database that is served every reason is there from the start, at zero."""

    def __init__(self) -> None:
        self._reasons: tuple[str, ...] = ()
        self._databases: dict[str, Counter[str]] = {_NONE: Counter()}

    def expect(self, reasons: Iterable[str]) -> None:
        """These are all the reasons that there are."""
        self._reasons = tuple(reasons)

    def serve(self, database: str) -> None:
        """There is a database of that name; one of its logins, or replicas, is none."""
        self._databases.setdefault(database, Counter())

    def forget(self, database: str) -> None:
        """There is none any more."""
        self._databases.pop(database, None)

    def count(self, database: str, reason: str) -> None:
        """A call has failed that was for that database, as its caller wrote it."""
        counts = self._databases.get(database)
        (self._databases[_NONE] if counts is None else counts)[reason] += 1

    def collect(self) -> Iterable[Metric]:
        """The metric."""
        failed = CounterMetricFamily(
            "rowgate_calls_failed", "Calls that ended in an error.", labels=["database", "reason"]
        )
        for database, counts in self._databases.items():
            for reason in self._reasons:
                failed.add_metric([database, reason], counts[reason])
        return [failed]
