"""What a value in a table of the tests is: the arm it is read in, and the one it is written in."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

from google.protobuf import struct_pb2

from rowgate.v1 import value_pb2


class Arm(NamedTuple):
    """A Value: the name of its arm, and what is in it; for `list_value` a list of Arms or None."""

    name: str
    content: Any

    def message(self) -> value_pb2.Value:
        """As it goes over the wire."""
        if self.name == "list_value":
            members = [NULL.message() if member is None else member.message() for member in self.content]
            return value_pb2.Value(list_value=value_pb2.ValueList(values=members))
        return value_pb2.Value(**{self.name: self.content})


NULL = Arm("null_value", struct_pb2.NULL_VALUE)


class Example(NamedTuple):
    """A value of a column: how it is read, and the other ways in which the same value may be written."""

    read: Arm
    written: tuple[Arm, ...] = ()

    @property
    def sent(self) -> tuple[Arm, ...]:
        """Every way in which it is written; the first is what it was read as, unless other ways are given."""
        return self.written or (self.read,)


def each(arm: str, *contents: Any) -> list[Example]:
    """Values that are written as they are read."""
    return [Example(Arm(f"{arm}_value", content)) for content in contents]


def stored(arm: str, content: Any, *written: tuple[str, Any]) -> Example:
    """A value that is read otherwise than it was written."""
    return Example(Arm(f"{arm}_value", content), tuple(Arm(f"{name}_value", given) for name, given in written))


def array(arm: str, *contents: Any) -> Arm:
    """An array of one kind of members; a list in it is a further dimension, None is NULL."""
    return Arm("list_value", list(_members(arm, contents)))


def _members(arm: str, contents: Iterable[Any]) -> Iterable[Arm | None]:
    for content in contents:
        if content is None:
            yield None
        elif isinstance(content, list):
            yield array(arm, *content)
        else:
            yield Arm(f"{arm}_value", content)


def arrays(arm: str, *members: list[Any]) -> list[Example]:
    """Arrays that are written as they are read."""
    return [Example(array(arm, *content)) for content in members]
