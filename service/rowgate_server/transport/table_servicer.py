"""TableService: messages in, the core asked, messages out."""

from __future__ import annotations

from rowgate.v1 import table_service_pb2, table_service_pb2_grpc
from rowgate_server.errors import Outcome, Reason, RowgateError
from rowgate_server.transport.interceptors.chain import Context


class TableServicer(table_service_pb2_grpc.TableServiceServicer):
    """Serves TableService.

    Args:
        request_timeout: seconds that a call may take whose caller sets no deadline.
        largest_message: bytes of the largest message that the server sends.
    """

    def __init__(self, request_timeout: float, largest_message: int) -> None:
        self._request_timeout = request_timeout
        self._largest_message = largest_message

    async def ListRows(
        self, request: table_service_pb2.ListRowsRequest, context: Context
    ) -> table_service_pb2.ListRowsResponse:
        """One page of rows."""
        raise _not_yet(request, context)

    async def GetRow(
        self, request: table_service_pb2.GetRowRequest, context: Context
    ) -> table_service_pb2.GetRowResponse:
        """One row, by its key."""
        raise _not_yet(request, context)

    async def CountRows(
        self, request: table_service_pb2.CountRowsRequest, context: Context
    ) -> table_service_pb2.CountRowsResponse:
        """How many rows there are."""
        raise _not_yet(request, context)

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
