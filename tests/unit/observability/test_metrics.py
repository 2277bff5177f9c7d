"""The metrics' names, labels and beginnings: what dashboards are built on."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import pytest

from rowgate_server.observability.metrics import MethodLabels, Metrics, PoolNumbers

LABELS = MethodLabels("unary", "rowgate.v1.QueryService", "ExecuteQuery")
CALL = {"grpc_type": "unary", "grpc_service": "rowgate.v1.QueryService", "grpc_method": "ExecuteQuery"}


def _value(metrics: Metrics, name: str, **labels: str) -> float | None:
    return metrics.registry.get_sample_value(name, labels)


def test_the_standard_metrics_have_the_standard_names_and_labels() -> None:
    metrics = Metrics()
    call = metrics.call(LABELS, ("OK", "Canceled"))
    call.started += 1
    call.handled["Canceled"] += 1
    call.received += 2
    call.sent += 3
    call.seconds.add(0.3)
    call.seconds.add(0.5)
    assert _value(metrics, "grpc_server_started_total", **CALL) == 1
    assert _value(metrics, "grpc_server_handled_total", **CALL, grpc_code="Canceled") == 1
    assert _value(metrics, "grpc_server_handled_total", **CALL, grpc_code="OK") == 0
    assert _value(metrics, "grpc_server_msg_received_total", **CALL) == 2
    assert _value(metrics, "grpc_server_msg_sent_total", **CALL) == 3
    assert _value(metrics, "grpc_server_handling_seconds_count", **CALL) == 2
    assert _value(metrics, "grpc_server_handling_seconds_bucket", **CALL, le="0.25") == 0
    assert _value(metrics, "grpc_server_handling_seconds_bucket", **CALL, le="0.5") == 2
    assert _value(metrics, "grpc_server_handling_seconds_bucket", **CALL, le="+Inf") == 2
    assert _value(metrics, "grpc_server_handling_seconds_sum", **CALL) == 0.8


def test_what_happens_to_connections_begins_at_zero_and_is_counted() -> None:
    metrics = Metrics()
    database = metrics.database("main")
    happenings: list[tuple[str, dict[str, str], Callable[[], None]]] = [
        ("rowgate_pool_timeouts_total", {}, database.pool_timeout),
        ("rowgate_pool_refused_total", {}, database.pool_refused),
        ("rowgate_breaker_state", {}, lambda: database.breaker("HALF_OPEN", 1)),
        ("rowgate_pool_connect_failures_total", {}, lambda: database.connect_failed(OSError())),
        *(
            (
                "rowgate_pool_cleanup_failures_total",
                {"kind": kind},
                partial(database.cleanup_failed, OSError(), kill=kind == "kill"),
            )
            for kind in ("reset", "kill")
        ),
    ]
    for name, labels, happen in happenings:
        assert _value(metrics, name, database="main", **labels) == 0
        happen()
        assert _value(metrics, name, database="main", **labels) == 1


def test_pools_and_databases_are_asked_at_every_scrape() -> None:
    metrics = Metrics()
    numbers = {"main": PoolNumbers(in_use=1, idle=2, waiting=3, maximum=4)}
    up = {"main": True}
    metrics.watch_pools(lambda: numbers, lambda name: up[name])
    names = ("in_use", "idle", "waiting", "max")
    assert [_value(metrics, f"rowgate_pool_{name}", database="main") for name in names] == [1, 2, 3, 4]
    assert _value(metrics, "rowgate_database_up", database="main") == 1
    numbers["main"], up["main"] = PoolNumbers(0, 0, 0, 4), False
    assert [_value(metrics, f"rowgate_pool_{name}", database="main") for name in names] == [0, 0, 0, 4]
    assert _value(metrics, "rowgate_database_up", database="main") == 0


def test_two_gateways_in_a_process_count_apart() -> None:
    first, second = Metrics(), Metrics()
    first.call(LABELS, ("OK",)).started += 1
    second.call(LABELS, ("OK",))
    assert _value(second, "grpc_server_started_total", **CALL) == 0


@pytest.mark.parametrize("name", ["process_resident_memory_bytes", "process_open_fds", "process_cpu_seconds_total"])
def test_the_process_tells_of_itself(name: str) -> None:
    assert (_value(Metrics(), name) or 0) > 0


def test_no_series_tells_when_it_was_created() -> None:
    metrics = Metrics()
    metrics.call(LABELS, ("OK",)).started += 1
    names = {sample.name for family in metrics.registry.collect() for sample in family.samples}
    assert not [name for name in names if name.endswith("_created")]
