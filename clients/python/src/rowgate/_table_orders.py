"""One column of an order."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, Literal, TypeAlias

from rowgate.v1 import table_service_pb2 as pb

Nulls: TypeAlias = Literal["first", "last"] | None

_NULLS: Final[Mapping[Nulls, pb.NullsOrder.ValueType]] = {
    None: pb.NULLS_ORDER_UNSPECIFIED,
    "first": pb.NULLS_ORDER_FIRST,
    "last": pb.NULLS_ORDER_LAST,
}


class SortOrder:
    """One column of an order; made by `col(...).asc()` and `col(...).desc()`. Immutable."""

    __slots__ = ("_wire",)

    def __init__(self, column: str, *, descending: bool, nulls: Nulls) -> None:
        if nulls not in _NULLS:
            raise TypeError("nulls is 'first', 'last' or None")
        self._wire = pb.SortOrder(column=column, descending=descending, nulls=_NULLS[nulls])

    def __repr__(self) -> str:
        nulls = {number: word for word, number in _NULLS.items()}[self._wire.nulls]
        direction = "desc" if self._wire.descending else "asc"
        return f"col({self._wire.column!r}).{direction}({f'nulls={nulls!r}' if nulls else ''})"

    def to_wire(self) -> pb.SortOrder:
        """The order as the gateway is told it; not to be changed."""
        return self._wire
