"""How late a gateway's event loop was meanwhile, as its own histogram tells: `rowgate_event_loop_lag_seconds`."""

from __future__ import annotations

import math
import urllib.request

_SERIES = 'rowgate_event_loop_lag_seconds_bucket{le="'

Buckets = dict[float, float]
"""How often the loop was at most so many seconds late."""


def read(admin: str) -> Buckets:
    """The histogram since the gateway's start, from its admin address."""
    with urllib.request.urlopen(f"http://{admin}/metrics", timeout=10) as answer:
        return buckets(answer.read().decode())


def buckets(text: str) -> Buckets:
    """The histogram in an exposition's text."""
    found: Buckets = {}
    for line in text.splitlines():
        if line.startswith(_SERIES):
            bound, _, count = line.removeprefix(_SERIES).partition('"} ')
            found[float(bound)] = float(count)
    return found


def percentile(before: Buckets, after: Buckets, percent: float) -> float | None:
    """The least bound that so many percent of what came between do not exceed; None where nothing came."""
    between = {bound: count - before.get(bound, 0.0) for bound, count in sorted(after.items())}
    total = between.get(math.inf, 0.0)
    if not total:
        return None
    return next(bound for bound, count in between.items() if count >= total * percent / 100)
