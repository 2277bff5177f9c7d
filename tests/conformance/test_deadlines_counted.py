"""Calls that end at their caller's own deadline: what `/metrics` tells of them is the same however close it was."""

from __future__ import annotations

import asyncio
from collections import Counter

import grpc.aio
import pytest

from rowgate.v1 import query_service_pb2, query_service_pb2_grpc
from support.engines import Engine
from support.eventually import eventually
from support.process import Gateway
from support.scraped import total

CALLS = 3


def told(gateway: Gateway, engine: Engine) -> Counter[str]:
    failed = {"database": engine.name, "reason": "STATEMENT_TIMEOUT"}
    dropped = {
        reason: total(gateway, "rowgate_pool_connections_invalidated_total", database=engine.name, reason=reason)
        for reason in ("killed", "dead")
    }
    return Counter({"failed": int(total(gateway, "rowgate_calls_failed_total", **failed))}) + Counter(
        {reason: int(count) for reason, count in dropped.items()}
    )


async def test_each_has_its_database_and_its_reason_and_its_connection_was_killed(
    gateway: Gateway, engine: Engine, queries: query_service_pb2_grpc.QueryServiceAsyncStub
) -> None:
    before = told(gateway, engine)

    async def call() -> None:
        request = query_service_pb2.ExecuteQueryRequest(database=engine.name, sql=engine.endless)
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await queries.ExecuteQuery(request, timeout=1)
        assert caught.value.code() is grpc.StatusCode.DEADLINE_EXCEEDED

    await asyncio.gather(*(call() for _ in range(CALLS)))
    await eventually(lambda: (told(gateway, engine) - before).total() >= 2 * CALLS, 10, "all has ended")
    assert told(gateway, engine) - before == {"failed": CALLS, "killed": CALLS}
