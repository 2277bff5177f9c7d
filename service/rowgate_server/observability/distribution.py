"""A histogram as plain numbers, that one event loop adds to: prometheus_client's own takes a lock each time."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from itertools import accumulate

from prometheus_client.utils import floatToGoString


class Distribution:
    """How many of what was observed lie within each bound, and the sum of all.

    Args:
        bounds: the upper bounds, in order; above the last there is no other.
    """

    __slots__ = ("_bounds", "_counts", "_sum")

    def __init__(self, bounds: Sequence[float]) -> None:
        self._bounds = bounds
        self._counts = [0] * (len(bounds) + 1)
        self._sum = 0.0

    def add(self, number: float) -> None:
        """One more was observed."""
        self._sum += number
        self._counts[bisect_left(self._bounds, number)] += 1

    def told(self) -> tuple[list[tuple[str, float]], float]:
        """The buckets, each with all that lies before it too, and the sum: as a metric family takes them."""
        bounds = [*map(floatToGoString, self._bounds), "+Inf"]
        return list(zip(bounds, accumulate(self._counts), strict=True)), self._sum
