"""What a scrape is told is what prometheus_client would have written, in both formats."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.core import CounterMetricFamily, Metric
from prometheus_client.exposition import generate_latest
from prometheus_client.openmetrics import exposition as openmetrics
from prometheus_client.openmetrics.parser import text_string_to_metric_families as of_openmetrics
from prometheus_client.parser import text_string_to_metric_families as of_text
from prometheus_client.registry import Collector

from rowgate_server.errors import Reason
from rowgate_server.observability.exposition import snapshot, snapshot_beside, written
from rowgate_server.observability.metrics import MethodLabels, Metrics

Parse = Callable[[str], Iterable[Metric]]
Written = Callable[[CollectorRegistry], bytes]
FORMATS = pytest.mark.parametrize(
    ("parse", "theirs", "asked"),
    [(of_text, generate_latest, False), (of_openmetrics, openmetrics.generate_latest, True)],
    ids=["text", "openmetrics"],
)


def read(parse: Parse, text: bytes) -> list[tuple[object, ...]]:
    """All that a reader learns of it; of what changes by itself, not its value."""
    return [
        (
            family.name,
            family.type,
            family.documentation,
            [
                (
                    each.name,
                    each.labels,
                    None if each.name.startswith(("process_", "python_")) else repr(each.value),
                )
                for each in family.samples
            ],
        )
        for family in parse(text.decode())
    ]


@FORMATS
def test_a_gateway_s_metrics_are_read_as_prometheus_client_would_write_them(
    parse: Parse, theirs: Written, asked: bool
) -> None:
    metrics = Metrics()
    metrics.build("1.2.3")
    metrics.failures.expect(Reason)
    metrics.failures.serve("main")
    metrics.call(MethodLabels("unary", "s", "m"), ("OK",)).seconds.add(0.3)
    metrics.database("main").statements.of("SELECT").ended(0.2, 3, 40, ("select 1",), "q")
    metrics.transactions("main").ended("committed")
    told = json.loads(json.dumps(snapshot(metrics.registry.collect())))  # as it comes from a worker
    assert read(parse, written(told, openmetrics=asked)) == read(parse, theirs(metrics.registry))


@FORMATS
@given(
    label=st.text(st.characters(exclude_categories=["Cs"])),
    words=st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\r"), min_size=1).filter(
        lambda words: words.split() == [words]
    ),
    value=st.floats(),
)
def test_whatever_a_label_or_a_number_is_it_is_read_as_it_was(
    parse: Parse, theirs: Written, asked: bool, label: str, words: str, value: float
) -> None:
    registry = CollectorRegistry()
    Gauge("any", words, ["label"], registry=registry).labels(label).set(value)
    Counter("all", "Some.", ["label", "other"], registry=registry).labels(label, "x").inc(2**60)
    Histogram("took", "Seconds.", buckets=(1, 2.5), registry=registry).observe(2)
    del theirs
    found = {
        each.name: each
        for family in parse(written(snapshot(registry.collect()), openmetrics=asked).decode())
        for each in family.samples
    }
    assert (found["any"].labels, repr(found["any"].value)) == ({"label": label}, repr(value))
    assert (found["all_total"].labels, found["all_total"].value) == ({"label": label, "other": "x"}, 2**60)
    assert found["took_sum"].value == 2


async def test_numbers_are_read_on_the_loop_that_counts_them() -> None:
    class OnTheLoop(Collector):
        def collect(self) -> Iterable[Metric]:
            asyncio.get_running_loop()
            return [CounterMetricFamily("calls", "Counted.", value=1)]

    registry = CollectorRegistry()
    registry.register(OnTheLoop())
    assert [family[:1] for family in await snapshot_beside(registry)] == [["calls"]]
