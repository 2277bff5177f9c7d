"""Asks a running gateway for its health, as a container's health check does."""

from __future__ import annotations

from typing import Any

import grpc.aio
from grpc_health.v1 import health_pb2, health_pb2_grpc


async def healthcheck(address: str, service: str, timeout: float) -> str:  # noqa: ASYNC109 - it is the call's deadline
    """The gateway's answer about one service name: SERVING, NOT_SERVING, or the code that the call failed with."""
    async with grpc.aio.insecure_channel(address) as channel:
        stub: Any = health_pb2_grpc.HealthStub(channel)
        try:
            response = await stub.Check(health_pb2.HealthCheckRequest(service=service), timeout=timeout)
        except grpc.aio.AioRpcError as error:
            return error.code().name
    return health_pb2.HealthCheckResponse.ServingStatus.Name(response.status)
