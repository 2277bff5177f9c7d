"""TableService's messages that read: requests decoded, pages, rows and counts encoded."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol, TypeAlias

from rowgate.v1 import table_service_pb2, value_pb2
from rowgate_server.core.crud.requests import Count, CountMode, CountRows, GetRow, ListRows, Nulls, Order, TableName
from rowgate_server.engines.values import BoundValue
from rowgate_server.errors import Outcome, Reason, RowgateError
from rowgate_server.transport.codec.filters import decode_filter
from rowgate_server.transport.codec.routes import decode_reading
from rowgate_server.transport.codec.values import decode_value

_NULLS: dict[int, Nulls] = {
    table_service_pb2.NULLS_ORDER_UNSPECIFIED: Nulls.SMALLEST,
    table_service_pb2.NULLS_ORDER_FIRST: Nulls.FIRST,
    table_service_pb2.NULLS_ORDER_LAST: Nulls.LAST,
}
_COUNTS: dict[int, CountMode] = {
    table_service_pb2.COUNT_MODE_NONE: CountMode.NONE,
    table_service_pb2.COUNT_MODE_EXACT: CountMode.EXACT,
    table_service_pb2.COUNT_MODE_ESTIMATED: CountMode.ESTIMATED,
}


_Reads: TypeAlias = (
    table_service_pb2.ListRowsRequest | table_service_pb2.GetRowRequest | table_service_pb2.CountRowsRequest
)


class _OnATable(Protocol):
    """What every request of TableService has."""

    @property
    def database(self) -> str: ...

    @property
    def schema(self) -> str: ...

    @property
    def table(self) -> str: ...


def decode_table(request: _OnATable, call_timeout: float | None) -> TableName:
    """Which table a request is about."""
    return TableName(request.database, request.schema, request.table, call_timeout)


def _decode_read(request: _Reads, call_timeout: float | None) -> TableName:
    """The same of a request that reads, which may go elsewhere."""
    reading = decode_reading(request, bounded=request.HasField("max_staleness"))
    return decode_table(request, call_timeout)._replace(reading=reading)


def decode_values(values: Mapping[str, value_pb2.Value], field: str) -> dict[str, BoundValue]:
    """Values by column.

    Raises:
        RowgateError: INVALID_PARAMETER, with the field at fault.
    """
    return {name: decode_value(values[name], f"{field}[{name}]") for name in values}


def decode_list_rows(request: table_service_pb2.ListRowsRequest, call_timeout: float | None) -> ListRows:
    """A page of rows.

    Raises:
        RowgateError: INVALID_REQUEST or INVALID_PARAMETER, with the field at fault.
    """
    return ListRows(
        table=_decode_read(request, call_timeout),
        columns=tuple(request.columns),
        filter=decode_filter(request.filter) if request.HasField("filter") else None,
        order_by=tuple(_order(order, index) for index, order in enumerate(request.order_by)),
        page_size=request.page_size,
        page_token=request.page_token,
        count=_count(request.count, CountMode.NONE),
        include_deleted=request.include_deleted,
    )


def decode_get_row(request: table_service_pb2.GetRowRequest, call_timeout: float | None) -> GetRow:
    """One row.

    Raises:
        RowgateError: INVALID_PARAMETER, with the field at fault.
    """
    return GetRow(
        table=_decode_read(request, call_timeout),
        key=decode_values(request.key, "key"),
        columns=tuple(request.columns),
        include_deleted=request.include_deleted,
    )


def decode_count_rows(request: table_service_pb2.CountRowsRequest, call_timeout: float | None) -> CountRows:
    """Which rows to count.

    Raises:
        RowgateError: INVALID_REQUEST or INVALID_PARAMETER, with the field at fault.
    """
    return CountRows(
        table=_decode_read(request, call_timeout),
        filter=decode_filter(request.filter) if request.HasField("filter") else None,
        count=_count(request.count, CountMode.EXACT),
        include_deleted=request.include_deleted,
    )


def encode_count(count: Count) -> table_service_pb2.CountRowsResponse:
    """A number of rows."""
    return table_service_pb2.CountRowsResponse(
        count=count.number,
        estimated=count.estimated,
        soft_delete_column=count.soft_delete_column,
    )


def _order(order: table_service_pb2.SortOrder, index: int) -> Order:
    nulls = _NULLS.get(order.nulls)
    if nulls is None:
        raise _refusal("the gateway does not know this place for NULLs", f"order_by[{index}].nulls")
    return Order(order.column, order.descending, nulls)


def _count(number: int, default: CountMode) -> CountMode:
    if number == table_service_pb2.COUNT_MODE_UNSPECIFIED:
        return default
    found = _COUNTS.get(number)
    if found is None:
        raise _refusal("the gateway does not know this way of counting", "count")
    return found


def _refusal(message: str, field: str) -> RowgateError:
    return RowgateError(Reason.INVALID_REQUEST, message, field=field, outcome=Outcome.NOT_RUN)
