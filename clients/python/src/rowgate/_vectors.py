"""Packed columns: the vectors of a ColumnBatch, and the Python values in them."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import compress
from typing import Any, Final

from rowgate._decode import decode, decode_texts
from rowgate._errors import ProtocolError
from rowgate._types import ColumnType
from rowgate.v1.result_pb2 import ColumnVector

VALUES: Final = "values"
_TEXTS: Final = "texts"

_FIELDS: Final[Mapping[ColumnType, str]] = {
    ColumnType.BOOL: "bools",
    ColumnType.INT: "ints",
    ColumnType.UINT: "uints",
    ColumnType.DOUBLE: "doubles",
    ColumnType.BYTES: "blobs",
    ColumnType.UNSPECIFIED: VALUES,
    ColumnType.LIST: VALUES,
    ColumnType.DYNAMIC: VALUES,
}
"""Which field of the vector holds a column's cells; those of all other types are texts."""


def field_of(kind: ColumnType) -> str:
    """Which field of the vector holds the cells of a column of that type."""
    return _FIELDS.get(kind, _TEXTS)


def check_vector(kind: ColumnType, vector: ColumnVector, count: int) -> None:
    """See that a vector has what a column of that type and length needs.

    Raises:
        ProtocolError: it has not.
    """
    found = len(getattr(vector, field_of(kind)))
    if found != count:
        raise ProtocolError(f"a {kind} column has {found} cells for {count} rows")
    if vector.nulls and len(vector.nulls) != (count + 7) // 8:
        raise ProtocolError(f"a {kind} column does not tell for each row whether it is NULL")


def cells_of(kind: ColumnType, vector: ColumnVector) -> list[Any]:
    """The Python values of a vector that was checked.

    Raises:
        ProtocolError: one makes no sense.
    """
    field = field_of(kind)
    members = getattr(vector, field)[:]
    if field == VALUES:
        return list(map(decode, members))
    if not vector.nulls:
        return decode_texts(kind, members) if field == _TEXTS else members
    present = presence(vector.nulls, len(members))
    known = list(compress(members, present))
    rest = iter(decode_texts(kind, known) if field == _TEXTS else known)
    return [next(rest) if there else None for there in present]


def presence(nulls: bytes, count: int) -> list[bool]:
    """For each row, whether there is a value."""
    # The sentinel keeps the leading zeros; the digits come out last row first.
    digits = f"{int.from_bytes(nulls, 'little') | 1 << len(nulls) * 8:b}"
    return [digit == "0" for digit in digits[: -count - 1 : -1]]
