"""Results: the rows of a statement and its figures."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import Any, Self

from rowgate._batch import Batch
from rowgate._errors import MultipleRows, NoRows, ResultError
from rowgate._rows import Layout, Row
from rowgate._wire import word_of
from rowgate.v1 import result_pb2


class TruncationReason(StrEnum):
    """Which of the caller's own limits cut a result."""

    MAX_ROWS = "MAX_ROWS"
    MAX_BYTES = "MAX_BYTES"


@dataclass(frozen=True, slots=True)
class QueryWarning:
    """Something that the database had to say about a statement that went through.

    Attributes:
        code: the database's own number or SQLSTATE.
        message: the database's own words.
        level: the database's own level: `Note`, `Warning`, `NOTICE`.
    """

    code: str
    message: str
    level: str


@dataclass(frozen=True, slots=True)
class Stats:
    """The figures of one statement.

    Attributes:
        affected_rows: rows inserted, changed or deleted; None for a statement that is no write.
        last_insert_id: the first key that MySQL or MariaDB generated, or SQLite's last rowid; None where there is none.
        row_count: rows in the result.
        truncated: whether `max_rows` or `max_bytes` cut the result.
        truncation_reason: which of them did.
        warnings: the database's warnings; at most 64.
        elapsed: time at the gateway, waiting for a connection included.
        query_id: the statement's name in the gateway's logs.
        replica: the replica that answered, by its name in the gateway's configuration; "": the primary.
    """

    affected_rows: int | None
    last_insert_id: int | None
    row_count: int
    truncated: bool
    truncation_reason: TruncationReason | None
    warnings: tuple[QueryWarning, ...]
    elapsed: timedelta
    query_id: str
    replica: str = ""

    @classmethod
    def from_wire(cls, stats: result_pb2.QueryStats) -> Self:
        """The figures that the message holds."""
        return cls(
            affected_rows=stats.affected_rows if stats.HasField("affected_rows") else None,
            last_insert_id=stats.last_insert_id if stats.HasField("last_insert_id") else None,
            row_count=stats.row_count,
            truncated=stats.truncated,
            truncation_reason=word_of(result_pb2.TruncationReason, stats.truncation_reason, TruncationReason),
            warnings=tuple(QueryWarning(each.code, each.message, each.level) for each in stats.warnings),
            elapsed=stats.elapsed.ToTimedelta(),
            query_id=stats.query_id,
            replica=stats.replica,
        )


class Result(Batch):
    """The whole result of one statement.

    It is a sized iterable of its rows. A statement that returns no rows has no columns either.

    Attributes:
        stats: the figures, each of which is also an attribute of the result.
    """

    __slots__ = ("stats",)

    def __init__(self, layout: Layout, message: result_pb2.ResultSet, stats: Stats) -> None:
        super().__init__(layout, message)
        self.stats = stats

    @classmethod
    def from_wire(cls, result: result_pb2.ResultSet, stats: result_pb2.QueryStats) -> Self:
        """The result that the messages hold.

        Raises:
            ProtocolError: they make no sense.
        """
        made = cls(Layout(result.columns), result, Stats.from_wire(stats))
        if result.rows:
            made._rows = made._decode()
        return made

    def __repr__(self) -> str:
        cut = ", truncated" if self.truncated else ""
        return f"<{type(self).__name__} of {len(self.columns)} columns and {len(self)} rows{cut}>"

    def first(self) -> Row | None:
        """The first row, or None."""
        return self.rows[0] if len(self) else None

    def one_or_none(self) -> Row | None:
        """The only row, or None.

        Raises:
            MultipleRows: there are more. A result that was cut counts as more than it holds.
        """
        if len(self) > 1 or self.truncated:
            raise MultipleRows("one row at most was asked for, and there are more")
        return self.first()

    def one(self) -> Row:
        """The only row.

        Raises:
            NoRows: there is none.
            MultipleRows: there are more. A result that was cut counts as more than it holds.
        """
        row = self.one_or_none()
        if row is None:
            raise NoRows("one row was asked for, and there is none")
        return row

    def scalar(self) -> Any:
        """The only value: of the only row's only column.

        Raises:
            ResultError: there are more columns, or none.
            NoRows: there is no row.
            MultipleRows: there are more.
        """
        if len(self.columns) != 1:
            raise ResultError(f"one value was asked for, and a row has {len(self.columns)}")
        return self.one()[0]

    @property
    def affected_rows(self) -> int | None:
        """Rows inserted, changed or deleted; None for a statement that is no write."""
        return self.stats.affected_rows

    @property
    def last_insert_id(self) -> int | None:
        """The key that MySQL, MariaDB or SQLite generated; None where there is none."""
        return self.stats.last_insert_id

    @property
    def truncated(self) -> bool:
        """Whether `max_rows` or `max_bytes` cut the result."""
        return self.stats.truncated

    @property
    def truncation_reason(self) -> TruncationReason | None:
        """Which of them did."""
        return self.stats.truncation_reason

    @property
    def warnings(self) -> tuple[QueryWarning, ...]:
        """The database's warnings; at most 64."""
        return self.stats.warnings

    @property
    def elapsed(self) -> timedelta:
        """Time at the gateway, waiting for a connection included."""
        return self.stats.elapsed

    @property
    def query_id(self) -> str:
        """The statement's name in the gateway's logs."""
        return self.stats.query_id
