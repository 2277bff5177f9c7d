"""Cells as Value messages.

They are written where they belong, into a message that holds them: one that is made apart and then put there is copied,
which trebles the time.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, TypeAlias

from google.protobuf import struct_pb2
from google.protobuf.internal.containers import RepeatedCompositeFieldContainer

from rowgate.v1 import value_pb2
from rowgate_server.engines.results import Column
from rowgate_server.engines.values import Array, ValueType, are_lists
from rowgate_server.transport.codec.values import ARMS

Values: TypeAlias = "RepeatedCompositeFieldContainer[value_pb2.Value]"

_BY_CELL = ""
"""Stands for the arm where it is the cell that tells it."""

_ARM_OF_TYPE: dict[ValueType, str] = {
    **{value_type: arm for arm, value_type in ARMS.items()},
    **dict.fromkeys((ValueType.NULL, ValueType.LIST, ValueType.DYNAMIC), _BY_CELL),
}
_ARM_OF_CELL: dict[type, str] = {
    bool: "bool_value",
    int: "int_value",
    float: "double_value",
    str: "string_value",
    bytes: "bytes_value",
}


def arms_of(columns: Iterable[Column]) -> list[str]:
    """For each column, what `write_cells` is to be told."""
    return [_ARM_OF_TYPE[column.type] for column in columns]


def write_cells(values: Values, arms: Iterable[str], cells: Iterable[Any]) -> None:
    """Append a Value for each cell, with one arm for each."""
    add = values.add
    for arm, cell in zip(arms, cells, strict=True):
        if cell is None:
            add().null_value = struct_pb2.NULL_VALUE
        elif arm:
            setattr(add(), arm, cell)
        else:
            _write_by_cell(add(), cell)


def _write_by_cell(value: value_pb2.Value, cell: Any) -> None:
    if isinstance(cell, Array):
        _write_members(value, _ARM_OF_TYPE[cell.type], cell.members)
    else:
        setattr(value, _ARM_OF_CELL[type(cell)], cell)


def _write_members(value: value_pb2.Value, arm: str, members: list[Any]) -> None:
    value.list_value.SetInParent()  # an empty list is no NULL
    values = value.list_value.values
    if not are_lists(members):
        write_cells(values, [arm] * len(members), members)
        return
    for inner in members:  # a further dimension
        if inner is None:
            values.add().null_value = struct_pb2.NULL_VALUE
        else:
            _write_members(values.add(), arm, inner)
