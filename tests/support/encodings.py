"""Reads the messages of a result in each encoding, by `result.proto` alone: neither the server's code nor the client's.

Cells come in one form, so that encodings can be compared: None, or what the cell is and its text.
"""

from __future__ import annotations

import base64
import json
import math
import struct
from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

import pyarrow as pa

from rowgate.v1 import result_pb2
from rowgate.v1.result_pb2 import Column, ResultSet
from rowgate.v1.value_pb2 import Value

Cell: TypeAlias = "tuple[str, Any] | None"
Table: TypeAlias = list[tuple[Cell, ...]]
Reader: TypeAlias = Callable[[Sequence[ResultSet]], Table]

_END_OF_STREAM = b"\xff\xff\xff\xff\x00\x00\x00\x00"
_VECTORS = {
    "BOOL": "bools",
    "INT": "ints",
    "UINT": "uints",
    "DOUBLE": "doubles",
    "BYTES": "blobs",
    "LIST": "values",
    "DYNAMIC": "values",
    "UNSPECIFIED": "values",
}
_WORDS_OF_MEMBERS = {
    "bool[]": "bool",
    "int4[]": "int",
    "int8[]": "int",
    "float8[]": "double",
    "bytea[]": "bytes",
    "text[]": "string",
    "numeric[]": "decimal",
    "date[]": "date",
    "timestamptz[]": "timestamp",
    "json[]": "json",
    "uuid[]": "uuid",
    "interval[]": "interval",
}


def read_rows(messages: Sequence[ResultSet]) -> Table:
    """What RESULT_ENCODING_ROWS says."""
    assert not any(message.HasField("column_batch") or message.arrow_ipc for message in messages)
    return [tuple(map(_of_value, row.values)) for message in messages for row in message.rows]


def read_columns(messages: Sequence[ResultSet]) -> Table:
    """What RESULT_ENCODING_COLUMNS says."""
    table: Table = []
    for message in messages:
        assert not message.rows
        assert not message.arrow_ipc
        if message.HasField("column_batch"):
            table += _of_batch(messages[0].columns, message.column_batch)
    return table


def read_arrow(messages: Sequence[ResultSet]) -> Table:
    """What RESULT_ENCODING_ARROW says."""
    assert not any(message.HasField("column_batch") or message.rows for message in messages)
    stream = b"".join(message.arrow_ipc for message in messages)
    assert stream.endswith(_END_OF_STREAM)
    with pa.ipc.open_stream(stream) as reader:
        table = reader.read_all()
    table.validate(full=True)
    assert table.column_names == [column.name for column in messages[0].columns]
    cells = [_of_array(table.field(at), table.column(at)) for at in range(table.num_columns)]
    return list(zip(*cells, strict=True))


READERS: dict[result_pb2.ResultEncoding.ValueType, Reader] = {
    result_pb2.RESULT_ENCODING_ROWS: read_rows,
    result_pb2.RESULT_ENCODING_COLUMNS: read_columns,
    result_pb2.RESULT_ENCODING_ARROW: read_arrow,
}


def _word(column: Column) -> str:
    return result_pb2.ColumnType.Name(column.type).removeprefix("COLUMN_TYPE_")


def _of_value(value: Value) -> Cell:
    kind = value.WhichOneof("kind")
    assert kind is not None
    if kind == "null_value":
        return None
    if kind == "list_value":
        return "list", [_of_value(member) for member in value.list_value.values]
    return _cell(kind.removesuffix("_value"), getattr(value, kind))


def _cell(word: str, value: Any) -> Cell:
    """Bits of a double: 0.0 is equal to -0.0. One NaN is as good as another."""
    if word != "double":
        return word, value
    return word, "NaN" if math.isnan(value) else struct.pack(">d", value)


def _of_batch(columns: Sequence[Column], batch: result_pb2.ColumnBatch) -> Table:
    assert len(batch.vectors) == len(columns)
    cells = [_of_vector(_word(column), vector) for column, vector in zip(columns, batch.vectors, strict=True)]
    assert all(len(column) == batch.row_count for column in cells)
    return list(zip(*cells, strict=True)) if cells else [()] * batch.row_count


def _of_vector(word: str, vector: result_pb2.ColumnVector) -> list[Cell]:
    used = _VECTORS.get(word, "texts")
    assert {field.name for field, _ in vector.ListFields()} <= {used, "nulls"}
    members = getattr(vector, used)
    if used == "values":
        assert not vector.nulls
        return list(map(_of_value, members))
    cells: list[Cell] = []
    for at, member in enumerate(members):
        if vector.nulls and vector.nulls[at // 8] >> at % 8 & 1:
            assert not member
            cells.append(None)
        else:
            cells.append(_cell(word.lower(), member))
    assert not vector.nulls or len(vector.nulls) == (len(members) + 7) // 8
    return cells


def _of_array(field: pa.Field, array: pa.ChunkedArray) -> list[Cell]:
    word = field.metadata[b"rowgate.type"].decode()
    if word == "DYNAMIC":
        return [_of_member(cell) for chunk in array.chunks for cell in chunk]
    cells = array.to_pylist()
    if word == "LIST":
        members = _WORDS_OF_MEMBERS[field.metadata[b"rowgate.database_type"].decode()]
        return [None if cell is None else _of_json(json.loads(cell), members) for cell in cells]
    if pa.types.is_decimal(field.type):
        cells = [None if cell is None else format(cell, "f") for cell in cells]
    return [None if cell is None else _cell(word.lower(), cell) for cell in cells]


def _of_member(cell: pa.UnionScalar) -> Cell:
    word = cell.type.field(cell.type_code).name
    return None if word == "null" else _cell(word, cell.as_py())


def _of_json(member: Any, word: str) -> Cell:
    if member is None:
        return None
    if isinstance(member, list):
        return "list", [_of_json(inner, word) for inner in member]
    if word == "bytes":
        return word, base64.b64decode(member)
    return _cell(word, float(member) if word == "double" else member)
