"""TableService on the wire, in few words: where the client would refuse a request, or hide what comes back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, cast

import grpc.aio

import rowgate
from rowgate._decode import decode_row
from rowgate._encode import encode
from rowgate._status import error_from_rpc
from rowgate.v1 import filter_pb2, table_service_pb2, table_service_pb2_grpc

Filter = filter_pb2.Filter
Order = str | tuple[str, str]
_SEVERAL = frozenset({"IN", "NOT_IN", "BETWEEN"})
_ALONE = frozenset({"IS_NULL", "IS_NOT_NULL"})


def compare(column: str, op: str, *values: Any) -> Filter:
    """A comparison; `op` as in `filter.proto`, without its prefix."""
    number = filter_pb2.ComparisonOperator.Value(f"COMPARISON_OPERATOR_{op}")
    comparison = filter_pb2.Comparison(column=column, op=number)
    if op in _SEVERAL:
        comparison.values.extend(map(encode, values))
    elif op not in _ALONE:
        comparison.value.CopyFrom(encode(values[0]))
    return Filter(compare=comparison)


def every(*filters: Filter) -> Filter:
    """All of them."""
    return _filter({"and": filter_pb2.FilterList(filters=filters)})


def some(*filters: Filter) -> Filter:
    """At least one of them."""
    return _filter({"or": filter_pb2.FilterList(filters=filters)})


def no(filter_: Filter) -> Filter:
    """What it leaves out."""
    return _filter({"not": filter_})


def _filter(kind: dict[str, Any]) -> Filter:
    """Of a kind whose name is a keyword of Python's."""
    return Filter(**kind)


class Listed(NamedTuple):
    """A page: its rows as tuples of Python's, and the answer itself."""

    rows: list[tuple[Any, ...]]
    token: str
    response: table_service_pb2.ListRowsResponse


class Tables:
    """The tables of one database. What is refused is raised as the client's exceptions."""

    def __init__(self, channel: grpc.aio.Channel, database: str) -> None:
        stub = cast("table_service_pb2_grpc.TableServiceAsyncStub", table_service_pb2_grpc.TableServiceStub(channel))
        self.stub = stub
        self._channel = channel
        self.database = database

    def of(self, database: str) -> Tables:
        """The tables of another database."""
        return Tables(self._channel, database)

    async def page(
        self,
        table: str,
        *,
        where: Filter | None = None,
        order: Sequence[Order] = (),
        size: int = 0,
        token: str = "",
        **others: Any,
    ) -> Listed:
        """One page. An order is a column, or a column and `desc`, `nulls first`, `desc nulls last`, ..."""
        request = table_service_pb2.ListRowsRequest(
            database=self.database,
            table=table,
            filter=where,
            order_by=[_order(each) for each in order],
            page_size=size,
            page_token=token,
            **others,
        )
        response = await _asked(self.stub.ListRows(request))
        return Listed([decode_row(row.values) for row in response.result.rows], response.next_page_token, response)

    async def all(self, table: str, *, size: int, **others: Any) -> list[tuple[Any, ...]]:
        """The rows of all pages."""
        page = await self.page(table, size=size, **others)
        rows = list(page.rows)
        while page.token:
            page = await self.page(table, size=size, token=page.token, **others)
            rows += page.rows
        return rows

    async def get(self, table: str, key: Mapping[str, Any], **others: Any) -> tuple[Any, ...]:
        """One row."""
        request = table_service_pb2.GetRowRequest(
            database=self.database, table=table, key={name: encode(value) for name, value in key.items()}, **others
        )
        (row,) = (await _asked(self.stub.GetRow(request))).result.rows
        return decode_row(row.values)

    async def count(
        self, table: str, where: Filter | None = None, **others: Any
    ) -> table_service_pb2.CountRowsResponse:
        """How many rows."""
        request = table_service_pb2.CountRowsRequest(database=self.database, table=table, filter=where, **others)
        answer: table_service_pb2.CountRowsResponse = await _asked(self.stub.CountRows(request))
        return answer


def fields(error: rowgate.RowgateError) -> list[str]:
    """The fields that an error is about."""
    return [violation.field for violation in error.field_violations]


def _order(order: Order) -> table_service_pb2.SortOrder:
    column, words = (order, "") if isinstance(order, str) else order
    nulls = words.removeprefix("desc").strip().upper().replace(" ", "_ORDER_") or "NULLS_ORDER_UNSPECIFIED"
    return table_service_pb2.SortOrder(
        column=column, descending=words.startswith("desc"), nulls=table_service_pb2.NullsOrder.Value(nulls)
    )


async def _asked(call: Any) -> Any:
    try:
        return await call
    except grpc.aio.AioRpcError as error:
        raise error_from_rpc(error) from None
