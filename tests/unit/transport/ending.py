"""A server of the tests' own that can be ended: nothing but it, the calls under way, and its connections."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any, cast

import grpc.aio
from unit.transport.wrapped import MOST_REQUESTED, MOST_UNREAD, Service, request, unguarded

from rowgate.v1 import query_service_pb2_grpc
from rowgate_server.observability.metrics import Metrics
from rowgate_server.transport import connections
from rowgate_server.transport.draining import Draining, DrainTimes
from rowgate_server.transport.health import Health
from rowgate_server.transport.interceptors import Chain
from rowgate_server.transport.interceptors.requests import Requests
from rowgate_server.transport.interceptors.underway import CallsUnderWay
from rowgate_server.transport.interceptors.unread import Unread
from rowgate_server.transport.transacting import Transacting


class Silent:
    """In the place of health and transactions, which have nothing to do here."""

    def drain(self) -> None:
        pass

    def close(self) -> None:
        pass

    def stop(self, grace: float) -> None:
        pass


@dataclass
class Ending:
    service: Service
    calls: CallsUnderWay
    port: connections.Place
    stub: Any
    draining: Draining

    async def held(self) -> tuple[Any, asyncio.Event]:
        """A call that is under way, and what lets it end."""
        go_on = asyncio.Event()

        async def wait(_: Any) -> None:
            await go_on.wait()

        self.service.behaviours["wait"] = wait
        call = self.stub.ExecuteQuery(request("wait"))
        await self.service.entered.wait()
        return call, go_on

    def brief(self, **how: Any) -> Any:
        """A call that ends at once."""

        async def nothing(_: Any) -> None:
            pass

        self.service.behaviours["nothing"] = nothing
        return self.stub.ExecuteQuery(request("nothing"), **how)

    def peers(self) -> list[str]:
        """The connections to the server, by their other ends."""
        peers = []
        for found in connections._sockets_of(self.port):
            with contextlib.suppress(OSError):  # it is being closed, or listens
                peers.append(connections.peer_of(found))
        return peers

    def hang_up(self, told: dict[str, float], *, plain: bool = True) -> int:
        return connections.hang_up(self.port, connections.Peers(), told, plain=plain)

    async def drain(self, grace: float) -> None:
        await self.draining.drain(DrainTimes(grace, 0), asyncio.Event())


@contextlib.asynccontextmanager
async def ending(*, plain: bool = False, path: str = "") -> AsyncIterator[Ending]:
    """`plain`: whether its callers can be told to leave, as if nothing encrypted their connections.

    `path`: the socket file that it listens on, instead of a port.
    """
    service, calls, silent = Service(), CallsUnderWay(), Silent()
    server = grpc.aio.server()
    chain: Any = Chain(server, unguarded(Metrics(), calls), calls, Requests(MOST_REQUESTED), Unread(MOST_UNREAD))
    query_service_pb2_grpc.add_QueryServiceServicer_to_server(service, chain)
    bound = server.add_insecure_port(f"unix:{path}" if path else "127.0.0.1:0")
    address, port = (f"unix:{path}", path) if path else (f"127.0.0.1:{bound}", bound)
    await server.start()
    async with grpc.aio.insecure_channel(address) as channel:
        stub: Any = query_service_pb2_grpc.QueryServiceStub(channel)
        health, transacting = cast("Health", silent), cast("Transacting", silent)
        draining = Draining(server, port, health, calls, transacting, lambda: 0, plain=plain)
        yield Ending(service, calls, port, stub, draining)
    await server.stop(None)
