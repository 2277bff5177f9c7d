"""Value messages to bound values, checked, and cells to Value messages."""

from __future__ import annotations

import decimal
import re
import uuid
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from google.protobuf import struct_pb2

from rowgate.v1 import result_pb2, value_pb2
from rowgate_server.engines.results import Column, Row
from rowgate_server.engines.values import NULL, BoundValue, ValueType
from rowgate_server.errors import Reason, RowgateError

_PLAIN_DECIMAL = re.compile(r"-?\d{1,1000}(\.\d{1,1000})?\Z", re.ASCII)
_DECIMAL = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d{1,4})?\Z", re.ASCII)
_LONGEST_DECIMAL = 1000
_LARGEST_EXPONENT = 1000

_ARMS: dict[str, ValueType] = {
    "null_value": ValueType.NULL,
    "bool_value": ValueType.BOOL,
    "int_value": ValueType.INT,
    "uint_value": ValueType.UINT,
    "double_value": ValueType.DOUBLE,
    "decimal_value": ValueType.DECIMAL,
    "string_value": ValueType.STRING,
    "bytes_value": ValueType.BYTES,
    "date_value": ValueType.DATE,
    "time_value": ValueType.TIME,
    "datetime_value": ValueType.DATETIME,
    "timestamp_value": ValueType.TIMESTAMP,
    "json_value": ValueType.JSON,
    "uuid_value": ValueType.UUID,
    "interval_value": ValueType.INTERVAL,
    "list_value": ValueType.LIST,
}


def decode_params(params: Mapping[str, value_pb2.Value]) -> dict[str, BoundValue]:
    """The values for `:name`."""
    return {name: decode_value(params[name], f"params[{name}]") for name in params}


def decode_positional(values: Sequence[value_pb2.Value]) -> list[BoundValue]:
    """The values for `?`."""
    return [decode_value(value, f"positional_params[{index}]") for index, value in enumerate(values)]


def decode_value(value: value_pb2.Value, field: str) -> BoundValue:
    """One value.

    Raises:
        RowgateError: INVALID_PARAMETER: no arm is set, or its text is not of its arm's form.
    """
    arm = value.WhichOneof("kind")
    if arm is None:
        raise RowgateError(
            Reason.INVALID_PARAMETER,
            'the value has no kind set; NULL is {"nullValue": "NULL_VALUE"}',
            field=field,
            parameter=field,
        )
    value_type = _ARMS[arm]
    if value_type is ValueType.NULL:
        return NULL
    content = getattr(value, arm)
    decode = _DECODERS.get(value_type)
    if decode is None:
        return BoundValue(value_type, content)
    return BoundValue(value_type, decode(content, field))


def _decode_decimal(text: str, field: str) -> str:
    """Without exponent and plus sign: MySQL reads `1e2` as a DOUBLE."""
    if _PLAIN_DECIMAL.match(text):
        return text
    if len(text) > _LONGEST_DECIMAL or not _DECIMAL.match(text):
        raise _malformed(field, "a decimal number such as -12.30")
    number = decimal.Decimal(text)
    if abs(number.adjusted()) > _LARGEST_EXPONENT:
        raise RowgateError(
            Reason.VALUE_OUT_OF_RANGE, "the decimal number is beyond 10^1000", field=field, parameter=field
        )
    return format(number, "f")


def _decode_uuid(text: str, field: str) -> str:
    try:
        return str(uuid.UUID(text))
    except ValueError:
        raise _malformed(field, "a UUID such as 123e4567-e89b-12d3-a456-426614174000") from None


def _decode_list(members: value_pb2.ValueList, field: str) -> list[BoundValue]:
    return [decode_value(member, f"{field}.list_value[{index}]") for index, member in enumerate(members.values)]


def _malformed(field: str, expected: str) -> RowgateError:
    return RowgateError(Reason.INVALID_PARAMETER, f"the value is not {expected}", field=field, parameter=field)


_DECODERS: dict[ValueType, Callable[[Any, str], Any]] = {
    ValueType.DECIMAL: _decode_decimal,
    ValueType.UUID: _decode_uuid,
    ValueType.LIST: _decode_list,
}

NULL_VALUE = value_pb2.Value(null_value=struct_pb2.NULL_VALUE)


def encode_rows(columns: Sequence[Column], rows: Iterable[Row]) -> list[result_pb2.Row]:
    """A Value per cell."""
    encoders = [_ENCODERS[column.type] for column in columns]
    null = NULL_VALUE
    return [
        result_pb2.Row(
            values=[null if cell is None else encode(cell) for encode, cell in zip(encoders, row, strict=True)]
        )
        for row in rows
    ]


def _encode_dynamic(cell: Any) -> value_pb2.Value:
    """What SQLite's cell happens to hold."""
    if isinstance(cell, str):
        return value_pb2.Value(string_value=cell)
    if isinstance(cell, int):
        return value_pb2.Value(int_value=cell)
    if isinstance(cell, float):
        return value_pb2.Value(double_value=cell)
    return value_pb2.Value(bytes_value=cell)


def _encode_list(members: Iterable[BoundValue | None]) -> value_pb2.Value:
    values = [
        NULL_VALUE if member is None or member.value is None else _ENCODERS[member.type](member.value)
        for member in members
    ]
    return value_pb2.Value(list_value=value_pb2.ValueList(values=values))


_ENCODERS: dict[ValueType, Callable[[Any], value_pb2.Value]] = {
    ValueType.NULL: _encode_dynamic,
    ValueType.BOOL: lambda cell: value_pb2.Value(bool_value=cell),
    ValueType.INT: lambda cell: value_pb2.Value(int_value=cell),
    ValueType.UINT: lambda cell: value_pb2.Value(uint_value=cell),
    ValueType.DOUBLE: lambda cell: value_pb2.Value(double_value=cell),
    ValueType.DECIMAL: lambda cell: value_pb2.Value(decimal_value=cell),
    ValueType.STRING: lambda cell: value_pb2.Value(string_value=cell),
    ValueType.BYTES: lambda cell: value_pb2.Value(bytes_value=cell),
    ValueType.DATE: lambda cell: value_pb2.Value(date_value=cell),
    ValueType.TIME: lambda cell: value_pb2.Value(time_value=cell),
    ValueType.DATETIME: lambda cell: value_pb2.Value(datetime_value=cell),
    ValueType.TIMESTAMP: lambda cell: value_pb2.Value(timestamp_value=cell),
    ValueType.JSON: lambda cell: value_pb2.Value(json_value=cell),
    ValueType.UUID: lambda cell: value_pb2.Value(uuid_value=cell),
    ValueType.INTERVAL: lambda cell: value_pb2.Value(interval_value=cell),
    ValueType.LIST: _encode_list,
    ValueType.DYNAMIC: _encode_dynamic,
}
