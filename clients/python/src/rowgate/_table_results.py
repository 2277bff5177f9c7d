"""What tables answer: a page of rows, and what a write did."""

from __future__ import annotations

from typing import Self

from rowgate._results import Result
from rowgate.v1 import table_service_pb2 as pb


class Page(Result):
    """One page of a table's rows: a result, and the way on from it.

    Attributes:
        next_page_token: for the next page; "": this was the last. A page may have fewer rows than asked for.
        total_count: how many rows there are on all pages together; None where that was not asked.
        total_count_estimated: whether that is the database's guess.
        soft_delete_column: the column by which rows that are marked as deleted were left out; None: none were.
    """

    __slots__ = ("next_page_token", "soft_delete_column", "total_count", "total_count_estimated")

    next_page_token: str
    total_count: int | None
    total_count_estimated: bool
    soft_delete_column: str | None

    @classmethod
    def from_response(cls, response: pb.ListRowsResponse) -> Self:
        """The page that the message holds.

        Raises:
            ProtocolError: it makes no sense.
        """
        page = cls.from_wire(response.result, response.stats)
        page.next_page_token = response.next_page_token
        page.total_count = response.total_count if response.HasField("total_count") else None
        page.total_count_estimated = response.total_count_estimated
        page.soft_delete_column = response.soft_delete_column or None
        return page


class Written(Result):
    """What a write to a table did: `affected_rows`, and the rows that `returning` asked for.

    Attributes:
        ignored_rows: of an insert with `on_conflict="ignore"`, the rows that were left out, by position from 0.
        soft_delete_column: the column by which rows are marked as deleted: of a delete, they were marked and are still
            there; of an update, rows so marked were left out. None: neither.
    """

    __slots__ = ("ignored_rows", "soft_delete_column")

    ignored_rows: tuple[int, ...]
    soft_delete_column: str | None

    @classmethod
    def from_response(cls, response: pb.InsertRowsResponse | pb.UpdateRowsResponse | pb.DeleteRowsResponse) -> Self:
        """What the message tells.

        Raises:
            ProtocolError: it makes no sense.
        """
        written = cls.from_wire(response.result, response.stats)
        if isinstance(response, pb.InsertRowsResponse):
            written.ignored_rows, written.soft_delete_column = tuple(response.ignored_rows), None
        else:
            written.ignored_rows, written.soft_delete_column = (), response.soft_delete_column or None
        return written
