"""The floor under anything that speaks gRPC from Python: a bare grpc.aio server that answers with Rowgate's own bytes.

It asks the gateway each question once as it starts, keeps the answers as they came off the wire, and gives them to
whoever calls.
`python -m bench.contenders.echo GATEWAY_ADDRESS ROWS ENCODING...`
"""

from __future__ import annotations

import asyncio
import signal
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any

import grpc
import grpc.aio
from grpc_health.v1 import health_pb2, health_pb2_grpc

from bench.common import HOST, say_ready
from bench.contender import Contender, Running, Site, started
from bench.contenders.gateway import GrpcCaller, execute_request, insert_request, scan_request
from bench.work import PAGE, POINT, Encoding
from rowgate.v1 import query_service_pb2

SERVICE = "bench.Echo"
RECORDED_KEY = 1
_QUERIES = "/rowgate.v1.QueryService"


@dataclass(frozen=True, slots=True)
class Recording:
    """The gateway's answers, as bytes."""

    unary: dict[str, bytes]
    streams: dict[str, list[bytes]]

    @classmethod
    async def of(cls, address: str, rows: int, encodings: Sequence[Encoding]) -> Recording:
        """Asks the gateway each question once."""
        async with grpc.aio.insecure_channel(address) as channel:
            execute: Any = channel.unary_unary(f"{_QUERIES}/ExecuteQuery")
            stream: Any = channel.unary_stream(f"{_QUERIES}/StreamQuery")
            questions = {
                "point": execute_request(POINT, id=RECORDED_KEY),
                "page": execute_request(PAGE, after=0),
                "insert": insert_request(),
            }
            return cls(
                {name: await execute(request.SerializeToString()) for name, request in questions.items()},
                {
                    encoding: [message async for message in stream(scan_request(rows, encoding).SerializeToString())]
                    for encoding in encodings
                },
            )


class EchoCaller(GrpcCaller):
    """Sends and parses what the gateway's caller does; only the methods have other names."""

    def __init__(self, address: str) -> None:
        super().__init__(address)
        self._point, self._page, self._insert = (
            self._channel.unary_unary(
                f"/{SERVICE}/{name}",
                request_serializer=query_service_pb2.ExecuteQueryRequest.SerializeToString,
                response_deserializer=query_service_pb2.ExecuteQueryResponse.FromString,
            )
            for name in ("point", "page", "insert")
        )
        self._scans = {
            encoding: self._channel.unary_stream(
                f"/{SERVICE}/{encoding}",
                request_serializer=query_service_pb2.StreamQueryRequest.SerializeToString,
                response_deserializer=query_service_pb2.StreamQueryResponse.FromString,
            )
            for encoding in Encoding
        }


class _Health(health_pb2_grpc.HealthServicer):
    async def Check(self, _request: Any, _context: Any) -> health_pb2.HealthCheckResponse:
        return health_pb2.HealthCheckResponse(status=health_pb2.HealthCheckResponse.SERVING)


def _unary(answer: bytes) -> Any:
    async def handle(_request: bytes, _context: Any) -> bytes:
        return answer

    return grpc.unary_unary_rpc_method_handler(handle)


def _streaming(messages: list[bytes]) -> Any:
    async def handle(_request: bytes, _context: Any) -> AsyncIterator[bytes]:
        for message in messages:
            yield message

    return grpc.unary_stream_rpc_method_handler(handle)


async def serve(address: str, rows: int, encodings: Sequence[Encoding]) -> None:
    """Records, then answers until it is told to stop."""
    recording = await Recording.of(address, rows, encodings)
    handlers = {name: _unary(answer) for name, answer in recording.unary.items()}
    handlers |= {name: _streaming(messages) for name, messages in recording.streams.items()}
    server = grpc.aio.server()
    server.add_generic_rpc_handlers([grpc.method_handlers_generic_handler(SERVICE, handlers)])
    health_pb2_grpc.add_HealthServicer_to_server(_Health(), server)
    port = server.add_insecure_port(f"{HOST}:0")
    await server.start()
    stopped = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stopped.set)
    say_ready(port)
    await stopped.wait()
    await server.stop(1)


def _start(site: Site) -> AbstractContextManager[Running]:
    return started("bench.contenders.echo", site.gateway_address, str(site.rows), *site.encodings)


CONTENDER = Contender(
    "echo", "A bare grpc.aio server that repeats Rowgate's bytes", EchoCaller, _start, tuple(Encoding)
)

if __name__ == "__main__":
    asyncio.run(serve(sys.argv[1], int(sys.argv[2]), [Encoding(name) for name in sys.argv[3:]]))
