"""The log has a line for a breaker that opens, and one for it when it closes, however often it tries between."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import structlog.testing

from rowgate_server.observability.metrics import DatabaseMetrics, Metrics

MADE: dict[str, Callable[[], DatabaseMetrics]] = {
    "database": lambda: Metrics().database("main"),
    "host": lambda: Metrics().hosts_of("main")("a:1"),
}
TRIALS = [("HALF_OPEN", 1), ("OPEN", 2)] * 20


@pytest.fixture(params=MADE)
def numbers(request: pytest.FixtureRequest) -> DatabaseMetrics:
    return MADE[request.param]()


def told(numbers: DatabaseMetrics, *states: tuple[str, int]) -> list[tuple[str, str]]:
    """The lines above debug."""
    with structlog.testing.capture_logs() as lines:
        for name, number in states:
            numbers.breaker(name, number)
    assert len(lines) == len(states), "all are there for who debugs"
    assert {line["database"] for line in lines} == {"main"}
    return [(line["log_level"], line["state"]) for line in lines if line["log_level"] != "debug"]


def test_trials_are_for_debugging(numbers: DatabaseMetrics) -> None:
    assert told(numbers, ("OPEN", 2), *TRIALS, ("CLOSED", 0)) == [("warning", "OPEN"), ("info", "CLOSED")]
    assert told(numbers, ("OPEN", 2), *TRIALS) == [("warning", "OPEN")]


def test_breaker_of_what_is_not_served_is_told_of_when_it_is(numbers: DatabaseMetrics) -> None:
    numbers.show(shown=False)
    assert told(numbers, ("OPEN", 2), *TRIALS) == []
    with structlog.testing.capture_logs() as lines:
        numbers.show(shown=True)
    assert [(line["log_level"], line["state"]) for line in lines] == [("warning", "OPEN")]
    assert told(numbers, *TRIALS, ("CLOSED", 0)) == [("info", "CLOSED")]


@pytest.mark.parametrize(("shown", "level"), [(True, "warning"), (False, "debug")])
def test_connection_that_fails_is_warned_of_where_it_is_served(
    numbers: DatabaseMetrics, shown: bool, level: str
) -> None:
    numbers.show(shown=shown)
    with structlog.testing.capture_logs() as lines:
        numbers.connect_failed(OSError("refused"))
    assert [(line["log_level"], line["event"]) for line in lines] == [(level, "connect failed")]
