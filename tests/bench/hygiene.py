"""What it costs to wipe sessions clean: `make bench-hygiene`.

Two gateways with the same databases, one of which does not do it (`unclean`), are asked for a row by its key in turns.
CPU time is the gateway's; the median of the rounds' own differences is what counts.
"""

from __future__ import annotations

import asyncio
import contextlib
import statistics
import sys
from collections.abc import Iterator
from typing import Any

import grpc.aio

from bench.machine import load
from bench.usage import cpu_seconds
from rowgate.v1 import query_service_pb2 as pb
from rowgate.v1 import query_service_pb2_grpc
from rowgate.v1.value_pb2 import Value
from support.available import ROOT
from support.mariadb import MariaDB
from support.postgresql import PostgreSQL
from support.process import Gateway

ROUNDS, EACH, AT_ONCE, ROWS = 7, 2000, 16, 1000
MOST = 0.15
"""The part of a call's CPU that it may cost."""
SELECT = "select id, name, price, qty from bench_clean where id = :id"
SETUP = (
    "create table bench_clean (id integer primary key, name varchar(20), price decimal(8, 2), qty integer)",
    "insert into bench_clean values "
    + ", ".join(f"({number}, 'item {number}', {number}.25, {number % 7})" for number in range(ROWS)),
)


@contextlib.contextmanager
def serving() -> Iterator[list[Gateway]]:
    """A gateway that resets, and one that does not."""
    with contextlib.ExitStack() as stack:
        urls = {
            "MARIADB": stack.enter_context(MariaDB.start()).url,
            "POSTGRESQL": stack.enter_context(PostgreSQL.start()).url,
        }
        environment = {f"ROWGATE_DATABASES__{name}__URL": url for name, url in urls.items()}
        environment |= {"PYTHONPATH": str(ROOT / "tests"), "ROWGATE_LOG__LEVEL": "warning"}
        yield [
            stack.enter_context(Gateway.start(environment=environment, module=module))
            for module in ("rowgate_server", "bench.unclean")
        ]


async def cost(gateway: Gateway, stub: Any, engine: str) -> float:
    """Microseconds of the gateway's CPU for a call."""
    numbers = iter(range(EACH))

    async def caller() -> None:
        for number in numbers:
            parameters = {"id": Value(int_value=number % ROWS)}
            await stub.ExecuteQuery(pb.ExecuteQueryRequest(database=engine, sql=SELECT, params=parameters))

    before = cpu_seconds(gateway.child.pid)
    await asyncio.gather(*(caller() for _ in range(AT_ONCE)))
    return (cpu_seconds(gateway.child.pid) - before) / EACH * 1e6


async def measure(gateways: list[Gateway]) -> dict[str, list[list[float]]]:
    """By engine and round, what a call costs with and without."""
    found: dict[str, list[list[float]]] = {}
    async with contextlib.AsyncExitStack() as stack:
        channels = [await stack.enter_async_context(grpc.aio.insecure_channel(each.address)) for each in gateways]
        stubs: list[Any] = [query_service_pb2_grpc.QueryServiceStub(channel) for channel in channels]
        for engine in ("mariadb", "postgresql"):
            for sql in SETUP:
                await stubs[0].ExecuteQuery(pb.ExecuteQueryRequest(database=engine, sql=sql))
            pairs = list(zip(gateways, stubs, strict=True))
            for number in range(ROUNDS + 1):
                turn = [await cost(*pair, engine) for pair in pairs[:: 1 if number % 2 else -1]]
                if number:  # the first warms up
                    found.setdefault(engine, []).append(turn[:: 1 if number % 2 else -1])
    return found


def main() -> int:
    """Print the table; 1 where it costs more than it may."""
    before = load()
    with serving() as gateways:
        found = asyncio.run(measure(gateways))
    write = sys.stdout.write
    write(f"load average {before} before, {load()} after\n\n")
    write("| | with, CPU µs | without, CPU µs | share | spread |\n|---|---:|---:|---:|---:|\n")
    worst = 0.0
    for engine, rounds in found.items():
        shares = sorted((clean - unclean) / clean for clean, unclean in rounds)
        clean, unclean = (statistics.median(each) for each in zip(*rounds, strict=True))
        worst = max(worst, statistics.median(shares))
        write(
            f"| {engine} | {clean:,.0f} | {unclean:,.0f} | {statistics.median(shares):.0%} | "
            f"{shares[0]:.0%} to {shares[-1]:.0%} |\n"
        )
    return int(worst > MOST)


if __name__ == "__main__":
    sys.exit(main())
