"""Where a call goes, asked of databases with one server: every route leads there; what makes no sense is refused."""

from __future__ import annotations

from typing import Any

import grpc.aio
import pytest
from google.protobuf.duration_pb2 import Duration

import rowgate
from rowgate.v1 import query_service_pb2, query_service_pb2_grpc, routing_pb2, table_service_pb2
from rowgate.v1.query_service_pb2 import QueryOptions
from support.engines import Engine
from support.transactions import Transact

REPLICA, NEAREST = routing_pb2.ROUTE_REPLICA, routing_pb2.ROUTE_NEAREST
SECOND = Duration(seconds=1)


@pytest.mark.parametrize("route", ["replica", "nearest"])
async def test_every_route_leads_to_the_only_server(db: rowgate.Database, route: Any) -> None:
    there = db.with_options(read_only=True, route=route, max_staleness=1)
    assert (await there.query("select 1 as x")).stats.replica == ""
    assert [row[0] async for row in there.stream("select 1 as x")] == [1]
    assert (await there.explain("select 1 as x")).nodes is not None
    async with there.transaction() as tx:
        assert (await tx.query("select 1 as x")).scalar() == 1


@pytest.mark.parametrize(
    ("options", "field"),
    [
        (QueryOptions(route=REPLICA), "options.route"),
        (QueryOptions(route=NEAREST), "options.route"),
        (QueryOptions(route=77, read_only=True), "options.route"),  # type: ignore[arg-type]  # a newer caller's
        (QueryOptions(max_staleness=SECOND, read_only=True), "options.max_staleness"),
        (QueryOptions(route=REPLICA, read_only=True, max_staleness=Duration()), "options.max_staleness"),
        (QueryOptions(route=REPLICA, read_only=True, max_staleness=Duration(seconds=-1)), "options.max_staleness"),
    ],
)
async def test_route_that_makes_no_sense_is_refused(
    queries: query_service_pb2_grpc.QueryServiceAsyncStub, engine: Engine, options: QueryOptions, field: str
) -> None:
    request = query_service_pb2.ExecuteQueryRequest(database=engine.name, sql="select 1 as x", options=options)
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await queries.ExecuteQuery(request)
    assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert field.encode() in dict(caught.value.trailing_metadata() or ())["grpc-status-details-bin"]


async def test_transaction_goes_elsewhere_only_where_it_is_begun(channel: grpc.aio.Channel, engine: Engine) -> None:
    async with Transact(channel) as stream:
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await stream.begin(engine.name, route=REPLICA)
    assert b"begin.route" in dict(caught.value.trailing_metadata() or ())["grpc-status-details-bin"]
    async with Transact(channel) as stream:
        await stream.begin(engine.name, route=REPLICA, read_only=True)
        told = [
            await stream.ask(
                execute_query=query_service_pb2.ExecuteQueryRequest(
                    sql="select 1", options=QueryOptions(route=REPLICA, read_only=True)
                )
            ),
            await stream.ask(list_rows=table_service_pb2.ListRowsRequest(table="any", route=REPLICA)),
        ]
        assert [[each.field for each in answer.error.field_violations] for answer in told] == [
            ["execute_query.options.route"],
            ["list_rows.route"],
        ]
