"""Filter messages to filters of the core's, checked for depth and size."""

from __future__ import annotations

from rowgate.v1 import filter_pb2
from rowgate_server.core.crud.filters import (
    DEEPEST,
    MOST_NODES,
    MOST_VALUES,
    And,
    Comparison,
    Filter,
    Not,
    Operator,
    Or,
)
from rowgate_server.errors import Outcome, Reason, RowgateError
from rowgate_server.transport.codec.values import decode_value

_OPERATORS: dict[int, Operator] = {operator.value: operator for operator in Operator}


def decode_filter(message: filter_pb2.Filter, field: str = "filter") -> Filter:
    """A filter.

    Raises:
        RowgateError: INVALID_REQUEST or INVALID_PARAMETER, with the field at fault.
    """
    return _Decoder().decode(message, field, 1)


class _Decoder:
    """Counts what one filter holds."""

    def __init__(self) -> None:
        self._nodes = 0
        self._values = 0

    def decode(self, message: filter_pb2.Filter, path: str, depth: int) -> Filter:
        """One node, and what is below it."""
        self._nodes += 1
        if depth > DEEPEST:
            raise _refusal("the filter is too deep", path, f"{DEEPEST} nodes deep")
        if self._nodes > MOST_NODES:
            raise _refusal("the filter has too many nodes", path, f"{MOST_NODES} nodes")
        kind = message.WhichOneof("kind")
        if kind == "compare":
            return self._comparison(message.compare, f"{path}.compare")
        if kind == "not":
            return Not(self.decode(getattr(message, "not"), f"{path}.not", depth + 1))
        if kind is None:
            raise _refusal("the filter is not set: compare, and, or, not", path)
        below = tuple(
            self.decode(each, f"{path}.{kind}.filters[{index}]", depth + 1)
            for index, each in enumerate(getattr(message, kind).filters)
        )
        return And(below) if kind == "and" else Or(below)

    def _comparison(self, message: filter_pb2.Comparison, path: str) -> Comparison:
        operator = _OPERATORS.get(message.op)
        if operator is None:
            raise _refusal("the comparison has no operator, or one that the gateway does not know", f"{path}.op")
        self._values += len(message.values)
        if self._values > MOST_VALUES:
            raise _refusal("the filter has too many values", f"{path}.values", f"{MOST_VALUES} values")
        return Comparison(
            column=message.column,
            operator=operator,
            value=decode_value(message.value, f"{path}.value") if message.HasField("value") else None,
            values=tuple(decode_value(value, f"{path}.values[{index}]") for index, value in enumerate(message.values)),
        )


def _refusal(message: str, field: str, limit: str | None = None) -> RowgateError:
    return RowgateError(Reason.INVALID_REQUEST, message, field=field, outcome=Outcome.NOT_RUN, limit=limit)
