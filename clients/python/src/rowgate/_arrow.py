"""Results as Arrow tables. Imports pyarrow, so imported on its first use only.

A column has Arrow's own type where that holds every value in it exactly. Where it does not (MySQL's `0000-00-00` among
dates, NaN among decimals) the whole column is text, in the form that the wire has, as JSON, UUIDs and intervals always
are. Fields carry the words of the column, as `rowgate.type` and `rowgate.database_type`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import time
from itertools import accumulate
from typing import Any, Final

import pyarrow as pa
import pyarrow.compute as pc

from rowgate._decode import decode_texts
from rowgate._errors import ProtocolError
from rowgate._rows import Column
from rowgate._types import ColumnType
from rowgate._vectors import VALUES, field_of, presence
from rowgate.v1.result_pb2 import ColumnVector, ResultSet
from rowgate.v1.value_pb2 import Value

_ARROW_DECIMALS: Final = ((38, pa.decimal128), (76, pa.decimal256))
_TYPES: Final[Mapping[ColumnType, pa.DataType]] = {
    ColumnType.BOOL: pa.bool_(),
    ColumnType.INT: pa.int64(),
    ColumnType.UINT: pa.uint64(),
    ColumnType.DOUBLE: pa.float64(),
    ColumnType.BYTES: pa.binary(),
    ColumnType.DATE: pa.date32(),
    ColumnType.TIME: pa.time64("us"),
    ColumnType.DATETIME: pa.timestamp("us"),
    ColumnType.TIMESTAMP: pa.timestamp("us", "UTC"),
}
"""What the cells of a type are in Arrow, if they can be; cells of the types that are not here are text."""


def table_of(columns: Sequence[Column], message: ResultSet) -> pa.Table:
    """The rows of a message, which a Batch has checked.

    Raises:
        ProtocolError: a cell makes no sense.
    """
    arrays = list(_arrays(columns, message))
    fields = [
        pa.field(column.name, array.type, metadata=_metadata(column))
        for column, array in zip(columns, arrays, strict=True)
    ]
    return pa.Table.from_arrays(arrays, schema=pa.schema(fields))


def _metadata(column: Column) -> dict[str, str]:
    told = {"rowgate.type": str(column.type)}
    return {**told, "rowgate.database_type": column.database_type} if column.database_type else told


def _arrays(columns: Sequence[Column], message: ResultSet) -> Iterable[pa.Array]:
    if message.HasField("column_batch"):
        for column, vector in zip(columns, message.column_batch.vectors, strict=True):
            yield _of_vector(column, vector)
    else:
        if any(len(row.values) != len(columns) for row in message.rows):
            raise ProtocolError(f"a row has not one cell for each of {len(columns)} columns")
        for at, column in enumerate(columns):
            yield _of_values(column, [row.values[at] for row in message.rows])


def _of_vector(column: Column, vector: ColumnVector) -> pa.Array:
    field = field_of(column.type)
    cells = getattr(vector, field)[:]
    if field == VALUES:
        return _of_values(column, cells)
    if vector.nulls:
        there = presence(vector.nulls, len(cells))
        cells = [cell if present else None for cell, present in zip(cells, there, strict=True)]
    return _of_cells(column, cells)


def _of_values(column: Column, values: Sequence[Value]) -> pa.Array:
    """Values of one kind are a column of that kind; those of several are a union, each as what it is."""
    kinds: list[str] = [value.WhichOneof("kind") or "" for value in values]
    found = dict.fromkeys(kinds)
    if "" in found:
        raise ProtocolError("a value is of a kind that this client does not know")
    found.pop("null_value", None)
    if len(found) > 1:
        return _union(column, values, kinds)
    if not found:
        return _empty_or_null(column, len(values))
    (kind,) = found
    if kind == "list_value":
        return _lists(values)
    cells = [None if value.HasField("null_value") else getattr(value, kind) for value in values]
    return _of_cells(_told_by(kind, column), cells)


def _told_by(kind: str, column: Column) -> Column:
    """The column that cells of that kind make: what is known of its decimals holds for no other."""
    told = ColumnType(kind.removesuffix("_value").upper())
    return column if told is column.type else Column(column.name, told)


def _empty_or_null(column: Column, count: int) -> pa.Array:
    if field_of(column.type) == VALUES:
        return pa.nulls(count)
    return _of_cells(column, [None] * count)


def _union(column: Column, values: Sequence[Value], kinds: Sequence[str]) -> pa.Array:
    members: dict[str, list[Value]] = {kind: [] for kind in kinds}
    codes = {kind: code for code, kind in enumerate(members)}
    offsets = []
    for value, kind in zip(values, kinds, strict=True):
        offsets.append(len(members[kind]))
        members[kind].append(value)
    return pa.UnionArray.from_dense(
        pa.array([codes[kind] for kind in kinds], pa.int8()),
        pa.array(offsets, pa.int32()),
        [
            pa.nulls(len(group)) if kind == "null_value" else _of_values(column, group)
            for kind, group in members.items()
        ],
        [kind.removesuffix("_value") for kind in members],
    )


def _lists(values: Sequence[Value]) -> pa.Array:
    """Lists of one depth and kind of member are Arrow's lists; where they differ, the members are a union."""
    ends = list(accumulate((len(value.list_value.values) for value in values), initial=0))
    starts = [None if value.HasField("null_value") else end for value, end in zip(values, ends, strict=False)]
    members = [member for value in values for member in value.list_value.values]
    offsets = pa.array([*starts, ends[-1]], pa.int32())
    return pa.ListArray.from_arrays(offsets, _of_values(Column("", ColumnType.UNSPECIFIED), members))


def _of_cells(column: Column, cells: list[Any]) -> pa.Array:
    """Cells in the wire's form, NULLs as None."""
    make = _MAKERS.get(column.type)
    if make is not None:
        return make(column, cells)
    return pa.array(cells, _TYPES.get(column.type, pa.utf8()))


def _dates(column: Column, cells: list[Any]) -> pa.Array:
    texts = pa.array(cells, pa.utf8())
    # Arrow has a year 0, Python has not: such a table could not be looked at.
    if pc.any(pc.starts_with(texts, "0000")).as_py():
        return texts
    try:
        return texts.cast(_TYPES[column.type])
    except pa.ArrowInvalid:
        return texts


def _times(column: Column, cells: list[Any]) -> pa.Array:
    known = decode_texts(column.type, [cell for cell in cells if cell is not None])
    if any(type(each) is not time or each.tzinfo is not None for each in known):
        return pa.array(cells, pa.utf8())
    rest = iter(known)
    return pa.array([None if cell is None else next(rest) for cell in cells], _TYPES[column.type])


def _decimals(column: Column, cells: list[Any]) -> pa.Array:
    texts = pa.array(cells, pa.utf8())
    scale = column.scale
    if scale is None:
        scale = max((len(cell.partition(".")[2]) for cell in cells if cell is not None), default=0)
    for digits, kind in _ARROW_DECIMALS:
        # Beyond its digits the cast wraps around in silence: https://github.com/apache/arrow/issues/49817
        room = rf"^-?0*[0-9]{{0,{digits - scale}}}(\.[0-9]{{0,{scale}}})?$"
        if scale <= digits and pc.all(pc.match_substring_regex(texts, room)).as_py() is not False:
            return texts.cast(kind(digits, scale))
    return texts


_MAKERS: Final[Mapping[ColumnType, Callable[[Column, list[Any]], pa.Array]]] = {
    ColumnType.DECIMAL: _decimals,
    ColumnType.DATE: _dates,
    ColumnType.TIME: _times,
    ColumnType.DATETIME: _dates,
    ColumnType.TIMESTAMP: _dates,
}
