"""How many calls a caller may make: by a clock that the tests turn."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rowgate_server.core.policy.policies import Policies
from rowgate_server.core.policy.quotas import Meter, Quotas
from rowgate_server.core.policy.records import Limits, Policy, Role
from rowgate_server.engines import clock
from rowgate_server.errors import Reason, RowgateError
from rowgate_server.identity.principal import Method, Principal


@pytest.fixture
def now(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    time = [100.0]
    monkeypatch.setattr(clock, "now", lambda: time[0])
    return time


def test_a_burst_goes_through_and_then_the_rate(now: list[float]) -> None:
    meter = Meter(Limits(rate=2.0, burst=3))
    for _ in range(3):
        meter.begin()
    with pytest.raises(RowgateError) as caught:
        meter.begin()
    assert caught.value.reason is Reason.QUOTA_EXCEEDED
    assert caught.value.retry_after == pytest.approx(0.5)
    now[0] += 0.5
    meter.begin()
    with pytest.raises(RowgateError):
        meter.begin()


def test_a_batch_leaves_a_debt_that_later_calls_wait_for(now: list[float]) -> None:
    meter = Meter(Limits(rate=1.0, burst=2))
    meter.charge(10)
    with pytest.raises(RowgateError) as caught:
        meter.begin()
    assert caught.value.retry_after == pytest.approx(9.0)
    now[0] += 9.0
    meter.begin()


@given(st.lists(st.floats(0, 2), min_size=1, max_size=60))
def test_never_more_than_the_burst_and_the_rate(steps: list[float]) -> None:
    with pytest.MonkeyPatch.context() as patched:
        time = [0.0]
        patched.setattr(clock, "now", lambda: time[0])
        meter, through = Meter(Limits(rate=3.0, burst=5)), 0
        for step in steps:
            time[0] += step
            with contextlib.suppress(RowgateError):
                meter.charge(1)
                through += 1
        assert through <= 5 + 3 * sum(steps) + 1e-6


def test_each_caller_has_a_bucket_of_its_own_and_a_new_policy_bounds_it_anew(now: list[float]) -> None:
    del now
    policies = Policies(Policy({"r": Role("r", limits=Limits(rate=1.0, burst=1, concurrent=1))}))
    quotas = Quotas(policies)
    one, two = (Principal(name, Method.API_KEY, ("r",)) for name in ("one", "two"))
    meter = quotas.meter(one)
    assert meter is not None
    assert meter is quotas.meter(one)
    meter.begin()
    with pytest.raises(RowgateError):
        meter.begin()
    other = quotas.meter(two)
    assert other is not None
    other.begin()
    policies.replace(Policy({"r": Role("r")}))
    assert quotas.meter(one) is None
    quotas.charge(one, 100)
