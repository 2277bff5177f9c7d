"""Rowgate again, asked the same through TableService: what it costs to have no SQL."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any

from bench.caller import NotServedError, expect
from bench.contender import Contender
from bench.contenders import gateway
from bench.contenders.gateway import ORDER_VALUES, GrpcCaller, order_values
from bench.work import MANY_ROWS, PAGE_ROWS, Encoding, many_orders
from rowgate.v1 import filter_pb2, table_service_pb2, table_service_pb2_grpc, value_pb2


def get_request(key: int) -> table_service_pb2.GetRowRequest:
    """The row of a key."""
    return table_service_pb2.GetRowRequest(table="items", key={"id": value_pb2.Value(int_value=key)})


def list_request(after: int) -> table_service_pb2.ListRowsRequest:
    """The page after a key."""
    comparison = filter_pb2.Comparison(
        column="id", op=filter_pb2.COMPARISON_OPERATOR_GT, value=value_pb2.Value(int_value=after)
    )
    return table_service_pb2.ListRowsRequest(
        table="items", filter=filter_pb2.Filter(compare=comparison), page_size=PAGE_ROWS
    )


def insert_request() -> table_service_pb2.InsertRowsRequest:
    """The insert."""
    return table_service_pb2.InsertRowsRequest(table="orders", rows=[table_service_pb2.RowValues(values=ORDER_VALUES)])


@cache
def many_request() -> bytes:
    """The insert of many rows, as it goes over the wire."""
    rows = [table_service_pb2.RowValues(values=order_values(order)) for order in many_orders()]
    return table_service_pb2.InsertRowsRequest(table="orders", rows=rows).SerializeToString()


class TableCaller(GrpcCaller):
    """Calls TableService."""

    def __init__(self, address: str) -> None:
        super().__init__(address)
        self._tables: Any = table_service_pb2_grpc.TableServiceStub(self._channel)
        # Its bytes are made once: what the client spends on them is not what is measured.
        self._insert_rows: Any = self._channel.unary_unary(
            "/rowgate.v1.TableService/InsertRows",
            response_deserializer=table_service_pb2.InsertRowsResponse.FromString,
        )

    async def row(self, key: int) -> Sequence[Any]:
        [row] = (await self._tables.GetRow(get_request(key))).result.rows
        return [getattr(value, value.WhichOneof("kind")) for value in row.values]

    async def point(self, key: int) -> None:
        expect("rows", len((await self._tables.GetRow(get_request(key))).result.rows), 1)

    async def page(self, after: int) -> None:
        expect("rows", len((await self._tables.ListRows(list_request(after))).result.rows), PAGE_ROWS)

    async def insert(self) -> None:
        expect("rows inserted", len((await self._tables.InsertRows(insert_request())).result.rows), 1)

    async def insert_many(self) -> None:
        expect("rows inserted", (await self._insert_rows(many_request())).stats.affected_rows, MANY_ROWS)

    async def scan(self, rows: int, encoding: Encoding | None) -> int:
        raise NotServedError(rows, encoding)


CONTENDER = Contender(
    "tables",
    "Rowgate's TableService, through its generated stubs",
    TableCaller,
    gateway.CONTENDER.start,
    scans=False,
    of_tables=True,
)
