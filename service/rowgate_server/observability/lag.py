"""How late the event loop is: what every call of the process waits, whoever keeps it busy; and how much it has to do.

A timer is set for every 20 ms, and what it comes too late is observed. Above some 20 ms, something holds the loop that
should be in a thread, or the process has more to do than one core can.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable

from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from rowgate_server.observability.distribution import Distribution, Distributions

_EVERY = 0.02
BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5)
"""Seconds."""


class LoopLag(Collector):
    """A histogram of the loop's lag, and the number of its tasks, from `start` on."""

    def __init__(self) -> None:
        self._late = Distribution(BUCKETS)
        self._timer: asyncio.TimerHandle | None = None
        self._loop: asyncio.AbstractEventLoop | None = None

    def start(self) -> None:
        """Begin to observe the running loop."""
        self._loop = loop = asyncio.get_running_loop()
        self._set(loop, loop.time() + _EVERY)

    def stop(self) -> None:
        """Observe no more."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def collect(self) -> Iterable[Metric]:
        """Both."""
        lag = Distributions("rowgate_event_loop_lag_seconds", "How late the event loop's timers came.")
        lag.add([], self._late)
        tasks = GaugeMetricFamily("rowgate_event_loop_tasks", "Tasks of the event loop that have not ended.")
        tasks.add_metric([], len(asyncio.all_tasks(self._loop)) if self._loop else 0)
        return [lag, tasks]

    def _set(self, loop: asyncio.AbstractEventLoop, due: float) -> None:
        self._timer = loop.call_at(due, self._observe, loop, due)

    def _observe(self, loop: asyncio.AbstractEventLoop, due: float) -> None:
        now = loop.time()
        self._late.add(max(0.0, now - due))
        self._set(loop, now + _EVERY)
