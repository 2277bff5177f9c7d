"""Calls that last, on each kind of RPC that runs SQL; as a module, a client that makes them all, to be killed.

Arguments of that: the gateway's address, the tag.
"""

from __future__ import annotations

import asyncio
import sys
from typing import Any, NamedTuple

import grpc.aio

from rowgate.v1 import query_service_pb2, query_service_pb2_grpc, transact_pb2

_ENDLESS = {
    "mariadb": "select repeat('x', 1000) as {} from seq_1_to_100000000",
    "postgresql": "select repeat('x', 1000) as {}, generate_series(1, 100000000) as i",
}
_SLEEPING = {"mariadb": "select sleep(300) as {}", "postgresql": "select pg_sleep(300) as {}"}

PRESENT = {
    "mariadb": "select info from information_schema.processlist where info like 'select%{}%' and id <> connection_id()",
    # A portal that nobody fetches from is idle in its transaction.
    "postgresql": "select query from pg_stat_activity where query like 'select%{}%' and state <> 'idle'"
    " and pid <> pg_backend_pid()",
}
"""SQL for the texts of the statements of a tag that the server has not ended."""


class Kind(NamedTuple):
    """One kind of call, on one engine."""

    engine: str
    rpc: str

    def named(self, tag: str) -> str:
        """The name by which the statement is found on the server."""
        return f"{tag}_{self.rpc.lower()}"

    def request(self, tag: str) -> query_service_pb2.ExecuteQueryRequest:
        """The query; a stream is one whose rows nobody takes any more, all others wait for their first."""
        sql = (_ENDLESS if self.rpc == "StreamQuery" else _SLEEPING)[self.engine]
        return query_service_pb2.ExecuteQueryRequest(
            database="" if self.rpc == "Transact" else self.engine,
            sql=sql.format(self.named(tag)),
        )


KINDS = [Kind(engine, rpc) for engine in _SLEEPING for rpc in ("ExecuteQuery", "StreamQuery", "Transact")]


async def begun(channel: grpc.aio.Channel, kind: Kind, tag: str, seconds: float | None = None) -> Any:
    """The call, once what comes before the wait has come."""
    stub: Any = query_service_pb2_grpc.QueryServiceStub(channel)
    request = kind.request(tag)
    if kind.rpc == "ExecuteQuery":
        return stub.ExecuteQuery(request, timeout=seconds)
    if kind.rpc == "StreamQuery":
        call = stub.StreamQuery(query_service_pb2.StreamQueryRequest(**_fields(request)), timeout=seconds)
        await call.read()
        return call
    call = stub.Transact(timeout=seconds)
    begin = transact_pb2.BeginTransaction(database=kind.engine)
    await call.write(query_service_pb2.TransactRequest(begin=begin))
    await call.read()
    await call.write(query_service_pb2.TransactRequest(execute_query=request))
    return call


def _fields(request: query_service_pb2.ExecuteQueryRequest) -> dict[str, Any]:
    return {field.name: value for field, value in request.ListFields()}


async def _hold(address: str, tag: str) -> None:
    async with grpc.aio.insecure_channel(address) as channel:
        calls = await asyncio.gather(*(begun(channel, kind, tag) for kind in KINDS))
        await asyncio.gather(*(call.code() for call in calls))


if __name__ == "__main__":
    asyncio.run(_hold(*sys.argv[1:]))
