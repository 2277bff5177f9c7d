"""Pages and the server's limits: large rows make smaller pages, and nothing is lost or cut in silence."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from unit.core.sqlite_files import databases, fill

from rowgate_server.core.catalog import Catalog
from rowgate_server.core.compiler.statements import Compiler
from rowgate_server.core.crud.pages import TablePager
from rowgate_server.core.crud.requests import ListRows, TableName
from rowgate_server.core.crud.tokens import Tokens
from rowgate_server.core.soft_delete import SoftDeletes
from rowgate_server.core.table_cache import TableCache, TableRules
from rowgate_server.errors import Reason, RowgateError

THINGS = ListRows(TableName("main", "", "things"))


@asynccontextmanager
async def _pager(file: Path, **limits: str) -> AsyncIterator[TablePager]:
    async with databases({"main": file}, metrics=None, **limits) as found:
        tables = TableCache(found, Catalog(found), {"main": TableRules(60.0, SoftDeletes())})
        yield TablePager(tables, Compiler(), Tokens(""))


async def _pages(pager: TablePager, request: ListRows = THINGS) -> list[list[int]]:
    """The ids on each page."""
    pages = []
    while True:
        page = await pager.list_rows(request)
        assert page.found.stats.truncation is None
        assert page.found.stats.row_count == len(page.found.rows)
        pages.append([row[0] for row in page.found.rows])
        if not page.next_page_token:
            return pages
        request = replace(request, page_token=page.next_page_token)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    widths = (10, 10, 10, 200, 10, 300, 10)
    return fill(
        tmp_path / "main.db",
        "create table things (id integer primary key, t text)",
        *(f"insert into things values ({number}, '{'x' * width}')" for number, width in enumerate(widths)),
    )


async def test_a_page_ends_before_the_row_that_would_be_too_much(file: Path) -> None:
    async with _pager(file, limits__unary_bytes="350") as pager:
        pages = await _pages(pager)
    assert [number for page in pages for number in page] == list(range(7))
    assert pages == [[0, 1, 2, 3, 4], [5, 6]]


async def test_a_row_that_is_too_much_by_itself_is_told(file: Path) -> None:
    async with _pager(file, limits__unary_bytes="250") as pager:
        with pytest.raises(RowgateError) as caught:
            await _pages(pager)
    assert caught.value.reason is Reason.RESULT_TOO_LARGE
    assert "fewer columns" in caught.value.metadata["hint"]


async def test_a_page_has_no_more_rows_than_a_unary_answer_may(file: Path) -> None:
    async with _pager(file, limits__unary_rows="3") as pager:
        assert await _pages(pager) == [[0, 1, 2], [3, 4, 5], [6]]


async def test_nothing_between_rows_is_the_end_but_an_empty_token(tmp_path: Path) -> None:
    file = fill(tmp_path / "main.db", "create table things (id integer primary key, t text)")
    async with _pager(file) as pager:
        assert await _pages(pager) == [[]]


async def test_keys_with_nulls_are_paged_until_two_rows_have_the_same(tmp_path: Path) -> None:
    """SQLite lets NULL into a primary key that is no row number, and into several rows."""
    file = fill(
        tmp_path / "main.db",
        "create table things (code text primary key, n)",
        "insert into things values (null, 1), ('a', 2), ('b', 3)",
    )
    async with _pager(file) as pager:
        request = replace(THINGS, page_size=1)
        assert await _pages(pager, request) == [[None], ["a"], ["b"]]
        fill(file, "insert into things values (null, 4)")
        with pytest.raises(RowgateError) as caught:
            await _pages(pager, request)
        assert (caught.value.reason, caught.value.field) == (Reason.INVALID_REQUEST, "order_by")
