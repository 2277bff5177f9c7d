"""`/metrics` under real calls."""

from __future__ import annotations

import urllib.request
from collections.abc import Iterator

import pytest
from prometheus_client.parser import text_string_to_metric_families

import rowgate
from rowgate.v1 import query_service_pb2, schema_service_pb2, table_service_pb2
from support.process import Gateway


@pytest.fixture(scope="module")
def gateway() -> Iterator[Gateway]:
    with Gateway.start("--demo") as gateway:
        yield gateway


def _samples(gateway: Gateway) -> dict[tuple[str, frozenset[tuple[str, str]]], float]:
    with urllib.request.urlopen(f"http://{gateway.admin_address}/metrics", timeout=5) as answer:
        text = answer.read().decode()
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def _handled(gateway: Gateway, service: str, method: str, kind: str, code: str) -> float:
    labels = {"grpc_service": service, "grpc_method": method, "grpc_type": kind, "grpc_code": code}
    return _samples(gateway)["grpc_server_handled_total", frozenset(labels.items())]


def test_every_method_is_there_before_its_first_call(gateway: Gateway) -> None:
    started = {
        (dict(labels)["grpc_service"], dict(labels)["grpc_method"])
        for name, labels in _samples(gateway)
        if name == "grpc_server_started_total"
    }
    for file in (query_service_pb2, schema_service_pb2, table_service_pb2):
        for service in file.DESCRIPTOR.services_by_name.values():
            assert {(service.full_name, method.name) for method in service.methods} <= started


async def test_calls_are_counted_by_their_code(gateway: Gateway) -> None:
    service = "rowgate.v1.QueryService"
    before = _handled(gateway, service, "ExecuteQuery", "unary", "OK")
    refused = _handled(gateway, service, "ExecuteQuery", "unary", "InvalidArgument")
    async with rowgate.connect(gateway.address) as db:
        for _ in range(3):
            await db.query("select 1 as x")
        with pytest.raises(rowgate.InvalidSql):
            await db.query("selec 1")
    assert _handled(gateway, service, "ExecuteQuery", "unary", "OK") == before + 3
    assert _handled(gateway, service, "ExecuteQuery", "unary", "InvalidArgument") == refused + 1


async def test_failed_calls_are_counted_for_the_database_that_they_were_for(gateway: Gateway) -> None:
    def failed() -> dict[tuple[str, str], float]:
        found = ((dict(labels), value) for (name, labels), value in _samples(gateway).items() if "calls_failed" in name)
        return {(labels["database"], labels["reason"]): value for labels, value in found}

    before = failed()
    assert {database for database, _ in before} == {"", "demo"}
    async with rowgate.connect(gateway.address) as db:
        with pytest.raises(rowgate.InvalidSql):
            await db.query("selec 1")
        with pytest.raises(rowgate.UnknownTable):
            await db.using("demo").table("nowhere").first()
        with pytest.raises(rowgate.UnknownTable):
            await db.describe("nowhere")
        with pytest.raises(rowgate.UnknownTable):
            async with db.transaction() as tx:
                await tx.table("nowhere").first()
        with pytest.raises(rowgate.UnknownDatabase):
            await db.using("planted").query("select 1 as x")
    after = failed()
    assert {key: value - before[key] for key, value in after.items() if value != before[key]} == {
        ("demo", "INVALID_SQL"): 1,
        ("demo", "UNKNOWN_TABLE"): 2,
        ("", "UNKNOWN_DATABASE"): 1,
    }


async def test_pools_are_gauged(gateway: Gateway) -> None:
    async with rowgate.connect(gateway.address) as db:
        await db.query("select 1 as x")
    samples = _samples(gateway)
    demo = frozenset({("database", "demo")})
    assert samples["rowgate_pool_max", demo] == 10
    assert samples["rowgate_pool_waiting", demo] == 0
    assert samples["rowgate_pool_idle", demo] + samples["rowgate_pool_in_use", demo] >= 1


async def test_nothing_of_a_call_is_a_label(gateway: Gateway) -> None:
    async with rowgate.connect(gateway.address) as db:
        await db.with_options(tag="planted-tag").query("select 'planted-literal' as x where :p = :p", p="planted-value")
        with pytest.raises(rowgate.UnknownDatabase):
            await db.using("planted-database").query("select 1 as x")
    assert not [key for key in _samples(gateway) if "planted" in str(key)]
