"""QueryService's messages: requests checked and decoded, results encoded."""

from __future__ import annotations

import re
from typing import TypeAlias

from google.protobuf import duration_pb2

from rowgate.v1 import query_service_pb2, result_pb2
from rowgate_server.core.query import QueryOptions, QueryRequest
from rowgate_server.engines.results import Completion, Stats, Truncation, result_too_large
from rowgate_server.errors import Reason, RowgateError
from rowgate_server.transport.codec.encodings import Encoding, choose_encoding
from rowgate_server.transport.codec.values import decode_params, decode_positional

AnyQuery: TypeAlias = query_service_pb2.ExecuteQueryRequest | query_service_pb2.StreamQueryRequest

_TAG = re.compile(r"[A-Za-z0-9._/:-]{1,64}\Z")
_TRUNCATIONS: dict[Truncation | None, result_pb2.TruncationReason.ValueType] = {
    None: result_pb2.TRUNCATION_REASON_UNSPECIFIED,
    Truncation.MAX_ROWS: result_pb2.TRUNCATION_REASON_MAX_ROWS,
    Truncation.MAX_BYTES: result_pb2.TRUNCATION_REASON_MAX_BYTES,
}


def decode_query(request: AnyQuery, call_timeout: float | None) -> tuple[QueryRequest, Encoding]:
    """A query, checked, and how its result is to be laid out.

    Raises:
        RowgateError: INVALID_PARAMETER, INVALID_REQUEST or NOT_SUPPORTED, with the field at fault.
    """
    query = QueryRequest(
        database=request.database,
        sql=request.sql,
        params=decode_params(request.params),
        positional_params=decode_positional(request.positional_params),
        options=_decode_options(request.options) if request.HasField("options") else QueryOptions(),
        call_timeout=call_timeout,
    )
    return query, choose_encoding(request.options.encoding)


def check_size(response: query_service_pb2.ExecuteQueryResponse, largest: int) -> None:
    """Refuse what gRPC would refuse to send, with a reason: cells weigh more on the wire than their content.

    Raises:
        RowgateError: RESULT_TOO_LARGE.
    """
    if response.ByteSize() > largest:
        raise result_too_large(f"{largest} bytes in a message")


def encode_stats(stats: Stats) -> result_pb2.QueryStats:
    """The figures."""
    elapsed = duration_pb2.Duration()
    elapsed.FromMicroseconds(round(stats.elapsed * 1_000_000))
    completion: Completion = stats.completion
    return result_pb2.QueryStats(
        affected_rows=completion.affected_rows,
        last_insert_id=completion.last_insert_id,
        row_count=stats.row_count,
        truncated=stats.truncation is not None,
        truncation_reason=_TRUNCATIONS[stats.truncation],
        warnings=[
            result_pb2.QueryWarning(code=warning.code, message=warning.message, level=warning.level)
            for warning in completion.warnings
        ],
        elapsed=elapsed,
        query_id=stats.query_id,
    )


def _decode_options(options: query_service_pb2.QueryOptions) -> QueryOptions:
    timeout = None
    if options.HasField("timeout"):
        timeout = options.timeout.seconds + options.timeout.nanos / 1e9
        if timeout <= 0:
            raise _refused("options.timeout", "the timeout is not above zero")
    for field in ("max_rows", "max_bytes"):
        if getattr(options, field) < 0:
            raise _refused(f"options.{field}", f"{field} is negative")
    if options.tag and not _TAG.match(options.tag):
        raise _refused("options.tag", "a tag is 1 to 64 of A-Z a-z 0-9 . _ / : -")
    return QueryOptions(
        timeout=timeout,
        max_rows=options.max_rows or None,
        max_bytes=options.max_bytes or None,
        read_only=options.read_only,
        tag=options.tag,
    )


def _refused(field: str, message: str) -> RowgateError:
    return RowgateError(Reason.INVALID_REQUEST, message, field=field)
