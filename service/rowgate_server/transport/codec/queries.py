"""QueryService's messages: requests checked and decoded, results encoded."""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import TypeAlias, cast

from rowgate.v1 import query_service_pb2, result_pb2
from rowgate_server.core.query import QueryMode, QueryOptions, QueryRequest
from rowgate_server.engines.results import Stats, Truncation, row_too_large
from rowgate_server.engines.values import BoundValue
from rowgate_server.errors import Reason, RowgateError
from rowgate_server.transport.codec.encodings import ROWS, Encoding, choose_encoding
from rowgate_server.transport.codec.routes import decode_reading
from rowgate_server.transport.codec.values import Budget, decode_params, decode_positional

AnyQuery: TypeAlias = query_service_pb2.ExecuteQueryRequest | query_service_pb2.StreamQueryRequest

TAG = re.compile(r"[A-Za-z0-9._/:-]{1,64}\Z")
MODES: dict[int, QueryMode] = {
    query_service_pb2.QUERY_MODE_UNSPECIFIED: QueryMode.EXECUTE,
    query_service_pb2.QUERY_MODE_EXECUTE: QueryMode.EXECUTE,
    query_service_pb2.QUERY_MODE_DESCRIBE: QueryMode.DESCRIBE,
    query_service_pb2.QUERY_MODE_PLAN: QueryMode.PLAN,
    query_service_pb2.QUERY_MODE_PROFILE: QueryMode.PROFILE,
}
_NO_OPTIONS = QueryOptions()
_NO_PARAMS: Mapping[str, BoundValue] = MappingProxyType({})
_SECOND = 1_000_000
"""Microseconds."""

_TRUNCATIONS: dict[Truncation, result_pb2.TruncationReason.ValueType] = {
    Truncation.MAX_ROWS: result_pb2.TRUNCATION_REASON_MAX_ROWS,
    Truncation.MAX_BYTES: result_pb2.TRUNCATION_REASON_MAX_BYTES,
}


def decode_query(request: AnyQuery, call_timeout: float | None, query_id: str) -> tuple[QueryRequest, Encoding]:
    """A query, checked and named, and how its result is to be laid out.

    Raises:
        RowgateError: INVALID_PARAMETER, INVALID_REQUEST or NOT_SUPPORTED, with the field at fault.
    """
    options, encoding = _NO_OPTIONS, ROWS
    if request.HasField("options"):
        options, encoding = decode_options(request.options), choose_encoding(request.options.encoding)
    params, positional = request.params, request.positional_params
    return QueryRequest(
        request.database,
        request.sql,
        decode_params(params, Budget()) if params else _NO_PARAMS,
        decode_positional(positional, Budget()) if positional else (),
        options,
        call_timeout,
        query_id,
    ), encoding


def check_mode(query: QueryRequest) -> None:
    """Refuse to stream anything but a result.

    Raises:
        RowgateError: INVALID_REQUEST.
    """
    if query.options.mode is not QueryMode.EXECUTE:
        raise RowgateError(
            Reason.INVALID_REQUEST,
            f"the mode {query.options.mode.name} has no stream",
            field="options.mode",
            hint="use ExecuteQuery",
        )


def sealed_chunk(
    response: query_service_pb2.StreamQueryResponse, largest: int
) -> query_service_pb2.StreamQueryResponse:
    """The chunk as bytes, laid out once: asking a message for its size costs as much. See `answers.with_result`.

    Raises:
        RowgateError: RESULT_TOO_LARGE, for what gRPC would refuse to send: a row that fills a message by itself.
    """
    octets = response.SerializeToString()
    if len(octets) > largest:
        raise row_too_large(f"{largest} bytes in a message")
    return cast("query_service_pb2.StreamQueryResponse", octets)


def write_stats(stats: Stats, figures: result_pb2.QueryStats) -> None:
    """The figures, written where they belong: most are not there, and a keyword each would cost four times as much."""
    figures.query_id = stats.query_id
    figures.row_count = stats.row_count
    # Duration's own conversions are Python, and cost more than all else here.
    elapsed, micros = figures.elapsed, round(stats.elapsed * 1_000_000)
    if micros >= _SECOND:
        elapsed.seconds, micros = divmod(micros, _SECOND)
    elapsed.nanos = micros * 1000
    completion = stats.completion
    if completion.affected_rows is not None:
        figures.affected_rows = completion.affected_rows
    if completion.last_insert_id is not None:
        figures.last_insert_id = completion.last_insert_id
    if stats.truncation is not None:
        figures.truncated = True
        figures.truncation_reason = _TRUNCATIONS[stats.truncation]
    if stats.replica:
        figures.replica = stats.replica
    for warning in completion.warnings:
        figures.warnings.add(code=warning.code, message=warning.message, level=warning.level)


def decode_options(options: query_service_pb2.QueryOptions) -> QueryOptions:
    """Limits and labels, checked.

    Raises:
        RowgateError: INVALID_REQUEST, with the field at fault.
    """
    timeout = None
    if options.HasField("timeout"):
        timeout = options.timeout.seconds + options.timeout.nanos / 1e9
        if timeout <= 0:
            raise _refused("options.timeout", "the timeout is not above zero")
    for field in ("max_rows", "max_bytes"):
        if getattr(options, field) < 0:
            raise _refused(f"options.{field}", f"{field} is negative")
    if options.tag and not TAG.match(options.tag):
        raise _refused("options.tag", "a tag is 1 to 64 of A-Z a-z 0-9 . _ / : -")
    mode = MODES.get(options.mode)
    if mode is None:
        raise _refused(
            "options.mode", "the gateway does not know this mode; EXECUTE, DESCRIBE, PLAN and PROFILE it does"
        )
    return QueryOptions(
        timeout=timeout,
        max_rows=options.max_rows or None,
        max_bytes=options.max_bytes or None,
        read_only=options.read_only,
        tag=options.tag,
        mode=mode,
        reading=decode_reading(
            options, bounded=options.HasField("max_staleness"), read_only=options.read_only, prefix="options."
        ),
    )


def _refused(field: str, message: str) -> RowgateError:
    return RowgateError(Reason.INVALID_REQUEST, message, field=field)
