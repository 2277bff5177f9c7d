"""Streams take no mode, and an unknown one is refused."""

from __future__ import annotations

import grpc
import pytest

import rowgate
from rowgate.v1 import query_service_pb2, query_service_pb2_grpc
from support.engines import Engine
from support.rows import count


async def test_a_stream_takes_no_mode_but_execute(
    queries: query_service_pb2_grpc.QueryServiceAsyncStub, engine: Engine, table: str, db: rowgate.Database
) -> None:
    for mode in ("DESCRIBE", "PLAN", "PROFILE"):
        options = query_service_pb2.QueryOptions(mode=query_service_pb2.QueryMode.Value(f"QUERY_MODE_{mode}"))
        request = query_service_pb2.StreamQueryRequest(
            database=engine.name, sql=f"insert into {table} (id, name) values (1, 'x')", options=options
        )
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            async for _ in queries.StreamQuery(request):
                pass
        assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT
        assert mode in (caught.value.details() or "")
    assert await count(db, table) == 0


async def test_a_mode_of_a_newer_client_is_refused_and_not_run(
    queries: query_service_pb2_grpc.QueryServiceAsyncStub, engine: Engine, table: str, db: rowgate.Database
) -> None:
    options = query_service_pb2.QueryOptions(mode=99)  # type: ignore[arg-type]  # a value that these stubs do not know
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await queries.ExecuteQuery(
            query_service_pb2.ExecuteQueryRequest(
                database=engine.name, sql=f"insert into {table} (id, name) values (1, 'x')", options=options
            )
        )
    assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert await count(db, table) == 0
