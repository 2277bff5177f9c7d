from __future__ import annotations

import asyncio
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from unit.engines.clock import now, on_the_clock

from rowgate_server.engines.deadline import Deadline, Imposed, of_call
from rowgate_server.errors import Outcome, Reason


@given(st.lists(st.tuples(st.none() | st.floats(0.001, 10_000), st.sampled_from("abc")), max_size=4))
@on_the_clock
async def test_the_least_limit_decides_and_is_named(limits: list[tuple[float | None, str]]) -> None:
    deadline = Deadline.soonest(*limits, (10_000.0, "the server"))
    given_limits = [(seconds, name) for seconds, name in limits if seconds is not None] + [(10_000.0, "the server")]
    seconds, name = min(given_limits, key=lambda limit: limit[0])
    assert deadline.at == now() + seconds
    assert deadline.limit.startswith(f"{name} ")


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [
        (30, "30s"),
        (0.25, "0.25s"),
        (3600.0, "3600s"),
        (86_400, "86400s"),
        (4.99823, "4.998s"),
        (1e6, "1000000s"),
        (1e-9, "0.000000001s"),
    ],
)
@on_the_clock
async def test_a_limit_is_shown_in_plain_seconds(seconds: float, shown: str) -> None:
    assert Deadline.soonest((seconds, "options.timeout")).limit == f"options.timeout {shown}"


@on_the_clock
async def test_what_remains_runs_down_and_below_zero() -> None:
    deadline = Deadline.soonest((2.0, "a"))
    assert deadline.remaining() == 2
    await asyncio.sleep(1.5)
    assert deadline.remaining() == 0.5
    await asyncio.sleep(1.5)
    assert deadline.remaining() == -1


@on_the_clock
async def test_no_limit_at_all_is_a_mistake() -> None:
    with pytest.raises(ValueError, match="no limit"):
        Deadline.soonest((None, "a"))


@on_the_clock
async def test_its_error_says_whose_limit_it_was_and_what_became_of_the_statement() -> None:
    error = Deadline.soonest((None, "a"), (2, "options.timeout")).exceeded("while connecting", Outcome.NOT_RUN)
    assert error.reason is Reason.STATEMENT_TIMEOUT
    assert error.metadata == {"limit": "options.timeout 2s", "outcome": "NOT_RUN"}
    assert error.message == "the time ran out while connecting; options.timeout 2s decided"


@given(st.floats(0.001, 10_000))
@on_the_clock
async def test_what_a_caller_has_set_decides_a_moment_earlier(seconds: float) -> None:
    earlier = seconds - Deadline.soonest(of_call(seconds)).remaining()
    assert 0 < earlier <= min(0.05 * seconds, 0.05) * 1.001


def handed_on(seconds: float) -> float:
    """What gRPC sends of it: a millisecond more at the most, and no more than three digits, rounded up."""
    milliseconds = math.floor(seconds * 1000) + 1
    digit = int(10 ** max(0, len(str(milliseconds)) - 3))
    return math.ceil(milliseconds / digit) * digit / 1000


def told_of(left: float) -> float:
    return float(Deadline.soonest(of_call(left)).limit.removeprefix("the call's deadline ").removesuffix("s"))


@pytest.mark.parametrize("on_the_way", [0.0, 0.001, 0.003])
@pytest.mark.parametrize(
    "asked", [0.05, 0.1, 0.25, 0.3, 0.5, 1, 1.5, 2, 2.5, 3, 5, 7, 10, 15, 30, 45, 60, 90, 300, 600, 3600, 86_400]
)
async def test_a_call_s_deadline_is_told_as_a_person_would_have_set_it(asked: float, on_the_way: float) -> None:
    assert told_of(handed_on(asked) - on_the_way) == asked
    # As others send it: to the microsecond, and over a longer way.
    assert told_of(asked - 0.0001 - on_the_way / 2) == asked


@given(st.floats(0.005, 100_000), st.floats(0, 0.001))
async def test_a_call_s_deadline_is_never_told_wrong_by_much(asked: float, on_the_way: float) -> None:
    told = told_of(handed_on(asked) - on_the_way)
    assert asked * 0.98 - 0.003 <= told <= asked * 1.0125 + 0.003


async def test_a_call_that_comes_too_late_is_told_by_how_much() -> None:
    assert told_of(-0.5) == -0.5


@pytest.mark.parametrize("seconds", [None, Imposed(2), -0.5])
@on_the_clock
async def test_nothing_is_taken_from_the_servers_own_limit_or_from_nothing(seconds: float | None) -> None:
    assert of_call(seconds)[0] == seconds
