"""What the chart's notes count and warn of: replicas, memory, processors; and who may start `helm test`."""

from __future__ import annotations

from typing import Any

import pytest

from support.manifests import DEMO, FULL, notes, only, rendered

URL = {"urlSecret": {"name": "databases", "key": "url"}}
SERVERS = {
    "main": {
        **URL,
        "maxConnections": 60,
        "settings": {"pool": {"size": 3, "max_overflow": 2}},
        "logins": {"reader": {**URL, "settings": {"pool": {"size": 1, "max_overflow": 1}}}},
        "replicas": {
            "near": {**URL, "maxConnections": 70, "settings": {"pool": {"size": 40, "max_overflow": 0}}},
            "far": URL,
        },
    }
}


def test_each_replica_is_counted_by_itself_with_every_login() -> None:
    told = notes({"insecure": True, "databases": SERVERS})
    lines = [line.strip() for line in told.splitlines() if " x (" in line]
    assert lines == [
        "main: 4 x (7 + 3) = 40 of 60",
        "main@far: 4 x (12 + 3) = 60 (its maxConnections is not given: not compared)",
        "main@near: 4 x (42 + 3) = 180 of 70",
    ]
    assert told.count("allows fewer") == 1
    assert "WARNING: main@near allows fewer" in told


def test_connections_beside_the_pools_are_compared_too() -> None:
    def warned(limit: int) -> bool:
        main = {**URL, "maxConnections": limit, "settings": {"pool": {"size": 8, "max_overflow": 2}}}
        return "allows fewer" in notes({"insecure": True, "replicas": 4, "databases": {"main": main}})

    assert warned(59)
    assert not warned(60)


@pytest.mark.parametrize(
    ("workers", "limit", "warned"),
    [
        *((1, "512Mi", False), (2, "512Mi", False), (4, "512Mi", True), (4, "1Gi", False), (1, "200M", True)),
        *((4, "1Ti", False), (4, "1T", False), (1, "1e9", False), (1, "2.5E+8", True), (4, 1 << 30, False)),
    ],
)
def test_memory_is_compared_with_the_processes(workers: int, limit: str | int, warned: bool) -> None:
    values = {**DEMO, "settings": {"server": {"workers": workers}}, "resources": {"limits": {"memory": limit}}}
    assert ("WARNING: resources.limits.memory" in notes(values)) == warned


@pytest.mark.parametrize(("cpu", "warned"), [("1", True), ("1500m", True), ("2", False), (2, False)])
def test_the_autoscaler_s_request_is_compared_with_the_processes(cpu: Any, warned: bool) -> None:
    values = {
        **DEMO,
        "settings": {"server": {"workers": 2}},
        "autoscaling": {"enabled": True},
        "resources": {"requests": {"cpu": cpu}},
    }
    assert ("WARNING: resources.requests.cpu" in notes(values)) == warned


def test_the_autoscaler_aims_at_seven_tenths_of_a_core() -> None:
    """Which is what docs/operations.md plans with."""
    made = rendered(FULL)
    (container,) = only(made, "Deployment")["spec"]["template"]["spec"]["containers"]
    (cpu,) = [
        each["resource"] for each in only(made, "HorizontalPodAutoscaler")["spec"]["metrics"] if "resource" in each
    ]
    assert (container["resources"]["requests"]["cpu"], cpu["target"]["averageUtilization"]) == ("1", 70)


def test_the_test_pod_may_call_where_only_some_may() -> None:
    clients = [{"podSelector": {"matchLabels": {"app": "shop"}}}]
    made = rendered({**DEMO, "networkPolicy": {"clients": clients}})
    rule = only(made, "NetworkPolicy")["spec"]["ingress"][0]
    assert rule["from"][0] == clients[0]
    (selector,) = [each["podSelector"]["matchLabels"] for each in rule["from"][1:]]
    assert selector.items() <= only(made, "Pod")["metadata"]["labels"].items()
    everybody = only(rendered(DEMO), "NetworkPolicy")["spec"]["ingress"][0]["from"]
    assert everybody == [{"podSelector": {}}]
