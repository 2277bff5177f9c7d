"""What statements are counted as: a few words, whatever a caller writes."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rowgate_server.observability.metrics import Metrics
from rowgate_server.observability.statements import OPERATIONS, OTHER, STREAM, Slow

LABELS = {*OPERATIONS.values(), OTHER, STREAM}


def _value(metrics: Metrics, name: str, **labels: str) -> float | None:
    return metrics.registry.get_sample_value(name, {"database": "main", **labels})


@pytest.mark.parametrize("word", ["SELECT", "WITH", "INSERT", "UPDATE", "DELETE"])
def test_a_statement_counts_as_its_first_word(word: str) -> None:
    metrics = Metrics()
    statements = metrics.database("main").statements
    statements.of(word).ended(0.2, 3, 40, ("select 1",), "q")
    assert _value(metrics, "rowgate_query_duration_seconds_count", operation=word.lower()) == 1
    assert _value(metrics, "rowgate_query_duration_seconds_sum", operation=word.lower()) == 0.2
    assert _value(metrics, "rowgate_query_duration_seconds_count", operation=OTHER) == 0
    assert _value(metrics, "rowgate_result_rows_total") == 3
    assert _value(metrics, "rowgate_result_bytes_total") == 40


def test_only_those_that_took_so_long_are_told_of() -> None:
    statements, told = Metrics().database("main").statements, list[Slow]()
    statements.of("SELECT").ended(99, 0, 0, ("select 1",), "before")
    statements.slow_after, statements.slow = 0.5, told.append
    statements.of("SELECT").ended(0.4, 0, 0, ("select 2",), "short")
    statements.of("DELETE").ended(0.5, 7, 40, ("delete from t where a = ", ""), "long")
    assert told == [Slow(("delete from t where a = ", ""), "long", "delete", 0.5, 7)]


@given(words=st.lists(st.text(max_size=20), max_size=20))
def test_no_word_of_a_caller_s_makes_a_series(words: list[str]) -> None:
    metrics = Metrics()
    statements = metrics.database("main").statements
    for word in words:
        statements.of(word).ended(0.1, 0, 0, ("select 1",), "q")
    (family,) = [family for family in metrics.registry.collect() if family.name == "rowgate_query_duration_seconds"]
    assert {sample.labels["operation"] for sample in family.samples} == LABELS
