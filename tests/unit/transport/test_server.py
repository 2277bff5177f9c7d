"""The server as it is built: its services, its metrics from the start, its limits towards callers."""

from __future__ import annotations

import dataclasses
from typing import Any

import grpc
import grpc.aio
import pytest
from grpc_health.v1 import health_pb2
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc
from unit.transport.own_services import LARGEST_MESSAGE, Served

from rowgate.v1 import (
    admin_service_pb2,
    query_service_pb2,
    query_service_pb2_grpc,
    schema_service_pb2,
    table_service_pb2,
)
from rowgate.v1.query_service_pb2 import ExecuteQueryRequest
from rowgate_server.transport.interceptors.metrics import CODE_NAMES
from rowgate_server.transport.server import SERVICES, ServerOptions, _channel_arguments

REFLECTION = reflection_pb2.DESCRIPTOR.services_by_name["ServerReflection"]
OPTIONS = ServerOptions(
    max_message_bytes=2 * LARGEST_MESSAGE,
    max_request_bytes=LARGEST_MESSAGE,
    max_concurrent_streams=7,
    keepalive_time=1.5,
    keepalive_timeout=0.25,
    max_connection_age=0,
    max_connection_age_grace=0,
    reflection=True,
)
Question = reflection_pb2.ServerReflectionRequest
FILES = (query_service_pb2, schema_service_pb2, table_service_pb2, admin_service_pb2, health_pb2)


async def _reflect(served: Served, question: Question) -> Any:
    stub: Any = reflection_pb2_grpc.ServerReflectionStub
    (answer,) = [answer async for answer in stub(served.channel).ServerReflectionInfo(iter([question]))]
    return answer


async def test_every_service_of_the_protos_is_served_and_listed(served: Served) -> None:
    services = {service.full_name for file in FILES for service in file.DESCRIPTOR.services_by_name.values()}
    assert set(SERVICES) == services
    answer = await _reflect(served, Question(list_services="*"))
    assert {service.name for service in answer.list_services_response.service} == {*services, REFLECTION.full_name}


async def test_reflection_knows_every_symbol(served: Served) -> None:
    for symbol in (*SERVICES, "rowgate.v1.Value", "rowgate.v1.Table"):
        answer = await _reflect(served, Question(file_containing_symbol=symbol))
        assert answer.file_descriptor_response.file_descriptor_proto, symbol


async def test_metrics_of_every_method_and_code_are_there_before_any_call(served: Served) -> None:
    services = [service for file in FILES for service in file.DESCRIPTOR.services_by_name.values()]
    methods = [(service, method) for service in [*services, REFLECTION] for method in service.methods]
    kinds = {(False, False): "unary", (False, True): "server_stream", (True, True): "bidi_stream"}
    for service, method in methods:
        labels = {
            "grpc_type": kinds[method.client_streaming, method.server_streaming],
            "grpc_service": service.full_name,
            "grpc_method": method.name,
        }
        assert served.metrics.registry.get_sample_value("grpc_server_started_total", labels) == 0, labels
        for code in CODE_NAMES.values():
            found = served.metrics.registry.get_sample_value("grpc_server_handled_total", {**labels, "grpc_code": code})
            assert found == 0, (labels, code)


async def test_a_method_that_is_not_there(served: Served) -> None:
    call: Any = served.channel.unary_unary("/rowgate.v1.QueryService/Nothing")
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await call(b"")
    assert caught.value.code() is grpc.StatusCode.UNIMPLEMENTED


@pytest.mark.parametrize("method", ["ExecuteQuery", "StreamQuery"])
@pytest.mark.parametrize("octets", [b"\xff\xff\xff", b"\x12\x02\xff\xfe", b"\x12\xff"], ids=repr)
async def test_bytes_that_are_no_message_are_answered_and_counted(served: Served, method: str, octets: bytes) -> None:
    channel: Any = served.channel
    kind = channel.unary_unary if method == "ExecuteQuery" else channel.unary_stream
    call = kind(f"/rowgate.v1.QueryService/{method}")(octets)
    assert await call.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert "Error" not in await call.details()
    assert "UTF-8" in await call.details()
    labels = {
        "grpc_type": "unary" if method == "ExecuteQuery" else "server_stream",
        "grpc_service": "rowgate.v1.QueryService",
        "grpc_method": method,
        "grpc_code": "InvalidArgument",
    }
    assert served.metrics.registry.get_sample_value("grpc_server_handled_total", labels) == 1


async def test_no_bytes_are_the_empty_message(served: Served) -> None:
    channel: Any = served.channel
    answer = await channel.unary_unary("/rowgate.v1.SchemaService/ListDatabases")(b"")
    assert schema_service_pb2.ListDatabasesResponse.FromString(answer).databases[0].name == "main"


async def test_a_message_over_the_limit_is_refused(served: Served) -> None:
    stub: Any = query_service_pb2_grpc.QueryServiceStub(served.channel)
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await stub.ExecuteQuery(ExecuteQueryRequest(sql="x" * LARGEST_MESSAGE))
    assert caught.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED


HEADERS = {"long": (("x-long", "x" * 17_000),), "many": tuple((f"x-{number:04}", "v") for number in range(450))}
"""Of both there are more than 16 KiB, and less than the 20 to which gRPC takes some and refuses others."""


@pytest.mark.parametrize("headers", HEADERS)
async def test_headers_over_the_limit_are_refused_each_time(served: Served, headers: str) -> None:
    stub: Any = query_service_pb2_grpc.QueryServiceStub(served.channel)
    for _ in range(12):
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await stub.ExecuteQuery(ExecuteQueryRequest(sql="select 1"), metadata=HEADERS[headers])
        assert caught.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED


def test_seconds_are_handed_to_the_core_in_milliseconds() -> None:
    arguments = dict(_channel_arguments(OPTIONS))
    assert arguments["grpc.keepalive_time_ms"] == 1500
    assert arguments["grpc.keepalive_timeout_ms"] == arguments["grpc.http2.ping_timeout_ms"] == 250
    assert arguments["grpc.max_concurrent_streams"] == 7
    assert arguments["grpc.so_reuseport"] == 0


def test_connections_grow_as_old_as_they_may() -> None:
    for_ever = dict(_channel_arguments(OPTIONS))
    assert "grpc.max_connection_age_ms" not in for_ever, "0 is never"
    bounded = dict(_channel_arguments(dataclasses.replace(OPTIONS, max_connection_age=60, max_connection_age_grace=5)))
    assert bounded["grpc.max_connection_age_ms"] == 60_000
    assert bounded["grpc.max_connection_age_grace_ms"] == 5_000
