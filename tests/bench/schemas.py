"""`python -m bench.schemas`: what the tree of a very large schema costs, and what everybody else feels of it."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import math
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from statistics import median
from time import perf_counter
from typing import Any

import grpc.aio
from grpc_health.v1 import health_pb2, health_pb2_grpc

from bench import lag
from bench.machine import describe
from bench.schema_site import ENGINES, filled, table_name
from bench.usage import peak_resident, resident
from rowgate.v1 import schema_service_pb2, schema_service_pb2_grpc, table_service_pb2, table_service_pb2_grpc
from support.mariadb import MariaDB
from support.postgresql import PostgreSQL
from support.process import Gateway

_UNCHANGED, _UNSEEN, _CALLERS = 200, 60, 100
_MESSAGE = 64 * 2**20


@dataclass
class Found:
    """The figures of one engine; seconds and bytes."""

    engine: str
    tables: int
    columns: int = 0
    first_tree: float = 0.0
    unchanged: list[float] = field(default_factory=list)
    unseen: list[float] = field(default_factory=list)
    refresh: float = 0.0
    together: float = 0.0
    lag: dict[str, float] = field(default_factory=dict)
    pings: dict[str, float] = field(default_factory=dict)
    resident: dict[str, int] = field(default_factory=dict)
    peak: int = 0


class Site:
    """One gateway, and the calls that are measured."""

    def __init__(self, gateway: Gateway, found: Found) -> None:
        self._gateway = gateway
        self._found = found
        self._channel = grpc.aio.insecure_channel(
            gateway.address, options=[("grpc.max_receive_message_length", _MESSAGE)]
        )
        self._schemas: Any = schema_service_pb2_grpc.SchemaServiceStub(self._channel)
        self._tables: Any = table_service_pb2_grpc.TableServiceStub(self._channel)
        self._health: Any = health_pb2_grpc.HealthStub(self._channel)

    async def measure(self) -> None:
        """Everything, in an order that tells each thing alone."""
        await self._health.Check(health_pb2.HealthCheckRequest())
        self._found.resident["at the start"] = self._resident()
        async with self._watched("first tree"):
            began = perf_counter()
            etag, self._found.columns = await self._tree()
            self._found.first_tree = perf_counter() - began
        self._found.resident["with the tree"] = self._resident()
        self._found.unchanged = [await self._timed(self._tree(etag)) for _ in range(_UNCHANGED)]
        step = max(1, self._found.tables // _UNSEEN)
        for number in range(0, self._found.tables, step):
            self._found.unseen.append(await self._timed(self._row(table_name(number))))
        async with self._watched("refresh"):
            request = schema_service_pb2.RefreshSchemaRequest()
            self._found.refresh = await self._timed(self._schemas.RefreshSchema(request))
        self._found.resident["after a refresh"] = self._resident()
        self._found.peak = peak_resident(self._gateway.child.pid)

    async def crowd(self) -> None:
        """A hundred callers who all want the tree that nobody has read yet."""
        async with self._watched("100 callers"):
            began = perf_counter()
            await asyncio.gather(*(self._bytes() for _ in range(_CALLERS)))
            self._found.together = perf_counter() - began
        self._found.peak = max(self._found.peak, peak_resident(self._gateway.child.pid))

    async def close(self) -> None:
        """Hang up."""
        await self._channel.close()

    async def _tree(self, etag: str = "") -> tuple[str, int]:
        columns, found = 0, ""
        async for piece in self._schemas.GetSchemaTree(schema_service_pb2.GetSchemaTreeRequest(etag=etag)):
            found = piece.etag
            columns += sum(len(table.columns) for table in piece.tables)
        return found, columns

    async def _bytes(self) -> None:
        """The tree without a look at it: a hundred callers in one process would measure their own slowness."""
        call: Any = self._channel.unary_stream("/rowgate.v1.SchemaService/GetSchemaTree")
        async for _ in call(b""):
            pass

    async def _row(self, table: str) -> None:
        await self._tables.ListRows(table_service_pb2.ListRowsRequest(table=table, page_size=1))

    @staticmethod
    async def _timed(call: Any) -> float:
        began = perf_counter()
        await call
        return perf_counter() - began

    @contextlib.asynccontextmanager
    async def _watched(self, what: str) -> AsyncIterator[None]:
        """How late the gateway's loop is meanwhile, and how long another caller's smallest call takes."""
        before = await asyncio.to_thread(lag.read, self._gateway.admin_address)
        pings: list[float] = []
        pinging = asyncio.create_task(self._ping(pings))
        try:
            yield
        finally:
            pinging.cancel()
        await asyncio.sleep(0.1)
        after = await asyncio.to_thread(lag.read, self._gateway.admin_address)
        self._found.lag[what] = lag.percentile(before, after, 100) or math.nan
        self._found.pings[what] = max(pings, default=math.nan)

    async def _ping(self, pings: list[float]) -> None:
        while True:
            pings.append(await self._timed(self._health.Check(health_pb2.HealthCheckRequest())))
            await asyncio.sleep(0.005)

    def _resident(self) -> int:
        return resident(self._gateway.child.pid)


async def _measure(engine: str, tables: int) -> Found:
    found = Found(engine, tables)
    with filled(engine, tables) as server:
        environment = {
            "ROWGATE_DATABASES__MAIN__URL": server.url,
            "ROWGATE_LOG__LEVEL": "warning",
            "ROWGATE_DATABASES__MAIN__TIMEOUTS__STATEMENT": "300s",
            "ROWGATE_DATABASES__MAIN__CATALOG__LOAD_TIMEOUT": "300s",
        }
        for part in (Site.measure, Site.crowd):
            with Gateway.start(environment=environment) as gateway:
                site = Site(gateway, found)
                await part(site)
                await site.close()
                gateway.terminate()
    return found


def _lines(found: Found) -> list[tuple[str, str]]:
    unseen, unchanged = sorted(found.unseen), sorted(found.unchanged)
    mebibytes = {what: f"{size / 2**20:.0f} MiB" for what, size in found.resident.items()}
    return [
        ("tables, columns", f"{found.tables:,}, {found.columns:,}"),
        ("first tree", f"{found.first_tree:.2f} s"),
        ("read anew (RefreshSchema)", f"{found.refresh:.2f} s"),
        ("unchanged tree, median and worst", f"{_ms(median(unchanged))}, {_ms(unchanged[-1])}"),
        ("first call on a table not seen before, median and worst", f"{_ms(median(unseen))}, {_ms(unseen[-1])}"),
        ("100 callers at once, all answered", f"{found.together:.2f} s"),
        *((f"event loop late at most, {what}", f"{_ms(late)}") for what, late in found.lag.items()),
        *((f"another caller's longest wait, {what}", f"{_ms(wait)}") for what, wait in found.pings.items()),
        *((f"resident {what}", size) for what, size in mebibytes.items()),
        ("most resident", f"{found.peak / 2**20:.0f} MiB"),
    ]


def _ms(seconds: float) -> str:
    return f"{seconds * 1000:.1f} ms"


def main() -> int:
    """Measures and prints; returns the exit code."""
    parser = argparse.ArgumentParser(prog="bench.schemas", description=__doc__)
    parser.add_argument("--tables", type=int, default=10_000, metavar="N", help="how many tables (10,000)")
    parser.add_argument("--engines", default=",".join(ENGINES), metavar="NAME,...", help=", ".join(ENGINES))
    options = parser.parse_args()
    engines = options.engines.split(",")
    for what, which in describe(MariaDB.version()).lines():
        sys.stdout.write(f"{what}: {which}\n")
    sys.stdout.write(f"PostgreSQL: {PostgreSQL.version()}\n")
    founds = [asyncio.run(_measure(engine, options.tables)) for engine in engines]
    sys.stdout.write(f"\n| | {' | '.join(engines)} |\n|---|{'---|' * len(engines)}\n")
    for rows in zip(*map(_lines, founds), strict=True):
        sys.stdout.write(f"| {rows[0][0]} | {' | '.join(value for _, value in rows)} |\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
