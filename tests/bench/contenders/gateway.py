"""Rowgate itself: the real server process with its defaults, called through the generated stubs."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from typing import Any

import grpc
import grpc.aio
from grpc_health.v1 import health_pb2, health_pb2_grpc

from bench.caller import Caller, NotServedError, expect
from bench.contender import Contender, Running, Site
from bench.work import INSERT, ORDER, PAGE, PAGE_ROWS, POINT, SCAN, Encoding, Order
from rowgate.v1 import query_service_pb2, query_service_pb2_grpc, result_pb2, value_pb2
from support.process import Gateway

ENCODINGS: Mapping[Encoding, result_pb2.ResultEncoding.ValueType] = {
    Encoding.ROWS: result_pb2.RESULT_ENCODING_ROWS,
    Encoding.COLUMNS: result_pb2.RESULT_ENCODING_COLUMNS,
    Encoding.ARROW: result_pb2.RESULT_ENCODING_ARROW,
}


def order_values(order: Order) -> dict[str, value_pb2.Value]:
    """A row's values by column."""
    return {
        "name": value_pb2.Value(string_value=order.name),
        "price": value_pb2.Value(decimal_value=str(order.price)),
        "quantity": value_pb2.Value(int_value=order.quantity),
        "created_at": value_pb2.Value(datetime_value=order.created_at.isoformat()),
        "weight": value_pb2.Value(double_value=order.weight),
    }


ORDER_VALUES = order_values(ORDER)


def execute_request(sql: str, **numbers: int) -> query_service_pb2.ExecuteQueryRequest:
    """A unary request."""
    params = {name: value_pb2.Value(int_value=number) for name, number in numbers.items()}
    return query_service_pb2.ExecuteQueryRequest(sql=sql, params=params)


def insert_request() -> query_service_pb2.ExecuteQueryRequest:
    """The insert."""
    return query_service_pb2.ExecuteQueryRequest(sql=INSERT, params=ORDER_VALUES)


def scan_request(rows: int, encoding: Encoding) -> query_service_pb2.StreamQueryRequest:
    """A streaming request."""
    return query_service_pb2.StreamQueryRequest(
        sql=SCAN,
        params={"last": value_pb2.Value(int_value=rows)},
        options=query_service_pb2.QueryOptions(encoding=ENCODINGS[encoding]),
    )


async def count_rows(answer: AsyncIterator[query_service_pb2.StreamQueryResponse], encoding: Encoding) -> int:
    """Reads a stream to its end: messages for ROWS and COLUMNS, and for ARROW the table that they make together."""
    count = 0
    arrow: list[bytes] = []
    async for message in answer:
        result = message.result
        match encoding:
            case Encoding.ROWS:
                count += len(result.rows)
            case Encoding.COLUMNS:
                count += result.column_batch.row_count
            case Encoding.ARROW:
                arrow.append(result.arrow_ipc)
    if arrow:
        import pyarrow.ipc  # only where the gateway serves Arrow

        count = pyarrow.ipc.open_stream(b"".join(arrow)).read_all().num_rows
    return count


class GrpcCaller(Caller):
    """Calls the gateway, or what stands in for it.

    Args:
        address: its HOST:PORT.
    """

    def __init__(self, address: str) -> None:
        self._channel = grpc.aio.insecure_channel(address)
        self._health: Any = health_pb2_grpc.HealthStub(self._channel)
        stub: Any = query_service_pb2_grpc.QueryServiceStub(self._channel)
        self._point = self._page = self._insert = stub.ExecuteQuery
        self._scans: dict[Encoding, Any] = dict.fromkeys(Encoding, stub.StreamQuery)

    async def open(self) -> None:
        await self._channel.channel_ready()

    async def close(self) -> None:
        await self._channel.close()

    async def row(self, key: int) -> Sequence[Any]:
        [row] = (await self._point(execute_request(POINT, id=key))).result.rows
        return [getattr(value, value.WhichOneof("kind")) for value in row.values]

    async def point(self, key: int) -> None:
        expect("rows", len((await self._point(execute_request(POINT, id=key))).result.rows), 1)

    async def page(self, after: int) -> None:
        expect("rows", len((await self._page(execute_request(PAGE, after=after))).result.rows), PAGE_ROWS)

    async def insert(self) -> None:
        expect("rows inserted", (await self._insert(insert_request())).stats.affected_rows, 1)

    async def scan(self, rows: int, encoding: Encoding | None) -> int:
        assert encoding is not None
        try:
            return await count_rows(self._scans[encoding](scan_request(rows, encoding)), encoding)
        except grpc.aio.AioRpcError as error:
            if error.code() is grpc.StatusCode.UNIMPLEMENTED:
                raise NotServedError(encoding) from error
            raise

    async def ping(self) -> None:
        await self._health.Check(health_pb2.HealthCheckRequest())


@contextlib.contextmanager
def _start(site: Site) -> Iterator[Running]:
    environment = {"ROWGATE_DATABASES__MAIN__URL": site.database_url, "ROWGATE_LOG__LEVEL": "warning"}
    with Gateway.start(environment=environment) as gateway:
        yield Running(gateway.child, gateway.address, gateway.admin_address)
        gateway.terminate()


CONTENDER = Contender("rowgate", "Rowgate, through its generated stubs", GrpcCaller, _start, tuple(Encoding))
