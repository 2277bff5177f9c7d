"""The metrics of several workers as one process would tell them."""

from __future__ import annotations

import json

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.parser import text_string_to_metric_families

from rowgate_server.observability.exposition import Snapshot, snapshot, written
from rowgate_server.observability.merging import Ended, merged
from rowgate_server.observability.metrics import MethodLabels, Metrics


def worker(calls: int, waiting: int, up: int = 1) -> Snapshot:
    registry = CollectorRegistry()
    Counter("calls", "Calls.", ["code"], registry=registry).labels("OK").inc(calls)
    Gauge("waiting", "Those that wait.", registry=registry).set(waiting)
    Gauge("rowgate_database_up", "Whether.", ["database"], registry=registry).labels("main").set(up)
    seconds = Histogram("seconds", "How long.", buckets=(1, 2), registry=registry)
    for _ in range(calls):
        seconds.observe(1.5)
    told: Snapshot = json.loads(json.dumps(snapshot(registry.collect())))  # as it comes through the channel
    return told


def samples(told: Snapshot) -> dict[str, float]:
    text = written(told).decode()
    return {
        each.name + "".join(each.labels.values()): each.value
        for family in text_string_to_metric_families(text)
        for each in family.samples
        if not each.name.endswith("_created")
    }


def test_counters_histograms_and_gauges_of_all_are_added() -> None:
    found = samples(merged([worker(3, 1), worker(4, 2)], Ended()))
    assert found["calls_totalOK"] == 7
    assert found["waiting"] == 3
    assert (found["seconds_bucket1.0"], found["seconds_bucket2.0"], found["seconds_bucket+Inf"]) == (0, 7, 7)
    assert (found["seconds_count"], found["seconds_sum"]) == (7, 10.5)


def test_a_database_is_down_where_one_worker_says_so() -> None:
    assert samples(merged([worker(0, 0), worker(0, 0, up=0)], Ended()))["rowgate_database_upmain"] == 0


def test_what_an_ended_worker_has_counted_stays_and_what_it_held_does_not() -> None:
    ended = Ended()
    ended.add(worker(3, 5))
    ended.add(worker(10, 5))
    found = samples(merged([worker(1, 2)], ended))
    assert (found["calls_totalOK"], found["waiting"], found["seconds_count"]) == (14, 2, 14)


def test_every_metric_of_the_gateway_can_be_merged() -> None:
    metrics = Metrics()
    metrics.call(MethodLabels("unary", "s", "m"), ("OK",)).handled["OK"] += 1
    metrics.build("1.2.3")
    metrics.database("main").breaker("OPEN", 2)
    once, twice = (samples(merged([snapshot(metrics.registry.collect())] * times, Ended())) for times in (1, 2))
    assert set(once) == set(twice)
    assert twice["grpc_server_handled_totalOKmsunary"] == 2
    for each in once:
        if each.startswith(("process_start_time_seconds", "rowgate_build_info", "rowgate_breaker_state")):
            assert twice[each] == once[each]


def waits(*databases: str) -> Snapshot:
    registry = CollectorRegistry()
    counted = Counter("waits", "Waits.", ["kind", "database"], registry=registry)
    for name in databases:
        counted.labels("database", name).inc()
    return snapshot(registry.collect())


def test_a_database_that_is_gone_is_told_of_no_more_with_its_logins_and_replicas() -> None:
    ended = Ended()
    ended.add(waits("main", "main/login", "main@copy", "mainly", "other", ""))
    ended.serve({"mainly", "other", "new"})
    left = {"waits_totaldatabase", "waits_totalmainlydatabase", "waits_totalotherdatabase"}
    assert set(samples(merged([], ended))) == left
    ended.add(waits("main@copy", "main", "other/login"))
    assert set(samples(merged([], ended))) == left | {"waits_totalother/logindatabase"}
