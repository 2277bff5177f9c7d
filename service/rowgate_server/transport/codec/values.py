"""Value messages to bound values, checked."""

from __future__ import annotations

import decimal
import re
import uuid
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from rowgate.v1 import value_pb2
from rowgate_server.engines.values import NULL, BoundValue, ValueType
from rowgate_server.errors import Reason, RowgateError

_PLAIN_DECIMAL = re.compile(r"-?\d{1,1000}(\.\d{1,1000})?\Z", re.ASCII)
_DECIMAL = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d{1,4})?\Z", re.ASCII)
_NOT_FINITE = frozenset({"NaN", "Infinity", "-Infinity"})
_LONGEST_DECIMAL = 1000
_LARGEST_EXPONENT = 1000
# Stricter than uuid.UUID, which takes `0x...`, underscores and any script's digits.
_UUID = re.compile(r"[0-9A-Fa-f]{8}(-?)([0-9A-Fa-f]{4}\1){3}[0-9A-Fa-f]{12}\Z")

ARMS: dict[str, ValueType] = {
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
    return {name: _decode_param(params[name], f"params[{name}]", name) for name in params}


def decode_positional(values: Sequence[value_pb2.Value]) -> list[BoundValue]:
    """The values for `?`."""
    return [_decode_param(value, f"positional_params[{index}]", f"{index + 1}") for index, value in enumerate(values)]


def _decode_param(value: value_pb2.Value, field: str, parameter: str) -> BoundValue:
    """A value that answers for itself: the error names the parameter as the statement does, the first `?` by 1."""
    try:
        return decode_value(value, field)
    except RowgateError as error:
        raise error.with_defaults(parameter=parameter) from None


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
        )
    value_type = ARMS[arm]
    if value_type is ValueType.NULL:
        return NULL
    content = getattr(value, arm)
    decode = _DECODERS.get(value_type)
    if decode is None:
        return BoundValue(value_type, content)
    return BoundValue(value_type, decode(content, field))


def _decode_decimal(text: str, field: str) -> str:
    """Without exponent and plus sign: MySQL reads `1e2` as a DOUBLE."""
    if _PLAIN_DECIMAL.match(text) or text in _NOT_FINITE:  # the engines without such decimals refuse them
        return text
    if len(text) > _LONGEST_DECIMAL or not _DECIMAL.match(text):
        raise _malformed(field, "a decimal number such as -12.30")
    number = decimal.Decimal(text)
    if abs(number.adjusted()) > _LARGEST_EXPONENT:
        raise RowgateError(Reason.VALUE_OUT_OF_RANGE, "the decimal number is beyond 10^1000", field=field)
    return format(number, "f")


def _decode_uuid(text: str, field: str) -> str:
    if not _UUID.match(text):
        raise _malformed(field, "a UUID such as 123e4567-e89b-12d3-a456-426614174000")
    return str(uuid.UUID(text))


def _decode_list(members: value_pb2.ValueList, field: str) -> list[BoundValue]:
    decoded: list[BoundValue] = []
    for index, member in enumerate(members.values):
        try:
            decoded.append(decode_value(member, ""))
        except RowgateError as error:
            # To name each member, lest it is at fault, would take a third of the time.
            error.field = f"{field}.list_value[{index}]{error.field}"
            raise
    return decoded


def _malformed(field: str, expected: str) -> RowgateError:
    return RowgateError(Reason.INVALID_PARAMETER, f"the value is not {expected}", field=field)


_DECODERS: dict[ValueType, Callable[[Any, str], Any]] = {
    ValueType.DECIMAL: _decode_decimal,
    ValueType.UUID: _decode_uuid,
    ValueType.LIST: _decode_list,
}
