"""The one table from reasons to gRPC codes, and the `google.rpc.Status` that goes with an error."""

from __future__ import annotations

from collections.abc import Mapping

import grpc
from google.protobuf import any_pb2, duration_pb2
from google.rpc import error_details_pb2, status_pb2
from grpc_status import rpc_status

from rowgate.v1 import error_pb2
from rowgate_server.errors import Reason, RowgateError

DOMAIN = "rowgate"

CODES: dict[Reason, grpc.StatusCode] = {
    Reason.INVALID_SQL: grpc.StatusCode.INVALID_ARGUMENT,
    Reason.MULTIPLE_STATEMENTS: grpc.StatusCode.INVALID_ARGUMENT,
    Reason.INVALID_PARAMETER: grpc.StatusCode.INVALID_ARGUMENT,
    Reason.UNKNOWN_COLUMN: grpc.StatusCode.INVALID_ARGUMENT,
    Reason.VALUE_OUT_OF_RANGE: grpc.StatusCode.INVALID_ARGUMENT,
    Reason.INVALID_REQUEST: grpc.StatusCode.INVALID_ARGUMENT,
    Reason.UNKNOWN_DATABASE: grpc.StatusCode.NOT_FOUND,
    Reason.UNKNOWN_TABLE: grpc.StatusCode.NOT_FOUND,
    Reason.ROW_NOT_FOUND: grpc.StatusCode.NOT_FOUND,
    Reason.QUERY_NOT_FOUND: grpc.StatusCode.NOT_FOUND,
    Reason.DUPLICATE_KEY: grpc.StatusCode.ALREADY_EXISTS,
    Reason.TABLE_EXISTS: grpc.StatusCode.ALREADY_EXISTS,
    Reason.FOREIGN_KEY_VIOLATION: grpc.StatusCode.FAILED_PRECONDITION,
    Reason.NOT_NULL_VIOLATION: grpc.StatusCode.FAILED_PRECONDITION,
    Reason.CHECK_VIOLATION: grpc.StatusCode.FAILED_PRECONDITION,
    Reason.READ_ONLY: grpc.StatusCode.FAILED_PRECONDITION,
    Reason.UNFILTERED_WRITE: grpc.StatusCode.FAILED_PRECONDITION,
    Reason.TOO_MANY_ROWS_AFFECTED: grpc.StatusCode.FAILED_PRECONDITION,
    Reason.PRECONDITION_FAILED: grpc.StatusCode.FAILED_PRECONDITION,
    Reason.DDL_NOT_ALLOWED: grpc.StatusCode.FAILED_PRECONDITION,
    Reason.DEADLOCK: grpc.StatusCode.ABORTED,
    Reason.SERIALIZATION_FAILURE: grpc.StatusCode.ABORTED,
    Reason.LOCK_TIMEOUT: grpc.StatusCode.ABORTED,
    Reason.TRANSACTION_EXPIRED: grpc.StatusCode.ABORTED,
    Reason.STATEMENT_TIMEOUT: grpc.StatusCode.DEADLINE_EXCEEDED,
    Reason.QUERY_CANCELLED: grpc.StatusCode.CANCELLED,
    Reason.POOL_EXHAUSTED: grpc.StatusCode.RESOURCE_EXHAUSTED,
    Reason.RESULT_TOO_LARGE: grpc.StatusCode.RESOURCE_EXHAUSTED,
    Reason.QUOTA_EXCEEDED: grpc.StatusCode.RESOURCE_EXHAUSTED,
    Reason.DATABASE_UNAVAILABLE: grpc.StatusCode.UNAVAILABLE,
    Reason.SHUTTING_DOWN: grpc.StatusCode.UNAVAILABLE,
    Reason.PERMISSION_DENIED: grpc.StatusCode.PERMISSION_DENIED,
    Reason.UNAUTHENTICATED: grpc.StatusCode.UNAUTHENTICATED,
    Reason.NOT_SUPPORTED: grpc.StatusCode.UNIMPLEMENTED,
    Reason.INTERNAL: grpc.StatusCode.INTERNAL,
}

# Trailers over about 8 kB lose the real status on the way: https://github.com/grpc/grpc/issues/10589
# The message is in them twice, once with up to three bytes for one; the details take four bytes for three.
_LONGEST_MESSAGE = 768
_LONGEST_VALUE = 256
_ALL_METADATA = 2048
_ENTRY = 8
"""Bytes that an entry of the metadata takes besides its key and its value."""


class StatusError(Exception):
    """A call's end as a status, ready to be sent."""

    def __init__(self, code: grpc.StatusCode, reason: str, status: grpc.Status) -> None:
        super().__init__(reason)
        self.code = code
        self.reason = reason
        self.status = status


def status_error(error: RowgateError, correlation_id: str) -> StatusError:
    """The status of an error, with every detail it has."""
    code = CODES[error.reason]
    message = _shortened(error.message, _LONGEST_MESSAGE)
    status = status_pb2.Status(code=code.value[0], message=message, details=_details(error, correlation_id))
    return StatusError(code, error.reason.value, rpc_status.to_status(status))


def request_error(error: RowgateError, correlation_id: str) -> error_pb2.RequestError:
    """The same as a part of an answer, where the call goes on."""
    told = error_pb2.RequestError(
        code=CODES[error.reason].value[0],
        reason=error.reason.value,
        message=_shortened(error.message, _LONGEST_MESSAGE),
        metadata={**_fitting(error.metadata), "correlation_id": correlation_id},
    )
    if error.retry_after is not None:
        told.retry_delay.FromMilliseconds(round(error.retry_after * 1000))
    if error.field is not None:
        told.field_violations.add(
            field=_shortened(error.field, _LONGEST_VALUE), description=_shortened(error.message, _LONGEST_VALUE)
        )
    return told


def _details(error: RowgateError, correlation_id: str) -> list[any_pb2.Any]:
    metadata = {**_fitting(error.metadata), "correlation_id": correlation_id}
    info = error_details_pb2.ErrorInfo(reason=error.reason.value, domain=DOMAIN, metadata=metadata)
    details = [_packed(info)]
    if error.retry_after is not None:
        delay = duration_pb2.Duration()
        delay.FromMilliseconds(round(error.retry_after * 1000))
        details.append(_packed(error_details_pb2.RetryInfo(retry_delay=delay)))
    if error.field is not None:
        violation = error_details_pb2.BadRequest.FieldViolation(
            field=_shortened(error.field, _LONGEST_VALUE), description=_shortened(error.message, _LONGEST_VALUE)
        )
        details.append(_packed(error_details_pb2.BadRequest(field_violations=[violation])))
    return details


def _fitting(metadata: Mapping[str, str]) -> dict[str, str]:
    """As many entries as there is room for, the short ones first: codes and names say more than hints."""
    room = _ALL_METADATA
    fitting: dict[str, str] = {}
    shortened = ((key, _shortened(text, _LONGEST_VALUE)) for key, text in metadata.items())
    for key, text in sorted(shortened, key=_entry_size):
        room -= _entry_size((key, text))
        if room < 0:
            break
        fitting[key] = text
    return fitting


def _entry_size(entry: tuple[str, str]) -> int:
    return sum(len(text.encode()) for text in entry) + _ENTRY


def _packed(
    message: error_details_pb2.ErrorInfo | error_details_pb2.RetryInfo | error_details_pb2.BadRequest,
) -> any_pb2.Any:
    packed = any_pb2.Any()
    packed.Pack(message)
    return packed


def _shortened(text: str, longest: int) -> str:
    """Cut by bytes, with a mark; a database may quote the whole statement."""
    octets = text.encode("utf-8", "replace")
    if len(octets) <= longest:
        return octets.decode()
    return octets[: longest - 3].decode("utf-8", "ignore") + "…"
