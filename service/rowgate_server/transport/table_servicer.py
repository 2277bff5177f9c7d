"""TableService: messages in, the core asked, messages out."""

from __future__ import annotations

from collections.abc import Callable

from rowgate.v1 import result_pb2, table_service_pb2, table_service_pb2_grpc
from rowgate_server.core.crud.changes import TableChanger
from rowgate_server.core.crud.inserts import TableInserter
from rowgate_server.core.crud.pages import TablePager
from rowgate_server.core.crud.reads import TableReader
from rowgate_server.engines.results import Stats
from rowgate_server.transport.codec import table_writes, tables
from rowgate_server.transport.codec.answers import with_result
from rowgate_server.transport.codec.encodings import choose_encoding
from rowgate_server.transport.codec.queries import write_stats
from rowgate_server.transport.decoding import decoded
from rowgate_server.transport.interceptors import current_call
from rowgate_server.transport.interceptors.call import Context, time_left


class TableServicer(table_service_pb2_grpc.TableServiceServicer):
    """Serves TableService.

    Args:
        reader: reads rows and counts them.
        pager: lists rows.
        inserter: inserts rows.
        changer: changes and deletes rows.
        database_name: the name that a request means by its own.
        request_timeout: seconds that a call may take whose caller sets no deadline.
        largest_message: bytes of the largest message that the server sends.
    """

    def __init__(
        self,
        reader: TableReader,
        pager: TablePager,
        inserter: TableInserter,
        changer: TableChanger,
        database_name: Callable[[str], str],
        request_timeout: float,
        largest_message: int,
    ) -> None:
        self._reader = reader
        self._pager = pager
        self._inserter = inserter
        self._changer = changer
        self._database_name = database_name
        self._request_timeout = request_timeout
        self._largest_message = largest_message

    async def ListRows(
        self, request: table_service_pb2.ListRowsRequest, context: Context
    ) -> table_service_pb2.ListRowsResponse:
        """One page of rows."""
        self._note(request.database, request.schema, request.table)
        wanted = await decoded(tables.decode_list_rows, request, time_left(context, self._request_timeout))
        encoding = choose_encoding(request.encoding, "encoding")
        page = await self._pager.list_rows(wanted)
        response = table_service_pb2.ListRowsResponse(
            next_page_token=page.next_page_token,
            total_count=page.total,
            total_count_estimated=page.estimated,
            soft_delete_column=page.found.soft_delete_column,
        )
        _tell(page.found.stats, response.stats)
        return await with_result(response, encoding, page.found.columns, page.found.rows, self._largest_message)

    async def GetRow(
        self, request: table_service_pb2.GetRowRequest, context: Context
    ) -> table_service_pb2.GetRowResponse:
        """One row, by its key."""
        self._note(request.database, request.schema, request.table)
        wanted = await decoded(tables.decode_get_row, request, time_left(context, self._request_timeout))
        encoding = choose_encoding(request.encoding, "encoding")
        found = await self._reader.get_row(wanted)
        response = table_service_pb2.GetRowResponse(soft_delete_column=found.soft_delete_column)
        _tell(found.stats, response.stats)
        return await with_result(response, encoding, found.columns, found.rows, self._largest_message)

    async def CountRows(
        self, request: table_service_pb2.CountRowsRequest, context: Context
    ) -> table_service_pb2.CountRowsResponse:
        """How many rows there are."""
        self._note(request.database, request.schema, request.table)
        wanted = await decoded(tables.decode_count_rows, request, time_left(context, self._request_timeout))
        count = await self._reader.count_rows(wanted)
        response = tables.encode_count(count)
        _tell(count.stats, response.stats)
        return response

    async def InsertRows(
        self, request: table_service_pb2.InsertRowsRequest, context: Context
    ) -> table_service_pb2.InsertRowsResponse:
        """Insert rows."""
        self._note(request.database, request.schema, request.table)
        wanted = await decoded(table_writes.decode_insert_rows, request, time_left(context, self._request_timeout))
        encoding = choose_encoding(request.encoding, "encoding")
        inserted = await self._inserter.insert(wanted)
        response = table_service_pb2.InsertRowsResponse(ignored_rows=inserted.ignored)
        _tell(inserted.rows.stats, response.stats)
        return await with_result(
            response,
            encoding,
            inserted.rows.columns,
            inserted.rows.rows,
            self._largest_message,
            committed=not wanted.dry_run,
        )

    async def UpdateRows(
        self, request: table_service_pb2.UpdateRowsRequest, context: Context
    ) -> table_service_pb2.UpdateRowsResponse:
        """Change rows."""
        self._note(request.database, request.schema, request.table)
        wanted = await decoded(table_writes.decode_update_rows, request, time_left(context, self._request_timeout))
        encoding = choose_encoding(request.encoding, "encoding")
        changed = await self._changer.update(wanted)
        response = table_service_pb2.UpdateRowsResponse(soft_delete_column=changed.soft_delete_column)
        _tell(changed.stats, response.stats)
        return await with_result(
            response, encoding, changed.columns, changed.rows, self._largest_message, committed=not wanted.dry_run
        )

    async def DeleteRows(
        self, request: table_service_pb2.DeleteRowsRequest, context: Context
    ) -> table_service_pb2.DeleteRowsResponse:
        """Delete rows, or mark them as deleted."""
        self._note(request.database, request.schema, request.table)
        wanted = await decoded(table_writes.decode_delete_rows, request, time_left(context, self._request_timeout))
        encoding = choose_encoding(request.encoding, "encoding")
        deleted = await self._changer.delete(wanted)
        response = table_service_pb2.DeleteRowsResponse(soft_delete_column=deleted.soft_delete_column)
        _tell(deleted.stats, response.stats)
        return await with_result(
            response, encoding, deleted.columns, deleted.rows, self._largest_message, committed=not wanted.dry_run
        )

    def _note(self, database: str, schema: str, table: str) -> None:
        """Before the rest is looked at: the log is to have it also where that is refused."""
        told = {"database": self._database_name(database), "schema": schema, "table": table}
        current_call().facts.update((fact, name) for fact, name in told.items() if name)


def _tell(stats: Stats, figures: result_pb2.QueryStats) -> None:
    """The figures, told to the caller and to the access log."""
    facts = current_call().facts
    facts.update(rows=stats.row_count, query_id=stats.query_id)
    if stats.replica:
        facts["replica"] = stats.replica
    if stats.completion.affected_rows is not None:
        facts["affected"] = stats.completion.affected_rows
    write_stats(stats, figures)
