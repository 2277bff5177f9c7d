"""SIGTERM to a gateway that listens on a socket file: its callers make their calls again, as everywhere else."""

from __future__ import annotations

import asyncio
from collections import Counter
from pathlib import Path
from typing import Any

import grpc.aio

from rowgate.v1 import query_service_pb2, query_service_pb2_grpc
from support.eventually import eventually
from support.process import Gateway


async def test_no_call_fails_otherwise_than_as_unavailable(tmp_path: Path) -> None:
    address = f"unix:{tmp_path / 'socket'}"
    ended: Counter[str] = Counter()
    with Gateway.start("--demo", environment={"ROWGATE_LISTEN": address}) as gateway:
        channels = [grpc.aio.insecure_channel(address, [("grpc.use_local_subchannel_pool", 1)]) for _ in range(3)]
        callers = [asyncio.create_task(_load(channel, ended)) for channel in channels for _ in range(5)]
        await eventually(lambda: ended["OK"] > 100, 10, "calls were served")
        assert await asyncio.to_thread(gateway.terminate) == 0
        await eventually(lambda: ended["UNAVAILABLE"] > 0, 10, "nobody is there")
        for caller in callers:
            caller.cancel()
        await asyncio.gather(*callers, return_exceptions=True)
        for channel in channels:
            await channel.close()
    assert ended.keys() == {"OK", "UNAVAILABLE"}
    assert not (tmp_path / "socket").exists()


async def _load(channel: grpc.aio.Channel, ended: Counter[str]) -> None:
    stub: Any = query_service_pb2_grpc.QueryServiceStub(channel)
    while True:
        try:
            await stub.ExecuteQuery(query_service_pb2.ExecuteQueryRequest(sql="select 1 as one"), timeout=5)
            ended["OK"] += 1
        except grpc.aio.AioRpcError as error:
            ended[error.code().name] += 1
        await asyncio.sleep(0.002)
