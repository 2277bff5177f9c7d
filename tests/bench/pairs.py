"""Two gateways beside each other, asked the same in turns: the CPU that each takes for a call."""

from __future__ import annotations

import os
import sqlite3
import statistics
from collections.abc import Awaitable, Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import grpc.aio

from rowgate.v1 import query_service_pb2, query_service_pb2_grpc, table_service_pb2, table_service_pb2_grpc, value_pb2
from support.process import Gateway

ROUNDS, CALLS = 15, 1000
_TICKS = os.sysconf("SC_CLK_TCK")
_SQL = query_service_pb2.ExecuteQueryRequest(
    database="main", sql="select id, name from things where id = :id", params={"id": value_pb2.Value(int_value=7)}
)
_ROW = table_service_pb2.GetRowRequest(
    database="main", table="things", key={"id": value_pb2.Value(int_value=7)}, columns=["id", "name"]
)
Metadata = tuple[tuple[str, str], ...]


def things(folder: Path) -> str:
    """The URL of a database with a table of a hundred rows."""
    with closing(sqlite3.connect(folder / "main.db")) as connection:
        connection.execute("create table things (id integer primary key, tenant text, name text, secret text)")
        connection.executemany("insert into things values (?, 'acme', 'n', 's')", [(i,) for i in range(100)])
        connection.commit()
    return f"sqlite:///{folder}/main.db"


async def compare(off: Gateway, on: Gateway, metadata: Metadata = (), rounds: int = ROUNDS) -> None:
    """Print what the second one takes more for each kind of call; `metadata` goes to it alone."""
    for kind in ("ExecuteQuery", "GetRow"):
        pairs = [(await _round(off, (), kind), await _round(on, metadata, kind)) for _ in range(rounds)]
        without, with_it = (statistics.median(figures) for figures in zip(*pairs, strict=True))
        ratios = statistics.median(second / first for first, second in pairs)
        print(f"{kind}: {without:.0f} us without, {with_it:.0f} with; median of the pairs {ratios - 1:+.1%}")


def _cpu(gateway: Gateway) -> float:
    fields = Path(f"/proc/{gateway.child.pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS


async def _round(gateway: Gateway, metadata: Metadata, kind: str) -> float:
    """Microseconds of CPU a call."""
    async with grpc.aio.insecure_channel(gateway.address) as channel:
        tables: Any = table_service_pb2_grpc.TableServiceStub(channel)
        queries: Any = query_service_pb2_grpc.QueryServiceStub(channel)
        if kind == "GetRow":
            return await _timed(gateway, lambda: tables.GetRow(_ROW, metadata=metadata))
        return await _timed(gateway, lambda: queries.ExecuteQuery(_SQL, metadata=metadata))


async def _timed(gateway: Gateway, call: Callable[[], Awaitable[object]]) -> float:
    for _ in range(50):
        await call()
    before = _cpu(gateway)
    for _ in range(CALLS):
        await call()
    return (_cpu(gateway) - before) / CALLS * 1e6
