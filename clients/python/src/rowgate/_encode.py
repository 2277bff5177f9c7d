"""From Python values to the wire's Value: exactly, or not at all."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from functools import singledispatch
from typing import Any, Final
from uuid import UUID

from google.protobuf.struct_pb2 import NULL_VALUE
from grpc import StatusCode

from rowgate._errors import FieldViolation, InvalidParameter, Outcome
from rowgate._types import ColumnType, Interval, Json, TemporalText
from rowgate.v1.value_pb2 import Value, ValueList

_INT64_MIN: Final = -(2**63)
_INT64_MAX: Final = 2**63 - 1
_UINT64_MAX: Final = 2**64 - 1

_TEMPORAL_ARM: Final = {
    ColumnType.DATE: "date_value",
    ColumnType.TIME: "time_value",
    ColumnType.DATETIME: "datetime_value",
    ColumnType.TIMESTAMP: "timestamp_value",
    ColumnType.INTERVAL: "interval_value",
}


def encode_named(params: Mapping[str, Any]) -> dict[str, Value]:
    """The values for `:name`.

    Raises:
        InvalidParameter: one of them can't be sent as it is.
    """
    return {name: _encode_param(value, name, f"params[{name}]") for name, value in params.items()}


def encode_positional(params: Sequence[Any]) -> list[Value]:
    """The values for `?`.

    Raises:
        InvalidParameter: one of them can't be sent as it is.
    """
    return [_encode_param(value, str(at), f"positional_params[{at}]") for at, value in enumerate(params)]


def _encode_param(value: Any, name: str, field: str) -> Value:
    return encode_named_value(value, name, kind="parameter", field=field)


def encode_cell(value: Any, column: str, field: str) -> Value:
    """The value that a column is to have, or is compared with; `field` is the request's.

    Raises:
        InvalidParameter: it can't be sent as it is.
    """
    return encode_named_value(value, column, kind="column", field=field)


def encode_into(cell: Value, value: Any) -> None:
    """The Value of a Python object, into one that is there already and empty.

    For what most cells are, that takes a fifth of the time.

    Raises:
        TypeError: no Value holds an object of this type.
        ValueError: no Value holds this one.
    """
    kind = type(value)
    if kind is str:
        cell.string_value = value
    elif kind is int and _INT64_MIN <= value <= _INT64_MAX:
        cell.int_value = value
    elif kind is float:
        cell.double_value = value
    else:
        cell.CopyFrom(encode(value))


def encode_named_value(value: Any, name: str, *, kind: str, field: str) -> Value:
    """A value; where it can't be sent, the error has its name, and never itself: it may be a secret.

    Args:
        value: any Python object.
        name: of the parameter, or of the column.
        kind: `parameter` or `column`, also the key of the name in the error's metadata.
        field: the request's field, as a path.

    Raises:
        InvalidParameter: it can't be sent as it is.
    """
    try:
        return encode(value)
    except UnicodeEncodeError:
        problem = "the text has a lone surrogate, which UTF-8 has no form for"
    except (TypeError, ValueError) as error:
        problem = str(error)
    raise InvalidParameter(
        f"{kind} {name!r}: {problem}",
        reason="INVALID_PARAMETER",
        code=StatusCode.INVALID_ARGUMENT,
        metadata={kind: name},
        outcome=Outcome.NOT_RUN,
        field_violations=(FieldViolation(field, problem),),
    )


@singledispatch
def encode(value: Any) -> Value:
    """The Value of a Python object, told by its type.

    Raises:
        TypeError: no Value holds an object of this type.
        ValueError: no Value holds this one.
    """
    hint = _HINTS.get(type(value), "")
    raise TypeError(f"a {type(value).__qualname__} can't be sent{hint}")


_HINTS: Final[Mapping[type, str]] = {
    dict: ": spread named values with **, send a JSON document as rowgate.Json.dumps(...)",
    set: ": a list can",
    frozenset: ": a list can",
}


@encode.register
def _(_value: None) -> Value:
    return Value(null_value=NULL_VALUE)


@encode.register
def _(value: bool) -> Value:
    return Value(bool_value=value)


@encode.register
def _(value: int) -> Value:
    if _INT64_MIN <= value <= _INT64_MAX:
        return Value(int_value=value)
    if 0 <= value <= _UINT64_MAX:
        return Value(uint_value=value)
    raise ValueError("the integer is beyond 64 bits: send it as a decimal.Decimal")


@encode.register
def _(value: float) -> Value:
    return Value(double_value=value)


@encode.register
def _(value: Decimal) -> Value:
    return Value(decimal_value=str(value))


@encode.register
def _(value: str) -> Value:
    return Value(string_value=value)


@encode.register
def _(value: Json) -> Value:
    return Value(json_value=value)


@encode.register
def _(value: TemporalText) -> Value:
    encoded = Value()
    setattr(encoded, _TEMPORAL_ARM[value.type], value)
    return encoded


@encode.register(bytes)
@encode.register(bytearray)
@encode.register(memoryview)
def _(value: bytes | bytearray | memoryview) -> Value:
    return Value(bytes_value=bytes(value))


@encode.register
def _(value: datetime) -> Value:
    text = value.isoformat(timespec="microseconds")
    return Value(datetime_value=text) if value.utcoffset() is None else Value(timestamp_value=text)


@encode.register
def _(value: date) -> Value:
    return Value(date_value=value.isoformat())


@encode.register
def _(value: time) -> Value:
    if value.tzinfo is not None and value.utcoffset() is None:
        raise ValueError("the time's zone has no one offset: it depends on the date")
    return Value(time_value=value.isoformat(timespec="microseconds"))


@encode.register
def _(value: timedelta) -> Value:
    return Value(interval_value=str(Interval.from_timedelta(value)))


@encode.register
def _(value: Interval) -> Value:
    return Value(interval_value=str(value))


@encode.register
def _(value: UUID) -> Value:
    return Value(uuid_value=str(value))


@encode.register(list)
@encode.register(tuple)
def _(value: list[Any] | tuple[Any, ...]) -> Value:
    return Value(list_value=ValueList(values=[encode(member) for member in value]))
