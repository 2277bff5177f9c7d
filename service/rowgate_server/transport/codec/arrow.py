"""RESULT_ENCODING_ARROW: an Arrow IPC stream, cut into messages. Imports pyarrow, so imported on its first use only.

Arrow's own types are used where they hold all that a column of the database may; everything else is text, in the form
that `value.proto` gives. Fields carry `rowgate.type` and `rowgate.database_type` as metadata.
"""

from __future__ import annotations

import base64
import json
import math
from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

import pyarrow as pa
import pyarrow.compute as pc

from rowgate.v1 import result_pb2
from rowgate_server.engines.results import Column, Row
from rowgate_server.engines.values import ValueType
from rowgate_server.errors import Reason, RowgateError

Cells: TypeAlias = tuple[Any, ...]

_END = b"\xff\xff\xff\xff\x00\x00\x00\x00"
"""The end-of-stream marker."""

_MOST_DIGITS = 64
"""MySQL and MariaDB cap an expression's precision at 65, and what they tell of its scale is then too much."""
_NARROW, _WIDE = 38, 76
"""Digits that Arrow's decimal128 and decimal256 have room for."""

_TYPES: dict[ValueType, pa.DataType] = {
    ValueType.NULL: pa.null(),
    ValueType.BOOL: pa.bool_(),
    ValueType.INT: pa.int64(),
    ValueType.UINT: pa.uint64(),
    ValueType.DOUBLE: pa.float64(),
    ValueType.BYTES: pa.binary(),
}
"""What holds every cell of such a column. What is not here is told by the column, or is text."""

_MEMBERS: dict[type, tuple[str, pa.DataType]] = {
    type(None): ("null", pa.null()),
    int: ("int", pa.int64()),
    float: ("double", pa.float64()),
    str: ("string", pa.utf8()),
    bytes: ("bytes", pa.binary()),
}
_CODES = {kind: code for code, kind in enumerate(_MEMBERS)}
_DYNAMIC = pa.dense_union([pa.field(name, member) for name, member in _MEMBERS.values()])


class ArrowEncoder:
    """Lays out one result: the schema in the first message, a record batch in each, the marker in the last."""

    def __init__(self, columns: tuple[Column, ...]) -> None:
        self._types = [_type_of(column) for column in columns]
        self._makers = [_maker_of(column, kind) for column, kind in zip(columns, self._types, strict=True)]
        self._schema = pa.schema(
            [
                pa.field(column.name, kind, metadata=_metadata(column))
                for column, kind in zip(columns, self._types, strict=True)
            ]
        )
        self._head: bytes = self._schema.serialize().to_pybytes()

    def put(self, rows: Sequence[Row], result: result_pb2.ResultSet) -> None:
        """Append a record batch, after the schema if this is the first message."""
        head, self._head = self._head, b""
        if not rows:
            result.arrow_ipc += head
            return
        arrays = [make(cells) for make, cells in zip(self._makers, zip(*rows, strict=True), strict=True)]
        batch = pa.record_batch(arrays, schema=self._schema)
        result.arrow_ipc += head + batch.serialize().to_pybytes()

    def end(self, result: result_pb2.ResultSet) -> None:
        """Append the marker."""
        result.arrow_ipc += self._head + _END
        self._head = b""


def _metadata(column: Column) -> dict[str, str]:
    told = {"rowgate.type": "UNSPECIFIED" if column.type is ValueType.NULL else column.type.name}
    return {**told, "rowgate.database_type": column.database_type} if column.database_type else told


def _type_of(column: Column) -> pa.DataType:
    if column.type is ValueType.DYNAMIC:
        return _DYNAMIC
    if column.type is ValueType.DECIMAL and column.precision is not None and column.scale is not None:
        return _decimal(column.precision, column.scale) if column.precision <= _MOST_DIGITS else pa.utf8()
    return _TYPES.get(column.type, pa.utf8())


def _decimal(precision: int, scale: int) -> pa.DataType:
    """A decimal with room to spare: `round(x, n)` may have a digit more than the database tells of it."""
    return pa.decimal128(_NARROW, scale) if precision < _NARROW else pa.decimal256(_WIDE, scale)


def _maker_of(column: Column, kind: pa.DataType) -> Callable[[Cells], pa.Array]:
    if column.type is ValueType.DYNAMIC:
        return _dynamic
    if column.type is ValueType.LIST:
        return _lists
    if pa.types.is_decimal(kind):
        return lambda cells: _decimals(column, kind, cells)
    return lambda cells: pa.array(cells, kind)


def _decimals(column: Column, kind: pa.DataType, cells: Cells) -> pa.Array:
    texts = pa.array(cells, pa.utf8())
    # Beyond its digits the cast wraps around in silence: https://github.com/apache/arrow/issues/49817
    room = rf"^-?0*[0-9]{{0,{kind.precision - kind.scale}}}(\.[0-9]{{0,{kind.scale}}})?$"
    if pc.all(pc.match_substring_regex(texts, room)).as_py() is False:
        raise RowgateError(
            Reason.VALUE_OUT_OF_RANGE,
            "a decimal has more digits than the database told of its column, and Arrow's type has no room for it",
            column=column.name,
            hint="cast the expression in the SQL, or ask for another encoding",
        )
    return texts.cast(kind)


def _dynamic(cells: Cells) -> pa.Array:
    """A dense union: each cell as what it is."""
    members: list[list[Any]] = [[] for _ in _CODES]
    codes, offsets = [], []
    for cell in cells:
        code = _CODES[type(cell)]
        codes.append(code)
        offsets.append(len(members[code]))
        members[code].append(cell)
    children = [pa.array(cells, kind) for cells, (_, kind) in zip(members, _MEMBERS.values(), strict=True)]
    names = [name for name, _ in _MEMBERS.values()]
    return pa.UnionArray.from_dense(pa.array(codes, pa.int8()), pa.array(offsets, pa.int32()), children, names)


def _lists(cells: Cells) -> pa.Array:
    """JSON text: an array in PostgreSQL may have any number of dimensions, one in each row."""
    return pa.array([None if cell is None else json.dumps(_plain(cell.members), **_JSON) for cell in cells], pa.utf8())


_JSON: dict[str, Any] = {"ensure_ascii": False, "allow_nan": False, "separators": (",", ":")}


def _plain(member: Any) -> Any:
    if isinstance(member, list):
        return [_plain(inner) for inner in member]
    if isinstance(member, bytes):
        return base64.b64encode(member).decode("ascii")
    if isinstance(member, float) and not math.isfinite(member):
        return "NaN" if math.isnan(member) else "Infinity" if member > 0 else "-Infinity"
    return member
