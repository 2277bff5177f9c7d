"""The gateway warns where the pools of all replicas are larger than what a database allows."""

from __future__ import annotations

import json

import pytest

from support.process import Gateway

SERVERS = ("mariadb_server", "postgresql_server")


def warnings(gateway: Gateway) -> list[dict[str, object]]:
    assert gateway.terminate() == 0
    lines = [json.loads(line) for line in gateway.stderr.splitlines()]
    return [line for line in lines if line["event"] == "pools larger than the database allows"]


@pytest.fixture(params=SERVERS)
def url(request: pytest.FixtureRequest) -> str:
    server = request.getfixturevalue(request.param)
    found: str = server.url
    return found


def serve(url: str, replicas: int) -> Gateway:
    environment = {
        "ROWGATE_DATABASES__SHOP__URL": url,
        "ROWGATE_DATABASES__SHOP__POOL__SIZE": "3",
        "ROWGATE_DATABASES__SHOP__POOL__MAX_OVERFLOW": "2",
        "ROWGATE_SERVER__REPLICAS": str(replicas),
        "ROWGATE_LOG__LEVEL": "debug",
    }
    return Gateway.start(environment=environment)


def test_pools_that_fit_are_passed_over(url: str) -> None:
    with serve(url, replicas=2) as gateway:
        assert gateway.child.stderr.wait_for("pools within", within=10)
        assert warnings(gateway) == []


def test_pools_that_outgrow_the_database_are_warned_of_with_the_numbers(url: str) -> None:
    with serve(url, replicas=1000) as gateway:
        assert gateway.child.stderr.wait_for("pools larger", within=10)
        (warning,) = warnings(gateway)
        assert (warning["database"], warning["pool_max"], warning["gateways"]) == ("shop", 5, 1000)
        assert warning["level"] == "warning"
        assert isinstance(warning["allowed"], int)
        assert 5 < warning["allowed"] < 5000
