"""Calls of methods that are not there: refused as ever, counted as one method, and one line each."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import grpc
import grpc.aio
import pytest
from unit.transport.own_services import Served
from unit.transport.test_authentication import guarded

from rowgate_server.observability.metrics import Metrics
from rowgate_server.transport.interceptors.unknown import UNKNOWN

METHODS = ["/rowgate.v1.QueryService/Nothing", "/planted.Service/Planted", "/x", "/" + "y" * 5000 + "/z"]


def counted(metrics: Metrics, name: str, **labels: str) -> float:
    value = metrics.registry.get_sample_value(name, {**UNKNOWN._asdict(), **labels})
    assert value is not None, "it is there from the start"
    return value


@pytest.mark.parametrize("kind", ["unary_unary", "unary_stream", "stream_unary", "stream_stream"])
async def test_whatever_is_asked_for_is_counted_as_one_method_and_logged_once(
    served: Served, log: io.StringIO, kind: str
) -> None:
    assert counted(served.metrics, "grpc_server_started_total") == 0
    for method in METHODS:
        call: Any = getattr(served.channel, kind)(method)
        # Nothing is streamed: grpc.aio's client calls it INTERNAL when the answer comes before its request is written.
        ended = call() if kind.startswith("stream") else call(b"planted")
        assert await ended.code() is grpc.StatusCode.UNIMPLEMENTED
        assert await ended.details() == "Method not found!"
    assert counted(served.metrics, "grpc_server_started_total") == len(METHODS)
    assert counted(served.metrics, "grpc_server_handled_total", grpc_code="Unimplemented") == len(METHODS)
    lines = [json.loads(line) for line in log.getvalue().splitlines()]
    lines = [line for line in lines if line["event"] == "call"]
    assert [line["asked"] for line in lines] == [method[:128] for method in METHODS]
    assert {(line["method"], line["code"], line["level"]) for line in lines} == {
        ("unknown/unknown", "UNIMPLEMENTED", "info")
    }
    series = [str(sample.labels) for family in served.metrics.registry.collect() for sample in family.samples]
    assert not [labels for labels in series if "lanted" in labels or "yyy" in labels]


async def test_strangers_are_told_too_that_it_is_not_there(tmp_path: Path) -> None:
    """Clients look so for the newer of two reflection services, and take the older one."""
    policy = tmp_path / "policy.yaml"
    policy.write_text("{roles: {reader: {rules: [{database: main, table: things, allow: [read]}]}}}")
    async with guarded(tmp_path, policy__path=str(policy)) as (gateway, channel):
        call: Any = channel.unary_unary(METHODS[0])
        assert await call(b"").code() is grpc.StatusCode.UNIMPLEMENTED
        assert counted(gateway.metrics, "grpc_server_handled_total", grpc_code="Unimplemented") == 1


async def test_the_answer_has_the_correlation_id(served: Served) -> None:
    call: Any = served.channel.unary_unary(METHODS[0])
    ended = call(b"", metadata=(("x-request-id", "my-request"),))
    assert await ended.code() is grpc.StatusCode.UNIMPLEMENTED
    assert dict(await ended.trailing_metadata())["x-request-id"] == "my-request"
