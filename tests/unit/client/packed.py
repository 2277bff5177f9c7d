"""Results laid out as columns, made of the rows that the same result would have."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from rowgate.v1 import query_service_pb2 as query_pb
from rowgate.v1 import result_pb2
from rowgate.v1.result_pb2 import Column, ColumnBatch, ColumnVector, QueryStats, ResultSet, Row

_FIELDS: Final = {
    result_pb2.COLUMN_TYPE_BOOL: ("bools", "bool_value", False),
    result_pb2.COLUMN_TYPE_INT: ("ints", "int_value", 0),
    result_pb2.COLUMN_TYPE_UINT: ("uints", "uint_value", 0),
    result_pb2.COLUMN_TYPE_DOUBLE: ("doubles", "double_value", 0.0),
    result_pb2.COLUMN_TYPE_BYTES: ("blobs", "bytes_value", b""),
    result_pb2.COLUMN_TYPE_DECIMAL: ("texts", "decimal_value", ""),
    result_pb2.COLUMN_TYPE_STRING: ("texts", "string_value", ""),
    result_pb2.COLUMN_TYPE_DATE: ("texts", "date_value", ""),
    result_pb2.COLUMN_TYPE_TIME: ("texts", "time_value", ""),
    result_pb2.COLUMN_TYPE_DATETIME: ("texts", "datetime_value", ""),
    result_pb2.COLUMN_TYPE_TIMESTAMP: ("texts", "timestamp_value", ""),
    result_pb2.COLUMN_TYPE_JSON: ("texts", "json_value", ""),
    result_pb2.COLUMN_TYPE_UUID: ("texts", "uuid_value", ""),
    result_pb2.COLUMN_TYPE_INTERVAL: ("texts", "interval_value", ""),
}


def packed(columns: Sequence[Column], rows: Sequence[Row], *, described: bool = True) -> ResultSet:
    """The result; without the columns' description, a chunk in the middle of a stream."""
    batch = ColumnBatch(row_count=len(rows))
    for at, column in enumerate(columns):
        batch.vectors.append(_vector(column, [row.values[at] for row in rows]))
    return ResultSet(columns=columns if described else None, column_batch=batch)


def _vector(column: Column, values: Sequence[Any]) -> ColumnVector:
    if column.type not in _FIELDS:
        return ColumnVector(values=values)
    field, arm, filler = _FIELDS[column.type]
    vector = ColumnVector()
    nulls = bytearray((len(values) + 7) // 8)
    for at, value in enumerate(values):
        null = value.HasField("null_value")
        nulls[at // 8] |= null << at % 8
        getattr(vector, field).append(filler if null else getattr(value, arm))
    if any(nulls):
        vector.nulls = bytes(nulls)
    return vector


def answer_of(result: ResultSet, **stats: Any) -> query_pb.ExecuteQueryResponse:
    """A whole result."""
    return query_pb.ExecuteQueryResponse(result=result, stats=QueryStats(**stats))


def message_of(result: ResultSet | None = None, *, last: bool = False) -> query_pb.StreamQueryResponse:
    """A message of a stream; the last one has figures."""
    return query_pb.StreamQueryResponse(result=result, stats=QueryStats() if last else None)
