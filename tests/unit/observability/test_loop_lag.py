"""The loop's lag as its timers see it."""

from __future__ import annotations

import asyncio

from prometheus_client import CollectorRegistry
from unit.engines.clock import ClockLoop, on_the_clock

from rowgate_server.observability.lag import LoopLag


def _value(lag: LoopLag, suffix: str, **labels: str) -> float:
    registry = CollectorRegistry()
    registry.register(lag)
    value = registry.get_sample_value(f"rowgate_event_loop_lag_seconds_{suffix}", labels)
    assert value is not None
    return value


def _held_for(seconds: float) -> None:
    """What a slow piece of work does to the loop."""
    loop = asyncio.get_running_loop()
    assert isinstance(loop, ClockLoop)
    loop.move(seconds)


@on_the_clock
async def test_a_loop_at_rest_is_not_late() -> None:
    lag = LoopLag()
    lag.start()
    await asyncio.sleep(1.01)
    lag.stop()
    assert _value(lag, "count") == 50
    assert _value(lag, "bucket", le="0.001") == 50


@on_the_clock
async def test_work_that_holds_the_loop_is_seen() -> None:
    lag = LoopLag()
    lag.start()
    await asyncio.sleep(0)
    _held_for(0.1)
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    lag.stop()
    assert _value(lag, "bucket", le="0.05") == 0
    assert _value(lag, "bucket", le="0.1") == 1
    assert 0.07 < _value(lag, "sum") < 0.09


@on_the_clock
async def test_nothing_is_observed_once_it_is_stopped() -> None:
    lag = LoopLag()
    lag.start()
    lag.stop()
    await asyncio.sleep(1)
    assert _value(lag, "count") == 0


async def test_tasks_are_counted_until_they_end() -> None:
    lag, end = LoopLag(), asyncio.Event()
    registry = CollectorRegistry()
    registry.register(lag)
    lag.start()
    before = registry.get_sample_value("rowgate_event_loop_tasks") or 0
    waiting = [asyncio.create_task(end.wait()) for _ in range(3)]
    assert registry.get_sample_value("rowgate_event_loop_tasks") == before + 3
    end.set()
    await asyncio.gather(*waiting)
    assert registry.get_sample_value("rowgate_event_loop_tasks") == before
    lag.stop()
