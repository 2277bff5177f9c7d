"""TableService: messages in, the core asked, messages out."""

from __future__ import annotations

from rowgate.v1 import result_pb2, table_service_pb2, table_service_pb2_grpc
from rowgate_server.core.crud.pages import TablePager
from rowgate_server.core.crud.reads import TableReader
from rowgate_server.core.crud.requests import TableName
from rowgate_server.engines.results import Stats
from rowgate_server.errors import Outcome, Reason, RowgateError
from rowgate_server.transport.codec import tables
from rowgate_server.transport.codec.encodings import choose_encoding, lay_out
from rowgate_server.transport.codec.queries import check_size, encode_stats
from rowgate_server.transport.interceptors import current_call
from rowgate_server.transport.interceptors.chain import Context


class TableServicer(table_service_pb2_grpc.TableServiceServicer):
    """Serves TableService.

    Args:
        reader: reads rows and counts them.
        pager: lists rows.
        request_timeout: seconds that a call may take whose caller sets no deadline.
        largest_message: bytes of the largest message that the server sends.
    """

    def __init__(self, reader: TableReader, pager: TablePager, request_timeout: float, largest_message: int) -> None:
        self._reader = reader
        self._pager = pager
        self._request_timeout = request_timeout
        self._largest_message = largest_message

    async def ListRows(
        self, request: table_service_pb2.ListRowsRequest, context: Context
    ) -> table_service_pb2.ListRowsResponse:
        """One page of rows."""
        wanted = tables.decode_list_rows(request, context.time_remaining() or self._request_timeout)
        encoding = choose_encoding(request.encoding, "encoding")
        _note(wanted.table)
        page = await self._pager.list_rows(wanted)
        response = table_service_pb2.ListRowsResponse(
            next_page_token=page.next_page_token,
            total_count=page.total,
            total_count_estimated=page.estimated,
            soft_delete_column=page.found.soft_delete_column,
            stats=_stats(page.found.stats),
        )
        await lay_out(encoding, page.found.columns, page.found.rows, response.result)
        check_size(response, self._largest_message)
        return response

    async def GetRow(
        self, request: table_service_pb2.GetRowRequest, context: Context
    ) -> table_service_pb2.GetRowResponse:
        """One row, by its key."""
        wanted = tables.decode_get_row(request, context.time_remaining() or self._request_timeout)
        encoding = choose_encoding(request.encoding, "encoding")
        _note(wanted.table)
        found = await self._reader.get_row(wanted)
        response = table_service_pb2.GetRowResponse(
            soft_delete_column=found.soft_delete_column, stats=_stats(found.stats)
        )
        await lay_out(encoding, found.columns, found.rows, response.result)
        check_size(response, self._largest_message)
        return response

    async def CountRows(
        self, request: table_service_pb2.CountRowsRequest, context: Context
    ) -> table_service_pb2.CountRowsResponse:
        """How many rows there are."""
        wanted = tables.decode_count_rows(request, context.time_remaining() or self._request_timeout)
        _note(wanted.table)
        count = await self._reader.count_rows(wanted)
        _stats(count.stats)
        return tables.encode_count(count)

    async def InsertRows(
        self, request: table_service_pb2.InsertRowsRequest, context: Context
    ) -> table_service_pb2.InsertRowsResponse:
        """Insert rows."""
        raise _not_yet(request, context)

    async def UpdateRows(
        self, request: table_service_pb2.UpdateRowsRequest, context: Context
    ) -> table_service_pb2.UpdateRowsResponse:
        """Change rows."""
        raise _not_yet(request, context)

    async def DeleteRows(
        self, request: table_service_pb2.DeleteRowsRequest, context: Context
    ) -> table_service_pb2.DeleteRowsResponse:
        """Delete rows, or mark them as deleted."""
        raise _not_yet(request, context)


def _not_yet(*_: object) -> RowgateError:
    return RowgateError(Reason.NOT_SUPPORTED, "the gateway does not do this yet", outcome=Outcome.NOT_RUN)


def _note(table: TableName) -> None:
    facts = current_call().facts
    if table.database:
        facts["database"] = table.database
    facts["table"] = table.table


def _stats(stats: Stats) -> result_pb2.QueryStats:
    """The figures, told to the access log too."""
    current_call().facts.update(rows=stats.row_count, query_id=stats.query_id)
    return encode_stats(stats)
