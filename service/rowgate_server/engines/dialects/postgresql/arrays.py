"""Arrays in results: how their members are read, and how much of the event loop's time asyncpg may spend on them.

asyncpg makes all members of a row's arrays in one go, while nobody else is served: 50 ns for each number or text, 15 to
35 for each byte of an array that comes as text, and 1 to 2 µs for each date or time, whose text is ours. So each has
its price, that of a number being one, and a row has so much to spend. How many members an array has stands at its
beginning, so that a row which is too dear is found before it has come. Lists within lists take 200 ns each.
Layouts: `array_send` and `array_out` in PostgreSQL's arrayfuncs.c.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any, NamedTuple

from rowgate_server.engines.dialects.postgresql.types import Members, members_of
from rowgate_server.engines.values import Array, ValueType

MOST = 2_000_000
"""What the arrays of one row may cost. All of it is spent in a tenth to a third of a second."""
_COST_OF_A_TIME = 20
_COST_OF_TEXT = 0.25
"""For each byte."""
_COST_OF_A_LIST = 5
"""Of one within an array of more than one dimension, however few members it has."""
_COST_OF_ARRAYS, _COST_OF_TIMES_IN_ARRAYS = 0.5, 2.5
"""For each byte of members that are arrays themselves: how many members one of these has stands where it begins, behind
as many others as there are. A date has eight bytes."""
_TIMES = frozenset({ValueType.DATE, ValueType.TIME, ValueType.DATETIME, ValueType.TIMESTAMP, ValueType.INTERVAL})

LIMIT = (
    f"{MOST // _COST_OF_A_TIME:,} dates or times, {int(MOST / _COST_OF_TEXT):,} bytes of members that come as text, "
    f"{int(MOST / _COST_OF_ARRAYS):,} bytes of members that are vectors or arrays of a domain's "
    f"({int(MOST / _COST_OF_TIMES_IN_ARRAYS):,} of dates or times), {MOST // _COST_OF_A_LIST:,} lists within lists, "
    f"{MOST:,} other members"
)


class Price(NamedTuple):
    """What an array costs.

    Attributes:
        member: each one; None where its bytes tell.
        octet: each byte, where they do, or where it comes as text.
    """

    member: int | None
    octet: float = _COST_OF_TEXT


_PLAIN, _TIMED = Price(1), Price(_COST_OF_A_TIME)
_ARRAYS, _TIMES_IN_ARRAYS = Price(None, _COST_OF_ARRAYS), Price(None, _COST_OF_TIMES_IN_ARRAYS)

Costs = Mapping[int, Price]
"""For each column that is an array, by the column's place."""
NONE: Costs = MappingProxyType({})

_LENGTH = struct.Struct("!i")
_COUNT_BYTES = 2
_DIMENSIONS = struct.Struct("!i8x")
"""How many there are; whether there are NULLs; what the members are."""
_DIMENSION = struct.Struct("!i4x")
"""Members, and where they begin to be counted."""
_MOST_DIMENSIONS = 6
_HEAD_BYTES = _DIMENSIONS.size + _MOST_DIMENSIONS * _DIMENSION.size


class ArrayColumns:
    """Which columns of a result are arrays, and of what.

    Args:
        attributes: asyncpg's, of each column.
        own_members: what the members of arrays of callers' own types are, as far as it is known, by the array's OID.

    Attributes:
        costs: for `ArraysOfRow`.
    """

    def __init__(self, attributes: Sequence[Any], own_members: Mapping[int, Members] = MappingProxyType({})) -> None:
        members = {
            index: members_of(attribute.type, own_members)
            for index, attribute in enumerate(attributes)
            if attribute.type.kind == "array"
        }
        self._kinds = {index: each.type for index, each in members.items()}
        self.costs: Costs = {index: _price(each) for index, each in members.items()} if members else NONE

    def read(self, records: list[Any]) -> list[Any]:
        """Rows, with what asyncpg makes of an array as an `Array`."""
        if not self._kinds:
            return records
        rows = [list(record) for record in records]
        for row in rows:
            for index, kind in self._kinds.items():
                if row[index] is not None:
                    row[index] = Array(kind, row[index])
        return rows


class ArraysOfRow:
    """Adds up what the arrays of one row cost, as the row comes.

    Args:
        costs: of each column that is an array.
    """

    __slots__ = ("_begun", "_column", "_cost", "_costs", "_skipping")

    def __init__(self, costs: Costs) -> None:
        self._costs = costs
        self._column = 0
        self._cost = 0.0
        self._skipping = _COUNT_BYTES
        """Bytes of the cell under way that are still to come."""
        self._begun = b""
        """The beginning of a cell that has not come far enough."""

    def follow(self, data: bytes) -> bool:
        """Take the next bytes of the row, from behind its head; tell whether it costs too much."""
        data = self._begun + data
        at, end, costs = self._skipping, len(data), self._costs
        while at + _LENGTH.size <= end:
            (length,) = _LENGTH.unpack_from(data, at)
            length = max(length, 0)  # -1 is NULL
            begins = at + _LENGTH.size
            cost = costs.get(self._column)
            if cost is not None:
                if begins + min(length, _HEAD_BYTES) > end:
                    break
                self._cost += _cost(data[begins : begins + min(length, _HEAD_BYTES)], length, cost)
                if self._cost > MOST:
                    return True
            at = begins + length
            self._column += 1
        self._begun, self._skipping = (data[at:], 0) if at < end else (b"", at - end)
        return False


def _price(members: Members) -> Price:
    timed = members.type in _TIMES
    if members.arrays:
        return _TIMES_IN_ARRAYS if timed else _ARRAYS
    return _TIMED if timed else _PLAIN


def _cost(head: bytes, length: int, price: Price) -> float:
    """What an array costs.

    Args:
        head: how it begins.
        length: its bytes.
        price: of such arrays.
    """
    if not length:
        return 0
    if price.member is None or head[0]:  # "{" or "[": the number of dimensions is a small one
        return length * price.octet
    (dimensions,) = _DIMENSIONS.unpack_from(head)
    total, lists = 1 if dimensions else 0, 0
    for number in range(dimensions):
        lists += total if number else 0
        total *= _DIMENSION.unpack_from(head, _DIMENSIONS.size + number * _DIMENSION.size)[0]
    return max(total * price.member, lists * _COST_OF_A_LIST)
