"""Value messages to bound values, checked."""

from __future__ import annotations

import decimal
import re
import uuid
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from rowgate.v1 import value_pb2
from rowgate_server.core.sqltext import MAX_PLACEHOLDERS
from rowgate_server.engines.values import NULL, BoundValue, ValueType
from rowgate_server.errors import Reason, RowgateError

MOST_VALUES = 2_000_000
"""Of a request."""

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


class Budget:
    """How many values a request may have, members of lists among them: as objects, they take a hundred times the room.

    Looked at before any of them is decoded.
    """

    __slots__ = ("_left",)

    def __init__(self) -> None:
        self._left = MOST_VALUES

    def take(self, count: int, field: str) -> None:
        """So many of them stand in this field.

        Raises:
            RowgateError: INVALID_PARAMETER, with the field.
        """
        self._left -= count
        if self._left < 0:
            raise RowgateError(
                Reason.INVALID_PARAMETER,
                f"the request has more than {MOST_VALUES:,} values, members of lists among them",
                field=field,
                limit=f"{MOST_VALUES:,} values",
                hint="send them in several requests",
            )


def decode_params(params: Mapping[str, value_pb2.Value], budget: Budget) -> dict[str, BoundValue]:
    """The values for `:name`."""
    _check_number(len(params), "params", budget)
    return {name: _decode_param(params[name], f"params[{name}]", name, budget) for name in params}


def decode_positional(values: Sequence[value_pb2.Value], budget: Budget) -> list[BoundValue]:
    """The values for `?`."""
    _check_number(len(values), "positional_params", budget)
    return [
        _decode_param(value, f"positional_params[{index}]", f"{index + 1}", budget)
        for index, value in enumerate(values)
    ]


def _check_number(count: int, field: str, budget: Budget) -> None:
    if count > MAX_PLACEHOLDERS:
        raise RowgateError(
            Reason.INVALID_PARAMETER,
            f"there are {count} values, and no statement has more than {MAX_PLACEHOLDERS} placeholders",
            field=field,
            limit=f"{MAX_PLACEHOLDERS} placeholders",
        )
    budget.take(count, field)


def _decode_param(value: value_pb2.Value, field: str, parameter: str, budget: Budget) -> BoundValue:
    """A value that answers for itself: the error names the parameter as the statement does, the first `?` by 1."""
    try:
        return decode_value(value, field, budget)
    except RowgateError as error:
        raise error.with_defaults(parameter=parameter) from None


def decode_value(value: value_pb2.Value, field: str, budget: Budget | None = None) -> BoundValue:
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
    if value_type is ValueType.LIST:
        return BoundValue(value_type, _decode_list(content, field, budget or Budget()))
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


def _decode_list(members: value_pb2.ValueList, field: str, budget: Budget) -> list[BoundValue]:
    budget.take(len(members.values), field)
    decoded: list[BoundValue] = []
    for index, member in enumerate(members.values):
        try:
            decoded.append(decode_value(member, "", budget))
        except RowgateError as error:
            # To name each member, lest it is at fault, would take a third of the time.
            error.field = f"{field}.list_value[{index}]{error.field}"
            raise
    return decoded


def _malformed(field: str, expected: str) -> RowgateError:
    return RowgateError(Reason.INVALID_PARAMETER, f"the value is not {expected}", field=field)


_DECODERS: dict[ValueType, Callable[[Any, str], str]] = {
    ValueType.DECIMAL: _decode_decimal,
    ValueType.UUID: _decode_uuid,
}
