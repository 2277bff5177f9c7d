"""One statement for many sets of values: which run it is that has failed."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar

from rowgate_server.engines.values import BoundStatement
from rowgate_server.errors import RowgateError

_T = TypeVar("_T")


class RunFailedError(Exception):
    """One of many runs of a statement has failed: `index` says which, from 0, and `error` why."""

    def __init__(self, index: int, error: Exception) -> None:
        super().__init__(str(error))
        self.index = index
        self.error = error


def each(statements: Sequence[BoundStatement], convert: Callable[[BoundStatement], _T]) -> Iterator[_T]:
    """What is sent for each of many runs, one by one.

    Raises:
        RunFailedError: a value can't be.
    """
    for index, statement in enumerate(statements):
        try:
            converted = convert(statement)
        except RowgateError as error:
            raise RunFailedError(index, error) from error
        yield converted
