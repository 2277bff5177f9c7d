"""Small things that the messages need everywhere: enum names without their prefix."""

from __future__ import annotations

from enum import StrEnum
from typing import Any, TypeVar

_Words = TypeVar("_Words", bound="StrEnum")


def word_of(wire_enum: Any, number: int, words: type[_Words]) -> _Words | None:
    """The word for an enum's number: `COLUMN_TYPE_INT` is `ColumnType.INT`.

    Returns:
        None for a number that is newer than this client, and for one that has no word.
    """
    descriptor = wire_enum.DESCRIPTOR
    value = descriptor.values_by_number.get(number)
    if value is None:
        return None
    prefix = descriptor.values_by_number[0].name.removesuffix("UNSPECIFIED")
    return words.__members__.get(value.name.removeprefix(prefix))
