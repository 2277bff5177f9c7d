"""Percentiles, medians and ratios."""

from __future__ import annotations

from dataclasses import replace
from statistics import median

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.figures import Lane, Sample, paired_ratio, percentile, summarise

_SAMPLE = Sample(
    work="point-1",
    lane=Lane("rowgate"),
    round=1,
    count=100,
    elapsed=2.0,
    p50=0.010,
    p99=0.030,
    server_cpu=0.5,
    client_cpu=0.25,
    database_cpu=0.1,
    memory_before=100,
    memory_peak=130,
)


def _rounds(contender: str, *rates: int, server_cpu: float = 0.5) -> list[Sample]:
    return [
        replace(_SAMPLE, lane=Lane(contender), round=number, count=rate, elapsed=1.0, server_cpu=server_cpu)
        for number, rate in enumerate(rates, start=1)
    ]


@pytest.mark.parametrize(("percent", "value"), [(50, 50), (99, 99), (99.5, 100), (100, 100), (1, 1), (0, 1)])
def test_a_percentile_is_the_value_of_its_rank(percent: float, value: float) -> None:
    assert percentile(range(1, 101), percent) == value


@given(st.lists(st.floats(0, 1e6), min_size=1), st.floats(0.1, 100))
def test_a_percentile_is_one_of_the_values_and_so_many_are_not_above_it(values: list[float], percent: float) -> None:
    found = percentile(sorted(values), percent)
    assert found in values
    assert sum(value <= found for value in values) >= len(values) * percent / 100 - 1e-9
    assert sum(value < found for value in values) < len(values) * percent / 100 + 1e-9


def test_figures_are_medians_over_the_rounds() -> None:
    rounds = [
        replace(_SAMPLE, round=1, count=100, elapsed=1.0, p50=0.001, p99=0.005, server_cpu=0.2, memory_peak=900),
        replace(_SAMPLE, round=2, count=900, elapsed=1.0, p50=0.009, p99=0.002, server_cpu=0.9, memory_peak=110),
        replace(_SAMPLE, round=3, count=200, elapsed=1.0, p50=0.002, p99=0.003, server_cpu=0.2, memory_peak=140),
    ]
    [summary] = summarise(rounds, "none")
    assert (summary.rounds, summary.rate, summary.p50, summary.p99) == (3, 200, 0.002, 0.003)
    assert summary.server_cpu == pytest.approx(0.001)
    assert summary.memory_growth == 40
    assert summary.spread == pytest.approx((900 - 100) / 200)


def test_cpu_is_told_per_call() -> None:
    [summary] = summarise([replace(_SAMPLE, count=1000, server_cpu=0.5, client_cpu=0.2, database_cpu=0.1)], "none")
    assert summary.server_cpu == pytest.approx(0.0005)
    assert summary.client_cpu == pytest.approx(0.0002)
    assert summary.database_cpu == pytest.approx(0.0001)


def test_a_contender_without_a_server_has_no_client_apart() -> None:
    [summary] = summarise([replace(_SAMPLE, client_cpu=None)], "none")
    assert summary.client_cpu is None


def test_ratios_are_taken_within_each_round() -> None:
    """The machine was ten times slower in the last two rounds: the medians' own ratio would say 20."""
    rowgate, baseline = _rounds("rowgate", 2000, 2000, 200), _rounds("fastapi", 1000, 100, 100)
    baseline = [replace(baseline[0]), replace(baseline[1], count=1000), baseline[2]]
    rowgate = [rowgate[0], replace(rowgate[1], count=200), rowgate[2]]
    by_name = {summary.lane.contender: summary for summary in summarise([*rowgate, *baseline], "fastapi")}
    assert by_name["rowgate"].rate_ratio == 2.0
    assert by_name["fastapi"].rate_ratio == 1.0


def test_the_cpu_ratio_is_of_cpu_per_call() -> None:
    samples = [*_rounds("rowgate", 1000, server_cpu=0.6), *_rounds("fastapi", 500, server_cpu=0.1)]
    rowgate, _ = summarise(samples, "fastapi")
    assert rowgate.cpu_ratio == pytest.approx(3.0)


@given(st.lists(st.tuples(st.integers(1, 10**6), st.integers(1, 10**6)), min_size=1, max_size=9))
def test_the_ratio_lies_between_those_of_the_rounds(pairs: list[tuple[int, int]]) -> None:
    one, other = _rounds("one", *(pair[0] for pair in pairs)), _rounds("other", *(pair[1] for pair in pairs))
    ratios = [above / below for above, below in pairs]
    assert paired_ratio(one, other, lambda sample: sample.rate) == median(ratios)
    assert paired_ratio(one, one, lambda sample: sample.rate) == 1.0


def test_no_ratio_without_a_round_in_common_or_to_nothing() -> None:
    rowgate = _rounds("rowgate", 100)
    assert paired_ratio(rowgate, [], lambda sample: sample.rate) is None
    assert paired_ratio(rowgate, [replace(_SAMPLE, round=2)], lambda sample: sample.rate) is None
    assert paired_ratio(rowgate, [replace(_SAMPLE, server_cpu=0.0)], lambda sample: sample.server_cpu_each) is None
    assert summarise(rowgate, "fastapi")[0].rate_ratio is None


def test_lanes_keep_the_order_in_which_they_came() -> None:
    samples = [*_rounds("echo", 1, 2), *_rounds("asyncmy", 1, 2), *_rounds("rowgate", 1, 2)]
    assert [summary.lane.contender for summary in summarise(samples, "echo")] == ["echo", "asyncmy", "rowgate"]


def test_pings_of_all_rounds_are_put_together() -> None:
    """A round has too few pings for a 99th percentile of its own."""
    rounds = [replace(_SAMPLE, round=number, pings=tuple([0.001] * 99 + [0.5 * number])) for number in (1, 2)]
    [summary] = summarise(rounds, "none")
    assert (summary.ping_p50, summary.ping_p99, summary.ping_max) == (0.001, 0.001, 1.0)
    [without] = summarise([_SAMPLE], "none")
    assert (without.ping_p50, without.ping_p99, without.ping_max) == (None, None, None)


def test_a_lane_is_named_by_contender_and_encoding() -> None:
    assert Lane("rowgate", "arrow").label == "rowgate ARROW"
    assert Lane("asyncmy").label == "asyncmy"
