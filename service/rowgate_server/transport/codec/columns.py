"""RESULT_ENCODING_COLUMNS: a packed vector for each column. The encoding for programs.

A vector is filled from a column's cells by one call into protobuf, at about 30 ns a cell; no cell is looked at here
unless its column has NULLs.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from rowgate.v1 import result_pb2
from rowgate_server.engines.results import Column, Row
from rowgate_server.engines.values import ValueType
from rowgate_server.transport.codec.cells import arms_of, write_cells


class _Packed(NamedTuple):
    """Which field of the vector holds the cells, and what stands there for a NULL."""

    field: str
    filler: Any


_TEXTS = _Packed("texts", "")
_PACKED: dict[ValueType, _Packed] = {
    ValueType.BOOL: _Packed("bools", filler=False),
    ValueType.INT: _Packed("ints", 0),
    ValueType.UINT: _Packed("uints", 0),
    ValueType.DOUBLE: _Packed("doubles", 0.0),
    ValueType.BYTES: _Packed("blobs", b""),
    ValueType.STRING: _TEXTS,
    ValueType.DECIMAL: _TEXTS,
    ValueType.DATE: _TEXTS,
    ValueType.TIME: _TEXTS,
    ValueType.DATETIME: _TEXTS,
    ValueType.TIMESTAMP: _TEXTS,
    ValueType.JSON: _TEXTS,
    ValueType.UUID: _TEXTS,
    ValueType.INTERVAL: _TEXTS,
}
"""Cells of every other type are Values."""


class ColumnsEncoder:
    """Lays out one result as column batches, one for each message."""

    def __init__(self, columns: tuple[Column, ...]) -> None:
        self._kinds = [_PACKED.get(column.type) for column in columns]
        self._arms = arms_of(columns)

    def put(self, rows: Sequence[Row], result: result_pb2.ResultSet) -> None:
        """Fill the message's batch; a message without rows has none."""
        if not rows:
            return
        batch = result.column_batch
        batch.row_count = len(rows)
        add = batch.vectors.add
        # A result may have rows and no columns: PostgreSQL's `select from t`.
        for kind, arm, cells in zip(self._kinds, self._arms, zip(*rows, strict=True), strict=True):
            if kind is None:
                write_cells(add().values, [arm] * len(cells), cells)
            else:
                _pack(add(), kind, cells)

    def end(self, result: result_pb2.ResultSet) -> None:
        """Nothing ends them."""


def _pack(vector: result_pb2.ColumnVector, kind: _Packed, cells: tuple[Any, ...]) -> None:
    members = getattr(vector, kind.field)
    try:
        members.extend(cells)
    except TypeError:
        # The quickest way to learn that there is a NULL: looking for one would cost every column more than packing it.
        # Nothing was packed then.
        vector.nulls = null_bits(cells)
        members.extend([kind.filler if cell is None else cell for cell in cells])


def null_bits(cells: Iterable[Any]) -> bytes:
    """Bit i % 8 of byte i / 8 says whether cell i is None."""
    digits = bytes([49 if cell is None else 48 for cell in cells])
    return int(digits[::-1], 2).to_bytes((len(digits) + 7) // 8, "little")
