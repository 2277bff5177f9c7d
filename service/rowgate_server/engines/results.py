"""What comes out of a statement: columns, batches of rows, and how it ended."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any, NamedTuple, TypeAlias

from rowgate_server.engines.values import Array, ValueType
from rowgate_server.errors import Outcome, Reason, RowgateError

Row: TypeAlias = Sequence[Any]
"""One row: cells by position, in the Python form of their column's `ValueType`."""


@dataclass(frozen=True, slots=True)
class Column:
    """One column of a result; None and "" where the database does not tell."""

    name: str
    type: ValueType
    database_type: str = ""
    nullable: bool | None = None
    precision: int | None = None
    scale: int | None = None
    table: str = ""


class Columns(tuple[Column, ...]):  # noqa: SLOT001 - a tuple with an attribute has no slots
    """The columns of a result. Whoever makes something of them may leave it in `made`, to find it there next time."""

    made: Any = None


@dataclass(frozen=True, slots=True)
class StatementWarning:
    """Something the database had to say about a statement that went through."""

    code: str
    message: str
    level: str


class Completion(NamedTuple):
    """How a statement ended. `affected_rows` is None where the driver has no such count."""

    affected_rows: int | None = None
    last_insert_id: int | None = None
    warnings: tuple[StatementWarning, ...] = ()


def row_too_large(limit: str) -> RowgateError:
    """The error of a row that fills a message by itself, however the result is asked for."""
    return RowgateError(
        Reason.RESULT_TOO_LARGE,
        "rows of the result are larger than a message may be",
        limit=limit,
        hint="ask for shorter columns, or for fewer of them",
        outcome=Outcome.UNKNOWN,
    )


def result_too_large(limit: str, *, of_role: bool = False, committed: bool = False) -> RowgateError:
    """The error of a unary result over the server's own cap, or any over a role's: nothing is ever cut in silence.

    Args:
        limit: which was reached.
        of_role: whether it is a role's.
        committed: whether it is certain that the statement is done, and lasts.
    """
    if committed:
        return RowgateError(
            Reason.RESULT_TOO_LARGE,
            f"it is done, but its result is larger than a unary answer may be ({limit})",
            limit=limit,
            hint="do not repeat it: read what it has left",
            outcome=Outcome.COMMITTED,
        )
    less = "ask for less with max_rows, max_bytes or LIMIT"
    bound = "the caller's role may have" if of_role else "a unary answer may be"
    return RowgateError(
        Reason.RESULT_TOO_LARGE,
        f"the result is larger than {bound} ({limit})",
        limit=limit,
        hint=less if of_role else f"use StreamQuery, or {less}",
        # A write that returns rows may have been committed before they were counted.
        outcome=Outcome.UNKNOWN,
    )


class Truncation(Enum):
    """Which of the caller's limits cut the result."""

    MAX_ROWS = 1
    MAX_BYTES = 2


class Stats(NamedTuple):
    """The figures of one statement; `elapsed` in seconds, the wait for a connection included.

    `replica` is the one that ran it; empty: the primary.
    """

    query_id: str
    elapsed: float
    row_count: int
    completion: Completion = Completion()
    truncation: Truncation | None = None
    replica: str = ""


class Result(NamedTuple):
    """A whole result."""

    columns: tuple[Column, ...]
    rows: list[Row]
    stats: Stats


def _ignore() -> None:
    pass


class Chunk(NamedTuple):
    """One piece of a streamed result. The first has the columns, the last one the stats.

    `ended`: no rows come after those of this one, only the stats. `sending`: to be called when it goes to a reader, for
    whom is waited from then on, until the next is asked for.
    """

    rows: list[Row]
    columns: tuple[Column, ...] | None = None
    stats: Stats | None = None
    ended: bool = False
    sending: Callable[[], None] = _ignore


def cells(columns: tuple[Column, ...], rows: Sequence[Row]) -> int:
    """How many there are, with the members of the arrays among them."""
    lists = [index for index, column in enumerate(columns) if column.type is ValueType.LIST]
    arrays = (row[index] for row in rows for index in lists)
    return len(rows) * len(columns) + sum(cell.total() for cell in arrays if isinstance(cell, Array))
