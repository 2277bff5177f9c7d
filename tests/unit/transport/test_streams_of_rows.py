"""StreamQuery towards its caller: a reader that stops, a row that no message holds."""

from __future__ import annotations

from typing import Any

import grpc
import grpc.aio
import pytest
from google.rpc import error_details_pb2, status_pb2
from unit.transport.own_services import LARGEST_MESSAGE, Served

from rowgate.v1 import query_service_pb2_grpc
from rowgate.v1.query_service_pb2 import QueryOptions, StreamQueryRequest
from rowgate.v1.value_pb2 import Value
from support.eventually import eventually

ENDLESS = "with recursive n(x) as (select 1 union all select x + 1 from n) select x, hex(zeroblob(500)) from n"
STREAM = {"grpc_type": "server_stream", "grpc_service": "rowgate.v1.QueryService", "grpc_method": "StreamQuery"}


def _stream(served: Served, sql: str, params: dict[str, Value] | None = None, milliseconds: int = 0) -> Any:
    stub: Any = query_service_pb2_grpc.QueryServiceStub(served.channel)
    options = QueryOptions()
    if milliseconds:
        options.timeout.FromMilliseconds(milliseconds)
    return stub.StreamQuery(StreamQueryRequest(sql=sql, params=params, options=options))


def _info(error: grpc.aio.AioRpcError) -> error_details_pb2.ErrorInfo:
    packed = dict(error.trailing_metadata())["grpc-status-details-bin"]
    assert isinstance(packed, bytes)
    return error_details_pb2.ErrorInfo.FromString(status_pb2.Status.FromString(packed).details[0].value)


async def test_a_reader_that_stops_loses_its_connection_when_its_time_is_over(served: Served) -> None:
    call = _stream(served, ENDLESS, milliseconds=300)
    await call.read()
    pool = served.databases.get("main")
    assert pool.pool_numbers().in_use == 1
    await eventually(lambda: pool.pool_numbers().in_use == 0, 20, "the connection came free")
    handled = {**STREAM, "grpc_code": "DeadlineExceeded"}
    assert served.metrics.registry.get_sample_value("grpc_server_handled_total", handled) == 1
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await _read_on(call)
    info = _info(caught.value)
    assert (info.reason, info.metadata["limit"]) == ("STATEMENT_TIMEOUT", "options.timeout 0.3s")


async def test_a_reader_that_goes_on_is_told_whose_limit_decided(served: Served) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await _read(_stream(served, ENDLESS, milliseconds=300))
    info = _info(caught.value)
    assert (info.reason, info.metadata["limit"]) == ("STATEMENT_TIMEOUT", "options.timeout 0.3s")


async def _read_on(call: Any) -> None:
    while await call.read() is not grpc.aio.EOF:
        pass


async def _read(call: Any) -> None:
    async for _ in call:
        pass


async def test_a_row_that_no_message_holds_is_a_reason_and_no_bug(served: Served) -> None:
    values = {"a": Value(bytes_value=bytes(LARGEST_MESSAGE // 3))}
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await _read(_stream(served, "select :a, :a, :a, :a", values))
    assert caught.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
    info = _info(caught.value)
    assert (info.reason, info.metadata["limit"]) == ("RESULT_TOO_LARGE", f"{LARGEST_MESSAGE} bytes in a message")
    handled = {**STREAM, "grpc_code": "ResourceExhausted"}
    assert served.metrics.registry.get_sample_value("grpc_server_handled_total", handled) == 1


async def test_a_row_that_just_fits_is_sent(served: Served) -> None:
    values = {"a": Value(bytes_value=bytes(LARGEST_MESSAGE // 3))}
    await _read(_stream(served, "select :a, :a", values))
