from __future__ import annotations

import asyncio

import grpc
import pytest
from unit.client.scripted import Fault, Hang, ScriptedGateway, answer, head, product, tail

import rowgate
from rowgate.v1.query_service_pb2 import StreamQueryResponse


async def test_a_call_has_a_deadline_by_default(target: str, gateway: ScriptedGateway) -> None:
    gateway.will(answer(), [head(), tail()])
    async with rowgate.connect(target) as db:
        await db.query("select 1")
        assert [row async for row in db.stream("select 1")] == []
    for call in gateway.received:
        assert call.seconds is not None
        assert 20 < call.seconds < 31  # gRPC sends three digits, rounded up


async def test_no_timeout_is_no_deadline(db: rowgate.Client, gateway: ScriptedGateway) -> None:
    gateway.will(answer())
    await db.with_options(timeout=None).query("select 1")
    assert gateway.received[0].seconds is None
    assert not gateway.request.options.HasField("timeout")


@pytest.mark.parametrize(("seconds", "head_start"), [(20.0, 0.25), (1.0, 0.2), (0.5, 0.1)])
async def test_the_gateway_is_told_to_end_a_little_before_the_deadline(
    db: rowgate.Client, gateway: ScriptedGateway, seconds: float, head_start: float
) -> None:
    gateway.will(answer())
    await db.with_options(timeout=seconds).query("select 1")
    told = gateway.request.options.timeout.ToTimedelta().total_seconds()
    assert seconds - head_start - 0.1 < told <= seconds - head_start


@pytest.mark.parametrize("start", [[], [head(product(1))]])
async def test_a_gateway_that_does_not_answer_runs_into_the_deadline(
    db: rowgate.Client, gateway: ScriptedGateway, start: list[StreamQueryResponse]
) -> None:
    gateway.will(Hang(), [*start, Hang()])
    hurried = db.with_options(timeout=0.2)
    with pytest.raises(rowgate.DeadlineExceeded) as caught:
        await hurried.query("select 1")
    assert caught.value.outcome is rowgate.Outcome.UNKNOWN
    with pytest.raises(rowgate.DeadlineExceeded):
        assert [row async for row in hurried.stream("select 1")]


async def test_the_gateways_own_limit_and_the_clients_are_both_timeouts(
    db: rowgate.Client, gateway: ScriptedGateway
) -> None:
    limit = {"limit": "server 5s", "outcome": "ROLLED_BACK"}
    gateway.will(Fault(grpc.StatusCode.DEADLINE_EXCEEDED, "STATEMENT_TIMEOUT", metadata=limit))
    with pytest.raises(rowgate.Timeout) as caught:
        await db.query("select 1")
    assert isinstance(caught.value, rowgate.StatementTimeout)
    assert caught.value.metadata["limit"] == "server 5s"


async def test_a_streams_time_begins_when_it_is_opened(db: rowgate.Client, gateway: ScriptedGateway) -> None:
    gateway.will([head(), tail()])
    stream = db.with_options(timeout=1).stream("select 1")
    await asyncio.sleep(1.1)
    assert [row async for row in stream] == []
