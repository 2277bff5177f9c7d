"""Failed calls count for the database that they were for: by its configured name, and nothing that a caller writes."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from rowgate_server.errors import Reason
from rowgate_server.observability.metrics import Metrics

SERVED = ("main", "other")


def gateway() -> Metrics:
    metrics = Metrics()
    metrics.failures.expect(Reason)
    for name in SERVED:
        metrics.database(name)
        metrics.failures.serve(name)
    metrics.database("main/login")  # a pool, and no database that a call may name
    return metrics


def told(metrics: Metrics) -> dict[tuple[str, str], float]:
    (family,) = [family for family in metrics.registry.collect() if family.name == "rowgate_calls_failed"]
    return {(sample.labels["database"], sample.labels["reason"]): sample.value for sample in family.samples}


def test_each_reason_is_there_for_each_database_from_the_start() -> None:
    assert told(gateway()) == {(name, reason.value): 0 for name in ("", *SERVED) for reason in Reason}


def test_a_call_counts_for_its_database() -> None:
    metrics = gateway()
    metrics.failures.count("other", "POOL_EXHAUSTED")
    metrics.failures.count("", "UNAUTHENTICATED")
    assert {key for key, value in told(metrics).items() if value} == {
        ("other", "POOL_EXHAUSTED"),
        ("", "UNAUTHENTICATED"),
    }


@given(names=st.lists(st.sampled_from(["", "main", "main/login", "MAIN", "main "]) | st.text(max_size=20), max_size=20))
def test_no_name_of_a_caller_s_makes_a_series(names: list[str]) -> None:
    metrics = gateway()
    before = told(metrics)
    for name in names:
        metrics.failures.count(name, "UNKNOWN_DATABASE")
    after = told(metrics)
    assert after.keys() == before.keys()
    assert sum(after.values()) == len(names)
    assert after["main", "UNKNOWN_DATABASE"] == names.count("main")


def test_a_database_that_is_gone_is_told_of_no_more() -> None:
    metrics = gateway()
    metrics.failures.count("other", "POOL_EXHAUSTED")
    metrics.forget("other")
    metrics.failures.count("other", "POOL_EXHAUSTED")  # of a call that had begun before
    assert {name for name, _ in told(metrics)} == {"", "main"}
    assert told(metrics)["", "POOL_EXHAUSTED"] == 1
