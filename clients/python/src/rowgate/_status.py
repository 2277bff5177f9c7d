"""From a gRPC status to an exception: the reason decides, then the code."""

from __future__ import annotations

import re
from collections.abc import Mapping
from contextlib import suppress
from typing import Any, Final

import grpc.aio
from google.protobuf.message import DecodeError
from google.rpc.error_details_pb2 import BadRequest, ErrorInfo, RetryInfo
from google.rpc.status_pb2 import Status
from grpc import StatusCode

from rowgate import _errors as errors
from rowgate.v1 import error_pb2

DOMAIN: Final = "rowgate"
"""The `domain` of the gateway's ErrorInfo."""

_DETAILS_KEY: Final = "grpc-status-details-bin"

_KINDS: Final[Mapping[str, Any]] = {kind.DESCRIPTOR.full_name: kind for kind in (ErrorInfo, RetryInfo, BadRequest)}

BY_REASON: Final[Mapping[str, type[errors.RowgateError]]] = {
    "INVALID_SQL": errors.InvalidSql,
    "MULTIPLE_STATEMENTS": errors.MultipleStatements,
    "INVALID_PARAMETER": errors.InvalidParameter,
    "UNKNOWN_COLUMN": errors.UnknownColumn,
    "VALUE_OUT_OF_RANGE": errors.ValueOutOfRange,
    "INVALID_REQUEST": errors.InvalidRequest,
    "UNKNOWN_DATABASE": errors.UnknownDatabase,
    "UNKNOWN_TABLE": errors.UnknownTable,
    "ROW_NOT_FOUND": errors.RowNotFound,
    "QUERY_NOT_FOUND": errors.QueryNotFound,
    "DUPLICATE_KEY": errors.DuplicateKey,
    "TABLE_EXISTS": errors.TableExists,
    "FOREIGN_KEY_VIOLATION": errors.ForeignKeyViolation,
    "NOT_NULL_VIOLATION": errors.NotNullViolation,
    "CHECK_VIOLATION": errors.CheckViolation,
    "READ_ONLY": errors.ReadOnly,
    "UNFILTERED_WRITE": errors.UnfilteredWrite,
    "TOO_MANY_ROWS_AFFECTED": errors.TooManyRowsAffected,
    "PRECONDITION_FAILED": errors.PreconditionFailed,
    "DDL_NOT_ALLOWED": errors.DdlNotAllowed,
    "DEADLOCK": errors.Deadlock,
    "SERIALIZATION_FAILURE": errors.SerializationFailure,
    "LOCK_TIMEOUT": errors.LockTimeout,
    "TRANSACTION_EXPIRED": errors.TransactionExpired,
    "STATEMENT_TIMEOUT": errors.StatementTimeout,
    "QUERY_CANCELLED": errors.QueryCancelled,
    "POOL_EXHAUSTED": errors.PoolExhausted,
    "RESULT_TOO_LARGE": errors.ResultTooLarge,
    "QUOTA_EXCEEDED": errors.QuotaExceeded,
    "DATABASE_UNAVAILABLE": errors.DatabaseUnavailable,
    "SHUTTING_DOWN": errors.ShuttingDown,
    "PERMISSION_DENIED": errors.PermissionDenied,
    "UNAUTHENTICATED": errors.Unauthenticated,
    "NOT_SUPPORTED": errors.NotSupported,
    "INTERNAL": errors.Internal,
}

BY_CODE: Final[Mapping[StatusCode, type[errors.RowgateError]]] = {
    StatusCode.INVALID_ARGUMENT: errors.RequestError,
    StatusCode.OUT_OF_RANGE: errors.RequestError,
    StatusCode.NOT_FOUND: errors.NotFound,
    StatusCode.ALREADY_EXISTS: errors.IntegrityError,
    StatusCode.ABORTED: errors.TransactionAborted,
    StatusCode.DEADLINE_EXCEEDED: errors.Timeout,
    StatusCode.CANCELLED: errors.QueryCancelled,
    StatusCode.RESOURCE_EXHAUSTED: errors.LimitExceeded,
    StatusCode.UNAVAILABLE: errors.Unavailable,
    StatusCode.PERMISSION_DENIED: errors.PermissionDenied,
    StatusCode.UNAUTHENTICATED: errors.Unauthenticated,
    StatusCode.UNIMPLEMENTED: errors.NotSupported,
    StatusCode.INTERNAL: errors.Internal,
    StatusCode.UNKNOWN: errors.Internal,
    StatusCode.DATA_LOSS: errors.Internal,
}
"""For a reason that this client does not know, or none: the nearest base. Any other code is a RowgateError."""

_WITHOUT_A_GATEWAY: Final[Mapping[StatusCode, type[errors.RowgateError]]] = {
    StatusCode.UNAVAILABLE: errors.GatewayUnreachable,
    StatusCode.DEADLINE_EXCEEDED: errors.DeadlineExceeded,
}
"""Statuses that gRPC makes by itself; whether the statement was run is not known then."""

_REFUSED: Final = re.compile(r"RST_STREAM with error code 7\b")
"""What gRPC says of HTTP/2's REFUSED_STREAM: nothing was done with the call (RFC 9113, 8.7). It tries no more."""

_CODES: Final[Mapping[int, StatusCode]] = {code.value[0]: code for code in StatusCode}


def error_from_rpc(rpc: grpc.aio.AioRpcError) -> errors.RowgateError:
    """The exception that a call's final status stands for."""
    code = rpc.code()
    message = rpc.details() or code.name
    details = _details(rpc)
    info = details.get(ErrorInfo)
    if info is None or info.domain != DOMAIN:
        return _without_reason(code, message)
    retry = details.get(RetryInfo)
    return BY_REASON.get(info.reason, BY_CODE.get(code, errors.RowgateError))(
        message,
        reason=info.reason,
        code=code,
        metadata=info.metadata,
        outcome=_outcome(info.metadata.get("outcome")),
        retry_after=None if retry is None else retry.retry_delay.ToTimedelta().total_seconds(),
        field_violations=_field_violations(details.get(BadRequest)),
    )


def error_from_answer(error: error_pb2.RequestError) -> errors.RowgateError:
    """The exception that an error within an answer stands for."""
    code = _CODES.get(error.code, StatusCode.UNKNOWN)
    kind = BY_REASON.get(error.reason, BY_CODE.get(code, errors.RowgateError))
    return kind(
        error.message,
        reason=error.reason or None,
        code=code,
        metadata=error.metadata,
        outcome=_outcome(error.metadata.get("outcome")),
        retry_after=error.retry_delay.ToTimedelta().total_seconds() if error.HasField("retry_delay") else None,
        field_violations=_field_violations(error),
    )


def _without_reason(code: StatusCode, message: str) -> errors.RowgateError:
    own = _WITHOUT_A_GATEWAY.get(code)
    if own is not None:
        outcome = errors.Outcome.NOT_RUN if _REFUSED.search(message) else errors.Outcome.UNKNOWN
        return own(message, code=code, outcome=outcome)
    return BY_CODE.get(code, errors.RowgateError)(message, code=code)


def _details(rpc: grpc.aio.AioRpcError) -> dict[type, Any]:
    """The details of google.rpc.Status by their kind; none where they are missing or can't be read."""
    packed_status = next((value for key, value in rpc.trailing_metadata() or () if key == _DETAILS_KEY), None)
    details: dict[type, Any] = {}
    if isinstance(packed_status, bytes):
        with suppress(DecodeError):
            for packed in Status.FromString(packed_status).details:
                kind = _KINDS.get(packed.TypeName())
                if kind is not None:
                    details[kind] = kind.FromString(packed.value)
    return details


def _outcome(text: str | None) -> errors.Outcome | None:
    """A word of a newer gateway's counts as unknown, on which nothing is retried."""
    if text is None:
        return None
    return errors.Outcome(text) if text in errors.Outcome.__members__ else errors.Outcome.UNKNOWN


def _field_violations(bad_request: Any) -> tuple[errors.FieldViolation, ...]:
    if bad_request is None:
        return ()
    return tuple(errors.FieldViolation(each.field, each.description) for each in bad_request.field_violations)
