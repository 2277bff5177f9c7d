"""TableService's messages that write: requests decoded."""

from __future__ import annotations

from rowgate.v1 import table_service_pb2
from rowgate_server.core.crud.write_requests import (
    ConflictAction,
    DeleteRows,
    InsertRows,
    Meant,
    OnConflict,
    UpdateRows,
)
from rowgate_server.errors import Outcome, Reason, RowgateError
from rowgate_server.transport.codec.filters import decode_filter
from rowgate_server.transport.codec.row_columns import decode_row_columns
from rowgate_server.transport.codec.tables import decode_table, decode_values

_ACTIONS: dict[int, ConflictAction] = {
    table_service_pb2.CONFLICT_ACTION_UNSPECIFIED: ConflictAction.ERROR,
    table_service_pb2.CONFLICT_ACTION_ERROR: ConflictAction.ERROR,
    table_service_pb2.CONFLICT_ACTION_IGNORE: ConflictAction.IGNORE,
    table_service_pb2.CONFLICT_ACTION_UPDATE: ConflictAction.UPDATE,
}


def decode_insert_rows(request: table_service_pb2.InsertRowsRequest, call_timeout: float | None) -> InsertRows:
    """Rows to insert.

    Raises:
        RowgateError: INVALID_REQUEST or INVALID_PARAMETER, with the field at fault.
    """
    return InsertRows(
        table=decode_table(request, call_timeout),
        rows=decode_row_columns(request.rows)
        or tuple(decode_values(row.values, f"rows[{index}].values") for index, row in enumerate(request.rows)),
        on_conflict=_on_conflict(request.on_conflict),
        returning=tuple(request.returning),
        dry_run=request.dry_run,
    )


def decode_update_rows(request: table_service_pb2.UpdateRowsRequest, call_timeout: float | None) -> UpdateRows:
    """Rows to change.

    Raises:
        RowgateError: INVALID_REQUEST or INVALID_PARAMETER, with the field at fault.
    """
    return UpdateRows(
        table=decode_table(request, call_timeout),
        meant=_meant(request, include_deleted=request.include_deleted),
        values=decode_values(request.values, "values"),
        returning=tuple(request.returning),
        dry_run=request.dry_run,
    )


def decode_delete_rows(request: table_service_pb2.DeleteRowsRequest, call_timeout: float | None) -> DeleteRows:
    """Rows to delete.

    Raises:
        RowgateError: INVALID_REQUEST or INVALID_PARAMETER, with the field at fault.
    """
    return DeleteRows(
        table=decode_table(request, call_timeout),
        meant=_meant(request, include_deleted=False),
        returning=tuple(request.returning),
        dry_run=request.dry_run,
    )


def _meant(
    request: table_service_pb2.UpdateRowsRequest | table_service_pb2.DeleteRowsRequest, *, include_deleted: bool
) -> Meant:
    return Meant(
        key=decode_values(request.key, "key"),
        filter=decode_filter(request.filter) if request.HasField("filter") else None,
        expected=decode_values(request.expected, "expected"),
        max_affected=request.max_affected,
        allow_unfiltered=request.allow_unfiltered,
        include_deleted=include_deleted,
    )


def _on_conflict(message: table_service_pb2.OnConflict) -> OnConflict:
    action = _ACTIONS.get(message.action)
    if action is None:
        raise RowgateError(
            Reason.INVALID_REQUEST,
            "the gateway does not know this way to meet a conflict",
            field="on_conflict.action",
            outcome=Outcome.NOT_RUN,
        )
    return OnConflict(action, tuple(message.target), tuple(message.update_columns))
