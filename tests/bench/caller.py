"""What a contender looks like to the load generator: a few calls, each awaited to the end of its answer."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from types import TracebackType
from typing import Any, Self

from bench.work import Encoding


class NotServedError(Exception):
    """The contender has no such thing."""


class WrongAnswerError(Exception):
    """The contender answered something else than it was asked for."""


def expect(what: str, found: object, expected: object) -> None:
    """Checks an answer's size, which costs next to nothing.

    Raises:
        WrongAnswerError: it is another.
    """
    if found != expected:
        raise WrongAnswerError(f"{what}: {found}, not {expected}")


class Caller(ABC):
    """Calls one contender, and takes the answers apart as its ordinary client would, but looks at no cell.

    It is an async context manager: connected inside, closed after.
    """

    @abstractmethod
    async def open(self) -> None:
        """Connect."""

    @abstractmethod
    async def close(self) -> None:
        """Disconnect."""

    @abstractmethod
    async def row(self, key: int) -> Sequence[Any]:
        """The row of this key, cell by cell: for the check that all contenders answer the same."""

    @abstractmethod
    async def point(self, key: int) -> None:
        """Ask for the row of this key."""

    @abstractmethod
    async def page(self, after: int) -> None:
        """Ask for the page of rows after this key."""

    @abstractmethod
    async def insert(self) -> None:
        """Insert `ORDER`."""

    @abstractmethod
    async def scan(self, rows: int, encoding: Encoding | None) -> int:
        """Read the first so many rows of the table as a stream; returns how many there were.

        Raises:
            NotServedError: not in this encoding.
        """

    async def insert_many(self) -> None:
        """Insert `many_orders()` in one call."""
        raise NotServedError

    async def ping(self) -> None:
        """Make a call that needs no database."""
        raise NotServedError

    async def __aenter__(self) -> Self:
        await self.open()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()
