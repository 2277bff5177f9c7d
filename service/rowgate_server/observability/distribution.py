"""A histogram as plain numbers, that one event loop adds to: prometheus_client's own takes a lock each time."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from functools import lru_cache
from itertools import accumulate

from prometheus_client.core import Metric
from prometheus_client.samples import Sample
from prometheus_client.utils import floatToGoString

Names = tuple[tuple[str, tuple[tuple[str, str], ...]], ...]
"""Of samples: the name of each, and its labels."""

_MOST_KEPT = 1 << 12


class Distribution:
    """How many of what was observed lie within each bound, and the sum of all.

    Args:
        bounds: the upper bounds, in order; above the last there is no other.
    """

    __slots__ = ("_counts", "_sum", "bounds")

    def __init__(self, bounds: Sequence[float]) -> None:
        self.bounds = tuple(bounds)
        self._counts = [0] * (len(bounds) + 1)
        self._sum = 0.0

    def add(self, number: float) -> None:
        """One more was observed."""
        self._sum += number
        self._counts[bisect_left(self.bounds, number)] += 1

    def told(self) -> list[float]:
        """What lies within each bound, each with all that lies before it too; how many there are, and their sum."""
        within = list(accumulate(self._counts))
        return [*within, within[-1], self._sum]


class Distributions(Metric):
    """A family of them, as metrics. Its samples are made when they are asked for: a scrape writes them without.

    Args:
        name: the metric's.
        documentation: what it is.
        labels: the names of their labels.
    """

    def __init__(self, name: str, documentation: str, labels: Sequence[str] = ()) -> None:
        # Not the parent's: its samples are a list.
        self.name, self.documentation, self.unit, self.type = name, documentation, "", "histogram"
        self._labels = labels
        self._told: list[tuple[tuple[str, ...], tuple[float, ...], list[float]]] = []

    def add(self, labels: Sequence[str], distribution: Distribution) -> None:
        """One of them, as it is now: what is written in another thread must not change meanwhile."""
        self._told.append((tuple(labels), distribution.bounds, distribution.told()))

    def values(self) -> Iterator[tuple[Names, list[float]]]:
        """The names of each one's samples, and their values."""
        for labels, bounds, told in self._told:
            yield _names(self.name, tuple(zip(self._labels, labels, strict=True)), bounds), told

    @property
    def samples(self) -> list[Sample]:  # type: ignore[override]  # it is an attribute there
        """As prometheus_client has them."""
        return [
            Sample(name, dict(labels), value)
            for names, values in self.values()
            for (name, labels), value in zip(names, values, strict=True)
        ]


@lru_cache(_MOST_KEPT)
def _names(name: str, labels: tuple[tuple[str, str], ...], bounds: tuple[float, ...]) -> Names:
    limits = (*map(floatToGoString, bounds), "+Inf")
    buckets = [(f"{name}_bucket", (*labels, ("le", limit))) for limit in limits]
    return (*buckets, (f"{name}_count", labels), (f"{name}_sum", labels))
