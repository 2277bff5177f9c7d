"""What a transaction costs the gateway beside four calls of their own: `make bench-transactions`.

A transaction is four requests: begin, two statements, commit. It is measured beside four ExecuteQuery calls, each of
which is a transaction of its own, in turns, on each engine: once with reads alone, once with a read and a write. CPU
time is the gateway's.
"""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
import statistics
import sys
import tempfile
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import grpc.aio

from bench.usage import cpu_seconds
from rowgate.v1 import query_service_pb2 as pb
from rowgate.v1 import query_service_pb2_grpc, transact_pb2
from rowgate.v1.value_pb2 import Value
from support.mariadb import MariaDB
from support.postgresql import PostgreSQL
from support.process import Gateway

ENGINES = ("mariadb", "postgresql", "sqlite")
ROUNDS, EACH = 3, 200
READ, WRITE = "select n from bench_accounts where id = ?", "update bench_accounts set n = n + 1 where id = ?"
SETUP = (
    "create table bench_accounts (id integer primary key, n integer not null)",
    *(f"insert into bench_accounts values ({number}, 0)" for number in range(10)),
)
MOST = 1.5
"""The bound on the ratio."""


@contextlib.contextmanager
def serving() -> Iterator[Gateway]:
    """A gateway of one throwaway database of each kind."""
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        with contextlib.closing(sqlite3.connect(folder / "bench.db")) as connection:
            connection.execute("pragma journal_mode = wal")
        urls = {
            "MARIADB": stack.enter_context(MariaDB.start()).url,
            "POSTGRESQL": stack.enter_context(PostgreSQL.start()).url,
            "SQLITE": f"sqlite:///{folder / 'bench.db'}",
        }
        yield stack.enter_context(
            Gateway.start(environment={f"ROWGATE_DATABASES__{name}__URL": url for name, url in urls.items()})
        )


def statement(sql: str, number: int, database: str = "") -> pb.ExecuteQueryRequest:
    return pb.ExecuteQueryRequest(database=database, sql=sql, positional_params=[Value(int_value=number % 10)])


WORK = {"two reads": (READ, READ), "a read and a write": (READ, WRITE)}

Figures = dict[tuple[str, str], tuple[float, float]]


async def calls(stub: Any, engine: str, number: int, pair: tuple[str, str]) -> None:
    """Four calls, each a transaction of its own."""
    for sql in pair * 2:
        await stub.ExecuteQuery(statement(sql, number, engine))


async def transaction(stub: Any, engine: str, number: int, pair: tuple[str, str]) -> None:
    """One transaction, each request waiting for the answer to the one before."""
    call = stub.Transact()
    for request in (
        pb.TransactRequest(begin=transact_pb2.BeginTransaction(database=engine)),
        pb.TransactRequest(execute_query=statement(pair[0], number)),
        pb.TransactRequest(execute_query=statement(pair[1], number)),
        pb.TransactRequest(commit=transact_pb2.Commit()),
    ):
        await call.write(request)
        answer = await call.read()
        if not answer.last or answer.HasField("error"):
            raise RuntimeError(f"no whole answer: {answer}")
    await call.done_writing()
    await call.read()


async def measure(gateway: Gateway) -> Figures:
    """Microseconds of CPU by engine and work: of four calls, and of a transaction."""
    found: Figures = {}
    async with grpc.aio.insecure_channel(gateway.address) as channel:
        stub: Any = query_service_pb2_grpc.QueryServiceStub(channel)
        for engine in ENGINES:
            for sql in SETUP:
                await stub.ExecuteQuery(pb.ExecuteQueryRequest(database=engine, sql=sql))
            for name, pair in WORK.items():
                rounds = [
                    [await cost(gateway, ask, stub, engine, pair) for ask in (calls, transaction)]
                    for _ in range(ROUNDS + 1)
                ][1:]  # the first warms up
                four, one = (statistics.median(each) for each in zip(*rounds, strict=True))
                found[engine, name] = (four, one)
    return found


async def cost(
    gateway: Gateway, ask: Callable[..., Awaitable[None]], stub: Any, engine: str, pair: tuple[str, str]
) -> float:
    """Microseconds of the gateway's CPU that one of them costs."""
    before = cpu_seconds(gateway.child.pid)
    for number in range(EACH):
        await ask(stub, engine, number, pair)
    return (cpu_seconds(gateway.child.pid) - before) / EACH * 1e6


def main() -> int:
    """Print the table; 1 if a transaction costs more than it may."""
    with serving() as gateway:
        found = asyncio.run(measure(gateway))
    write = sys.stdout.write
    write("| | statements | four calls, CPU µs | a transaction, CPU µs | ratio |\n|---|---|---:|---:|---:|\n")
    for (engine, name), (four, one) in found.items():
        write(f"| {engine} | {name} | {four:,.0f} | {one:,.0f} | {one / four:.2f}x |\n")
    return int(any(one > MOST * four for four, one in found.values()))


if __name__ == "__main__":
    sys.exit(main())
