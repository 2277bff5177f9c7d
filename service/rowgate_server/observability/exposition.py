"""Metrics as plain values, and as the text that Prometheus reads.

prometheus_client's own writer takes some 8 µs a series, and ten databases with two replicas each have 4,000 of them: a
series' name and labels are written once here, and kept.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from functools import lru_cache
from typing import Any

from prometheus_client import CollectorRegistry
from prometheus_client.core import Metric

from rowgate_server.observability.distribution import Distributions, Names

Snapshot = list[Any]
"""A process's metrics, as JSON can have them: [name, documentation, type, {series: value}] each."""

_MOST_KEPT = 1 << 16
_GO = {"inf": "+Inf", "-inf": "-Inf", "nan": "NaN"}
_ESCAPED = str.maketrans({"\\": r"\\", "\n": r"\n", '"': r"\""})
_HELP = str.maketrans({"\\": r"\\", "\n": r"\n"})


def snapshot(families: Iterable[Metric]) -> Snapshot:
    """What a process has to tell, as its registry has collected it."""
    return [[family.name, family.documentation, family.type, _values(family)] for family in families]


async def snapshot_beside(registry: CollectorRegistry) -> Snapshot:
    """The same, named in a thread: many series take milliseconds. The numbers are read here, where none is counted."""
    return await asyncio.to_thread(snapshot, list(registry.collect()))


def _values(family: Metric) -> dict[str, float]:
    if not isinstance(family, Distributions):
        return {_series(sample.name, tuple(sample.labels.items())): sample.value for sample in family.samples}
    found: dict[str, float] = {}
    for names, values in family.values():
        found.update(zip(_all_series(names), values, strict=True))
    return found


def written(told: Snapshot, *, openmetrics: bool = False) -> bytes:
    """The text; OpenMetrics where the reader asks for that."""
    lines: list[str] = []
    for name, documentation, kind, samples in told:
        # Prometheus's own text names a counter as its one series, OpenMetrics as the family.
        headed = f"{name}_total" if kind == "counter" and not openmetrics else name
        words = documentation.translate(_ESCAPED if openmetrics else _HELP)
        lines.append(f"# HELP {headed} {words}\n# TYPE {headed} {kind}\n")
        lines += [f"{series} {_number(value)}\n" for series, value in samples.items()]
    if openmetrics:
        lines.append("# EOF\n")
    return "".join(lines).encode()


def _number(value: float) -> str:
    text = repr(float(value))
    return _GO.get(text, text)


@lru_cache(_MOST_KEPT)
def _all_series(names: Names) -> tuple[str, ...]:
    return tuple(_series(name, labels) for name, labels in names)


@lru_cache(_MOST_KEPT)
def _series(name: str, labels: tuple[tuple[str, str], ...]) -> str:
    if not labels:
        return name
    told = ",".join([f'{label}="{value.translate(_ESCAPED)}"' for label, value in sorted(labels)])
    return f"{name}{{{told}}}"
