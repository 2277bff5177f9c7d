"""What authentication and a policy add to a point select: CPU of the gateway's process, on and off in one run.

`python -m bench.access`: two gateways on the same SQLite file, asked in turns.
"""

from __future__ import annotations

import asyncio
import os
import sqlite3
import statistics
import tempfile
from contextlib import closing
from pathlib import Path

import grpc.aio

from rowgate.v1 import query_service_pb2, query_service_pb2_grpc, table_service_pb2, table_service_pb2_grpc, value_pb2
from rowgate_server.identity.hashing import make_key
from support.process import Gateway

_ROUNDS, _CALLS = 15, 1000
_TICKS = os.sysconf("SC_CLK_TCK")
_POLICY = """
roles:
  member:
    rules:
      - database: main
        table: things
        allow: [read, update]
        except: [secret]
        rows: {column: tenant, value: {claim: tenant}}
      - {database: main, allow: raw_read}
    limits: {rate: 1000000, burst: 1000000, concurrent: 100}
"""
_SQL = query_service_pb2.ExecuteQueryRequest(
    database="main", sql="select id, name from things where id = :id", params={"id": value_pb2.Value(int_value=7)}
)
_ROW = table_service_pb2.GetRowRequest(
    database="main", table="things", key={"id": value_pb2.Value(int_value=7)}, columns=["id", "name"]
)


def _cpu(gateway: Gateway) -> float:
    fields = Path(f"/proc/{gateway.child.pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS


async def _round(gateway: Gateway, key: str, kind: str) -> float:
    """Microseconds of CPU a call."""
    metadata = (("authorization", f"Bearer {key}"),) if key else ()
    async with grpc.aio.insecure_channel(gateway.address) as channel:
        if kind == "GetRow":
            tables: table_service_pb2_grpc.TableServiceAsyncStub = table_service_pb2_grpc.TableServiceStub(channel)  # type: ignore[assignment]  # one class at run time
            for _ in range(50):
                await tables.GetRow(_ROW, metadata=metadata)
            before = _cpu(gateway)
            for _ in range(_CALLS):
                await tables.GetRow(_ROW, metadata=metadata)
        else:
            queries: query_service_pb2_grpc.QueryServiceAsyncStub = query_service_pb2_grpc.QueryServiceStub(channel)  # type: ignore[assignment]  # one class at run time
            for _ in range(50):
                await queries.ExecuteQuery(_SQL, metadata=metadata)
            before = _cpu(gateway)
            for _ in range(_CALLS):
                await queries.ExecuteQuery(_SQL, metadata=metadata)
    return (_cpu(gateway) - before) / _CALLS * 1e6


async def _compare(off: Gateway, on: Gateway, key: str) -> None:
    for kind in ("ExecuteQuery", "GetRow"):
        pairs = [(await _round(off, "", kind), await _round(on, key, kind)) for _ in range(_ROUNDS)]
        without, with_both = (statistics.median(figures) for figures in zip(*pairs, strict=True))
        print(f"{kind}: {without:.0f} us without, {with_both:.0f} with: {with_both / without - 1:+.1%}")  # noqa: T201 - a command line prints


def main() -> None:
    """Measure, and print a line for each kind of call."""
    key, hashed = make_key("acme")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with closing(sqlite3.connect(folder / "main.db")) as connection:
            connection.execute("create table things (id integer primary key, tenant text, name text, secret text)")
            connection.executemany("insert into things values (?, 'acme', 'n', 's')", [(i,) for i in range(100)])
            connection.commit()
        (folder / "policy.yaml").write_text(_POLICY, encoding="utf-8")
        plain = {"ROWGATE_DATABASES__MAIN__URL": f"sqlite:///{folder}/main.db", "ROWGATE_LOG__LEVEL": "warning"}
        policed = {
            **plain,
            "ROWGATE_POLICY__PATH": str(folder / "policy.yaml"),
            "ROWGATE_AUTH__API_KEYS__ACME__HASH": str(hashed),
            "ROWGATE_AUTH__API_KEYS__ACME__ROLES": "member",
            "ROWGATE_AUTH__API_KEYS__ACME__CLAIMS": "tenant=acme",
        }
        with Gateway.start(environment=plain) as off, Gateway.start(environment=policed) as on:
            asyncio.run(_compare(off, on, key))


if __name__ == "__main__":
    main()
