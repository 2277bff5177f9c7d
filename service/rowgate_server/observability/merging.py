"""The metrics of several processes as those of one.

Counters and histograms are sums, and go on where a process has ended: what it last told stays counted. Gauges are sums
over the processes that live, where a sum means something.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, Protocol

from prometheus_client.core import Metric

Snapshot = list[Any]
"""A process's metrics as plain values: [name, documentation, type, unit, [[sample, labels, value], ...]] each."""

_Sample = tuple[str, tuple[tuple[str, str], ...]]

_LASTING = frozenset({"counter", "histogram", "summary"})

_GAUGES: dict[str, Callable[[float, float], float]] = {
    "rowgate_database_up": min,
    "rowgate_breaker_state": max,
    "rowgate_host_up": min,
    "rowgate_host_writable": min,
    "rowgate_replica_staleness_seconds": max,
    "rowgate_policy_current": min,
    "rowgate_tls_certificate_expires_seconds": min,
    "process_start_time_seconds": min,
    "process_max_fds": min,
    "python_info": max,
    "rowgate_build_info": max,
}
"""Those of which the sum would mean nothing."""


class Collects(Protocol):
    """What has metrics to tell."""

    def collect(self) -> Iterable[Metric]:
        """All of them."""


def snapshot(registry: Collects) -> Snapshot:
    """What a process has to tell, as JSON can have it."""
    return [
        [
            family.name,
            family.documentation,
            family.type,
            family.unit,
            [[sample.name, sample.labels, sample.value] for sample in family.samples],
        ]
        for family in registry.collect()
    ]


class Merged:
    """Several snapshots as one; it is collected as a registry is."""

    def __init__(self, snapshots: Sequence[Snapshot], ended: Ended) -> None:
        self._families: dict[str, tuple[str, str, str]] = {}
        self._samples: dict[str, dict[_Sample, float]] = {}
        for told in (ended.told, *snapshots):
            for name, documentation, kind, unit, samples in told:
                self._families.setdefault(name, (documentation, kind, unit))
                self._add(name, kind, samples)

    def collect(self) -> Iterable[Metric]:
        """All of them."""
        for name, (documentation, kind, unit) in self._families.items():
            family = Metric(name, documentation, kind, unit)
            for (sample, labels), value in self._samples[name].items():
                family.add_sample(sample, dict(labels), value)
            yield family

    def _add(self, name: str, kind: str, samples: Iterable[tuple[str, dict[str, str], float]]) -> None:
        merge = float.__add__ if kind in _LASTING else _GAUGES.get(name, float.__add__)
        merged = self._samples.setdefault(name, {})
        for sample, labels, value in samples:
            key = sample, tuple(labels.items())
            merged[key] = float(value) if key not in merged else merge(merged[key], float(value))


class Ended:
    """What ended processes have counted."""

    def __init__(self) -> None:
        self.told: Snapshot = []

    def add(self, last: Snapshot) -> None:
        """One has ended, and this is what it told last."""
        self.told = snapshot(Merged([[family for family in last if family[2] in _LASTING]], self))
