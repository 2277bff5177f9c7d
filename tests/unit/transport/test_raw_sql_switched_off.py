"""`limits.raw_sql: false`: no way to a database for SQL of a caller's own, and TableService as before."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import grpc
import grpc.aio
import pytest
from unit.transport.test_authentication import KEY, guarded, told

from rowgate.v1 import query_service_pb2 as pb
from rowgate.v1 import query_service_pb2_grpc, table_service_pb2, table_service_pb2_grpc, transact_pb2
from rowgate.v1.batch_pb2 import BatchStep

AUTH = [("authorization", f"Bearer {KEY}")]
SQL = "select 1"
MODES = (pb.QUERY_MODE_EXECUTE, pb.QUERY_MODE_DESCRIBE, pb.QUERY_MODE_PLAN, pb.QUERY_MODE_PROFILE)


@pytest.fixture
async def channel(tmp_path: Path) -> AsyncIterator[grpc.aio.Channel]:
    async with guarded(tmp_path, databases__main__limits__raw_sql="false") as (_, channel):
        yield channel


@pytest.mark.parametrize("read_only", [False, True])
@pytest.mark.parametrize(
    "mode", [pb.QUERY_MODE_EXECUTE, pb.QUERY_MODE_DESCRIBE, pb.QUERY_MODE_PLAN, pb.QUERY_MODE_PROFILE]
)
async def test_no_mode_of_a_query_gets_through(channel: grpc.aio.Channel, mode: Any, *, read_only: bool) -> None:
    stub: Any = query_service_pb2_grpc.QueryServiceStub(channel)
    options = pb.QueryOptions(mode=mode, read_only=read_only)
    for database in ("", "main"):
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await stub.ExecuteQuery(pb.ExecuteQueryRequest(database=database, sql=SQL, options=options), metadata=AUTH)
        assert told(caught.value)[2] == "PERMISSION_DENIED"
        assert told(caught.value)[3]["outcome"] == "NOT_RUN"


async def test_no_stream_and_no_batch_gets_through(channel: grpc.aio.Channel) -> None:
    stub: Any = query_service_pb2_grpc.QueryServiceStub(channel)
    with pytest.raises(grpc.aio.AioRpcError) as streamed:
        _ = [answer async for answer in stub.StreamQuery(pb.StreamQueryRequest(sql=SQL), metadata=AUTH)]
    with pytest.raises(grpc.aio.AioRpcError) as batch:
        await stub.ExecuteBatch(pb.ExecuteBatchRequest(steps=[BatchStep(sql=SQL)]), metadata=AUTH)
    assert told(streamed.value)[2] == told(batch.value)[2] == "PERMISSION_DENIED"


async def test_a_transaction_takes_tables_only(channel: grpc.aio.Channel) -> None:
    stub: Any = query_service_pb2_grpc.QueryServiceStub(channel)
    asked = [
        pb.TransactRequest(begin=transact_pb2.BeginTransaction()),
        pb.TransactRequest(execute_query=pb.ExecuteQueryRequest(sql=SQL)),
        pb.TransactRequest(list_rows=table_service_pb2.ListRowsRequest(table="things")),
    ]
    begun, refused, listed = [answer async for answer in stub.Transact(iter(asked), metadata=AUTH)]
    assert begun.HasField("begin")
    assert refused.error.reason == "PERMISSION_DENIED"
    assert listed.HasField("list_rows")


async def test_tables_are_there_as_before(channel: grpc.aio.Channel) -> None:
    stub: Any = table_service_pb2_grpc.TableServiceStub(channel)
    answer = await stub.ListRows(table_service_pb2.ListRowsRequest(table="things"), metadata=AUTH)
    assert [column.name for column in answer.result.columns] == ["id", "name"]
