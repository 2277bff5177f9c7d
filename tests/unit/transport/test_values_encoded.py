"""Cells to the wire as Values: exact for every type, and back to the same value."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import pytest
from google.protobuf import struct_pb2
from hypothesis import given
from hypothesis import strategies as st

from rowgate.v1.result_pb2 import ResultSet
from rowgate.v1.value_pb2 import Value
from rowgate_server.engines.results import Column, Row
from rowgate_server.engines.values import Array, BoundValue, ValueType
from rowgate_server.transport.codec.rows import RowsEncoder
from rowgate_server.transport.codec.values import ARMS, decode_value

_ARM_OF = {kind: arm for arm, kind in ARMS.items()}
_NULL = Value(null_value=struct_pb2.NULL_VALUE)

DECIMALS = st.from_regex(r"\A-?[0-9]{1,40}(\.[0-9]{1,40})?\Z")
CELLS: dict[ValueType, st.SearchStrategy[Any]] = {
    ValueType.BOOL: st.booleans(),
    ValueType.INT: st.integers(-(2**63), 2**63 - 1),
    ValueType.UINT: st.integers(0, 2**64 - 1),
    ValueType.DOUBLE: st.floats(),
    ValueType.DECIMAL: DECIMALS,
    ValueType.STRING: st.text(),
    ValueType.BYTES: st.binary(),
    ValueType.DATE: st.dates().map(str),
    ValueType.TIME: st.times().map(str),
    ValueType.DATETIME: st.datetimes().map(lambda moment: moment.isoformat()),
    ValueType.TIMESTAMP: st.datetimes().map(lambda moment: f"{moment.isoformat()}+00:00"),
    ValueType.JSON: st.text(),
    ValueType.UUID: st.uuids().map(str),
    ValueType.INTERVAL: st.text(),
}
SCALARS = st.one_of(*(st.builds(BoundValue, st.just(kind), cells) for kind, cells in CELLS.items()))


def _arrays_of(kind: ValueType) -> st.SearchStrategy[Array]:
    members = st.recursive(
        st.lists(st.none() | CELLS[kind], max_size=5),
        lambda lists: st.lists(st.none() | lists, max_size=4),
        max_leaves=8,
    )
    return st.builds(Array, st.just(kind), members)


ARRAYS = st.sampled_from(list(CELLS)).flatmap(_arrays_of)


def _encoded(columns: Sequence[Column], rows: Sequence[Row]) -> list[list[Value]]:
    """The rows, after a journey over the wire."""
    result = ResultSet()
    encoder = RowsEncoder(tuple(columns))
    encoder.put(rows, result)
    encoder.end(result)
    return [list(row.values) for row in ResultSet.FromString(result.SerializeToString()).rows]


def _sent(kind: ValueType, *cells: Any) -> list[Value]:
    """The cells of one column."""
    return [value for (value,) in _encoded([Column("x", kind)], [(cell,) for cell in cells])]


def _same(found: Any, expected: Any) -> bool:
    """Equal and of one type; a NaN equals itself, and -0.0 is no 0.0."""
    if isinstance(expected, BoundValue):
        return found.type == expected.type and _same(found.value, expected.value)
    if isinstance(expected, list):
        return len(found) == len(expected) and all(map(_same, found, expected))
    if isinstance(expected, float):
        if math.isnan(expected):
            return math.isnan(found)
        return bool(found == expected) and math.copysign(1, found) == math.copysign(1, expected)
    return type(found) is type(expected) and found == expected


@given(SCALARS)
def test_every_cell_comes_back_as_it_was(value: BoundValue) -> None:
    (sent,) = _sent(value.type, value.value)
    assert sent.WhichOneof("kind") == _ARM_OF[value.type]
    assert _same(decode_value(sent, "x"), value)


@given(ARRAYS)
def test_every_list_comes_back_as_it_was(array: Array) -> None:
    (sent,) = _sent(ValueType.LIST, array)
    assert _same(decode_value(sent, "x"), array.bound())


def test_every_type_that_has_an_arm_is_tried() -> None:
    assert {*CELLS, ValueType.LIST, ValueType.NULL} == set(ARMS.values())


@pytest.mark.parametrize("kind", list(ValueType))
def test_null_is_explicit_in_a_column_of_every_type(kind: ValueType) -> None:
    assert _sent(kind, None) == [_NULL]


def test_null_members_of_a_list_are_explicit() -> None:
    (sent,) = _sent(ValueType.LIST, Array(ValueType.INT, [None, 0]))
    assert list(sent.list_value.values) == [_NULL, Value(int_value=0)]


def test_vectors_among_the_members_of_a_list_may_be_of_any_length() -> None:
    (sent,) = _sent(ValueType.LIST, Array(ValueType.DYNAMIC, [None, [1, 2], []]))
    vectors = [value.list_value.values for value in sent.list_value.values[1:]]
    assert sent.list_value.values[0] == _NULL
    assert list(map(list, vectors)) == [[Value(int_value=1), Value(int_value=2)], []]


@pytest.mark.parametrize(
    ("cell", "value"),
    [
        ("x", Value(string_value="x")),
        ("", Value(string_value="")),
        (0, Value(int_value=0)),
        (-(2**63), Value(int_value=-(2**63))),
        (0.0, Value(double_value=0.0)),
        (math.inf, Value(double_value=math.inf)),
        (b"", Value(bytes_value=b"")),
        (None, _NULL),
    ],
)
def test_a_dynamic_cell_tells_its_own_type(cell: Any, value: Value) -> None:
    assert _sent(ValueType.DYNAMIC, cell) == [value]


def test_rows_are_encoded_by_position_whatever_their_columns_are_called() -> None:
    columns = [Column("x", ValueType.INT), Column("x", ValueType.STRING), Column("", ValueType.BYTES)]
    assert _encoded(columns, [(1, "a", b"b"), (None, None, None)]) == [
        [Value(int_value=1), Value(string_value="a"), Value(bytes_value=b"b")],
        [_NULL] * 3,
    ]


def test_a_row_of_another_width_is_not_sent() -> None:
    with pytest.raises(ValueError, match="shorter"):
        _encoded([Column("x", ValueType.INT), Column("y", ValueType.INT)], [(1,)])


def test_no_rows_and_no_columns() -> None:
    assert _encoded([Column("x", ValueType.INT)], []) == []
    assert _encoded([], [()]) == [[]]
