"""Some rows of a table: built step by step, and read, counted, changed or deleted when that is asked for."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Iterable, Mapping
from dataclasses import replace
from typing import Any, Final, Literal, Self, TypeAlias

from rowgate._errors import MultipleRows, NoRows
from rowgate._requests import Asking
from rowgate._retry import Deadline
from rowgate._rows import Row
from rowgate._table_filters import ColumnName, Condition, checked_condition, equal
from rowgate._table_names import checked_name
from rowgate._table_orders import SortOrder
from rowgate._table_requests import Asked, cells, counted, sort_order
from rowgate._table_results import Page, Written
from rowgate._table_writes import check_write, terms
from rowgate.v1 import table_service_pb2 as pb

Count: TypeAlias = Literal["exact", "estimated"] | None

PAGE_SIZE: Final = 1000
"""Rows of a page where nothing else is said: the gateway's own default is for people."""

_COUNT_MODES: Final[Mapping[Count, pb.CountMode.ValueType]] = {
    None: pb.COUNT_MODE_NONE,
    "exact": pb.COUNT_MODE_EXACT,
    "estimated": pb.COUNT_MODE_ESTIMATED,
}


class RowQuery:
    """Some rows of a table, in some order. Immutable: every step makes a new one, and any may be kept and asked again.

    Nothing is sent before the rows are asked for: by `async for`, which reads page after page, or by a method that is
    awaited. Reads are made again where the client's `retry` says so; **writes never are**.
    """

    __slots__ = ("_asked", "_calls")

    def __init__(self, calls: Asking, asked: Asked) -> None:
        self._calls = calls
        self._asked = asked

    # What is asked

    def where(self, /, *conditions: Condition, **values: Any) -> RowQuery:
        """Only rows that are like this, besides what was said before: `where(col("total") >= 10, state="paid")`.

        Args:
            *conditions: made with `col`.
            **values: columns and what they equal; None: they are NULL.

        Raises:
            TypeError: a condition is none.
            InvalidParameter: a value can't be sent.
        """
        added = (*map(checked_condition, conditions), *equal(values))
        return RowQuery(self._calls, replace(self._asked, conditions=(*self._asked.conditions, *added)))

    def order_by(self, *orders: str | ColumnName | SortOrder) -> RowQuery:
        """In this order, whatever was said before: `order_by("-placed_at", col("total").desc(nulls="last"))`.

        What it leaves open is settled by the primary key. Without any, the primary key alone decides.

        Raises:
            TypeError: an order is none.
            InvalidParameter: a name can't be sent.
        """
        return RowQuery(self._calls, replace(self._asked, orders=tuple(map(sort_order, orders))))

    def limit(self, rows: int) -> RowQuery:
        """No more rows than this, 1 or more, on all pages together.

        Raises:
            TypeError: it is no integer.
            InvalidParameter: it is out of range.
        """
        return RowQuery(self._calls, replace(self._asked, limit=counted(rows, of="limit")))

    def page_size(self, rows: int) -> RowQuery:
        """No more rows than this on one page: 1,000 where it is left out, and 10,000 at most.

        Raises:
            TypeError: it is no integer.
            InvalidParameter: it is out of range.
        """
        return RowQuery(self._calls, replace(self._asked, page_size=counted(rows, of="page_size")))

    def select(self, *columns: str) -> Self:
        """Only these columns, in this order, whatever was said before. Without any: all.

        Raises:
            TypeError: a name is no text.
            InvalidParameter: a name can't be sent.
        """
        names = tuple(checked_name(name, "column") for name in columns)
        return type(self)(self._calls, replace(self._asked, columns=names))

    def include_deleted(self) -> Self:
        """Rows that are marked as deleted as well, where the table has a soft-delete column."""
        return type(self)(self._calls, replace(self._asked, include_deleted=True))

    # Reading

    def __aiter__(self) -> AsyncIterator[Row]:
        """The rows, page after page; each page has the client's whole `timeout`.

        Raises:
            RowgateError: a page can't be read.
        """
        return self._rows(self._asked.limit)

    def pages(self) -> AsyncGenerator[Page, None]:
        """The same, a page at a time: `async for page in query.pages()`.

        Raises:
            RowgateError: a page can't be read.
        """
        return self._pages(self._asked.limit)

    async def page(self, token: str = "", *, count: Count = None) -> Page:
        """One page: the first, or the one that `next_page_token` of another is for.

        Args:
            token: of the page before; the query must otherwise be the same, but for `page_size` and `select`.
            count: "exact" or "estimated": count the rows on all pages together.

        Raises:
            TypeError: the query has a limit, which goes over all pages, or there is no such count.
            RowgateError: the page can't be read.
        """
        if count not in _COUNT_MODES:
            raise TypeError("count is 'exact', 'estimated' or None")
        if self._asked.limit is not None:
            raise TypeError("a page has page_size(...) rows: limit(...) is for all pages together")
        return await self._page(token, self._asked.page_size or PAGE_SIZE, count=_COUNT_MODES[count])

    async def all(self) -> list[Row]:
        """All rows, on as many pages as that takes, within one `timeout`.

        Raises:
            RowgateError: they can't be read.
        """
        return [row async for row in self._rows(self._asked.limit, self._calls.deadline())]

    async def first(self) -> Row | None:
        """The first row, or None.

        Raises:
            RowgateError: it can't be read.
        """
        rows = await self._at_most(1)
        return rows[0] if rows else None

    async def one_or_none(self) -> Row | None:
        """The only row, or None.

        Raises:
            MultipleRows: there are more.
            RowgateError: it can't be read.
        """
        rows = await self._at_most(2)
        if len(rows) > 1:
            raise MultipleRows("one row at most was asked for, and there are more")
        return rows[0] if rows else None

    async def one(self) -> Row:
        """The only row.

        Raises:
            NoRows: there is none.
            MultipleRows: there are more.
            RowgateError: it can't be read.
        """
        row = await self.one_or_none()
        if row is None:
            raise NoRows("one row was asked for, and there is none")
        return row

    async def count(self, *, estimated: bool = False) -> int:
        """How many rows there are.

        Args:
            estimated: answer with the database's guess, which takes no time. SQLite has none, and counts.

        Raises:
            TypeError: the query has a limit.
            RowgateError: they can't be counted.
        """
        if self._asked.limit is not None:
            raise TypeError("limit(...) does not go with count(): it counts every row that the conditions let through")
        request = pb.CountRowsRequest(
            **self._place(),
            filter=self._asked.filter(),
            count=_COUNT_MODES["estimated" if estimated else "exact"],
            include_deleted=self._asked.include_deleted,
            **self._calls.options.routed(),
        )
        response = await self._calls.ask(lambda stubs: stubs.table.CountRows, request, repeatable=True)
        return response.count

    # Writing

    async def update(
        self,
        values: Mapping[str, Any],
        *,
        returning: str | Iterable[str] | None = None,
        max_affected: int | None = None,
        allow_unfiltered: bool = False,
        dry_run: bool = False,
    ) -> Written:
        """Change these rows: all of them, or none.

        Args:
            values: the new values by column.
            returning: columns to answer with, as they are afterwards; "*" for all.
            max_affected: change nothing where there are more rows than this (TooManyRowsAffected).
            allow_unfiltered: without conditions, change every row; refused otherwise (UnfilteredWrite).
            dry_run: do everything, answer, and undo it.

        Raises:
            TypeError: an argument is of another kind, or the query has an order, a limit or columns.
            RowgateError: nothing was changed, or that is not known: see its `outcome`.
        """
        check_write(self._calls, self._asked, "an update")
        request = pb.UpdateRowsRequest(
            **self._place(),
            filter=self._asked.filter(),
            values=cells(values, of="values"),
            include_deleted=self._asked.include_deleted,
            allow_unfiltered=allow_unfiltered,
            **terms(returning, max_affected, dry_run=dry_run),
        )
        response = await self._calls.ask_once(lambda stubs: stubs.table.UpdateRows, request)
        return Written.from_response(response)

    async def delete(
        self,
        *,
        returning: str | Iterable[str] | None = None,
        max_affected: int | None = None,
        allow_unfiltered: bool = False,
        dry_run: bool = False,
    ) -> Written:
        """Delete these rows, or mark them as deleted where the table has a soft-delete column: all of them, or none.

        Args:
            returning: columns to answer with, as they were; "*" for all.
            max_affected: delete nothing where there are more rows than this (TooManyRowsAffected).
            allow_unfiltered: without conditions, delete every row; refused otherwise (UnfilteredWrite).
            dry_run: do everything, answer, and undo it.

        Raises:
            TypeError: an argument is of another kind, or the query has an order, a limit or columns.
            RowgateError: nothing was deleted, or that is not known: see its `outcome`.
        """
        check_write(self._calls, self._asked, "a delete")
        request = pb.DeleteRowsRequest(
            **self._place(),
            filter=self._asked.filter(),
            allow_unfiltered=allow_unfiltered,
            **terms(returning, max_affected, dry_run=dry_run),
        )
        response = await self._calls.ask_once(lambda stubs: stubs.table.DeleteRows, request)
        return Written.from_response(response)

    def __repr__(self) -> str:
        asked = self._asked
        name = f"{asked.schema}.{asked.table}" if asked.schema else asked.table
        filtered = "".join(f".where({condition!r})" for condition in asked.conditions)
        ordered = f".order_by({', '.join(map(repr, asked.orders))})" if asked.orders else ""
        limited = f".limit({asked.limit})" if asked.limit else ""
        return f"<{type(self).__name__} {name!r}{filtered}{ordered}{limited}>"

    def _place(self) -> dict[str, Any]:
        return {"database": self._calls.database, "schema": self._asked.schema, "table": self._asked.table}

    async def _page(
        self,
        token: str,
        size: int,
        *,
        count: pb.CountMode.ValueType = pb.COUNT_MODE_NONE,
        deadline: Deadline | None = None,
    ) -> Page:
        request = self._asked.page_request(self._calls.database, token, size, count, **self._calls.options.routed())
        response = await self._calls.ask(
            lambda stubs: stubs.table.ListRows, request, deadline=deadline, repeatable=True
        )
        return Page.from_response(response)

    async def _pages(self, most: int | None, deadline: Deadline | None = None) -> AsyncGenerator[Page, None]:
        """Pages of so many rows altogether; the last one only as large as is left."""
        size = self._asked.page_size or PAGE_SIZE
        left, token = most, ""
        while True:
            page = await self._page(token, size if left is None else min(size, left), deadline=deadline)
            yield page
            token = page.next_page_token
            if left is not None:
                left -= len(page)
            if not token or left == 0:
                return

    async def _rows(self, most: int | None, deadline: Deadline | None = None) -> AsyncGenerator[Row, None]:
        async for page in self._pages(most, deadline):
            for row in page:
                yield row

    async def _at_most(self, rows: int) -> list[Row]:
        most = min(rows, self._asked.limit or rows)
        return [row async for row in self._rows(most, self._calls.deadline())]
