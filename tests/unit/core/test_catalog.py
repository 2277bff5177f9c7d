"""Listing and describing tables on real SQLite files: pages, tokens, hostile names, near misses."""

from __future__ import annotations

import base64
import json
import random
import sqlite3
from collections.abc import AsyncIterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from unit.core.sqlite_files import databases, fill

from rowgate_server.core.catalog import Catalog, TableQuery, _read_token, _write_token
from rowgate_server.core.reflection import Extent
from rowgate_server.core.tables import TableKind
from rowgate_server.errors import Reason, RowgateError

STEMS = (
    "plain", "it's", 'a"b', "a.b", "100%", "under_score", "star*", "what?", "two words", " leading", "trailing ",
    "日本", "naïve", "🌵", "select", "table", "back\\slash", "semi;colon", "-- comment", "/*c*/", "[x]", "`y`",
    "new\nline", "tab\t", "ÅNGSTRÖM", "a=b", "$1", ":name", "@x", "#", "\u2028",
)  # fmt: skip


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _hostile_names() -> list[str]:
    """1,200 of them; SQLite folds ASCII alone, so no two differ by that only. The empty name is a name."""
    return ["", *(f"{STEMS[number % len(STEMS)]}{number // len(STEMS)}" for number in range(1199))]


@pytest.fixture(scope="module")
def crowded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file of 1,200 tables, every fourth one a view."""
    names = _hostile_names()
    shuffled = random.Random(7).sample(names, len(names))
    forms = {True: "create view {} as select 1 as x", False: "create table {} (x)"}
    statements = [forms[_is_view(name)].format(_quoted(name)) for name in shuffled]
    return fill(tmp_path_factory.mktemp("crowded") / "main.db", *statements)


def _is_view(name: str) -> bool:
    return len(name) % 4 == 1


@pytest.fixture
async def crowd(crowded: Path) -> AsyncIterator[Catalog]:
    async with databases({"main": crowded}) as found:
        yield Catalog(found)


async def _all_pages(catalog: Catalog, query: TableQuery) -> list[list[str]]:
    """The names on each page, from the first to the last."""
    pages = []
    while True:
        page = await catalog.list_tables(query)
        pages.append([table.name for table in page.tables])
        if not page.next_page_token:
            return pages
        query = replace(query, page_token=page.next_page_token)


# Pages


@pytest.mark.parametrize("size", [7, 100, 500, 1199, 1200, 1201, 5000, 2**31 - 1])
async def test_every_table_is_there_once_and_in_order(crowd: Catalog, size: int) -> None:
    pages = await _all_pages(crowd, TableQuery("main", page_size=size))
    assert [name for page in pages for name in page] == sorted(_hostile_names())
    assert {len(page) for page in pages[:-1]} <= {min(size, 5000)}
    assert pages[-1], "a last page that is empty would have been no page"


async def test_pages_hold_500_where_no_size_is_given(crowd: Catalog) -> None:
    pages = await _all_pages(crowd, TableQuery("main"))
    assert [len(page) for page in pages] == [500, 500, 200]


async def test_pages_of_a_pattern_and_a_kind_hold_what_matches(crowd: Catalog) -> None:
    query = TableQuery("main", name_pattern="*1?", kind=TableKind.VIEW, page_size=5)
    pages = await _all_pages(crowd, query)
    expected = sorted(name for name in _hostile_names() if name[-2:-1] == "1" and _is_view(name))
    assert [name for page in pages for name in page] == expected
    assert len(pages) > 3


async def test_a_table_that_goes_between_two_pages_takes_no_other_with_it(tmp_path: Path) -> None:
    file = fill(tmp_path / "main.db", *(f"create table {name} (x)" for name in "abcde"))
    async with databases({"main": file}) as found:
        catalog = Catalog(found)
        first = await catalog.list_tables(TableQuery("main", page_size=2))
        fill(file, "drop table b", "create table bb (x)", "create table aa (x)")
        second = await catalog.list_tables(TableQuery("main", page_size=9, page_token=first.next_page_token))
    assert [table.name for table in second.tables] == ["bb", "c", "d", "e"]


async def test_a_negative_size_is_refused(crowd: Catalog) -> None:
    with pytest.raises(RowgateError) as caught:
        await crowd.list_tables(TableQuery("main", page_size=-1))
    assert (caught.value.reason, caught.value.field) == (Reason.INVALID_REQUEST, "page_size")


async def test_each_table_can_be_asked_for_by_the_name_that_was_listed(crowd: Catalog) -> None:
    for name in [*STEMS, *_hostile_names()[1::97]]:
        found = f"{name}0" if name in STEMS else name
        table = await crowd.get_table("main", "", found, None)
        assert (table.name, [column.name for column in table.columns]) == (found, ["x"])
        assert table.kind is (TableKind.VIEW if _is_view(found) else TableKind.TABLE)


# Tokens


async def _refused_token(catalog: Catalog, query: TableQuery) -> str:
    with pytest.raises(RowgateError) as caught:
        await catalog.list_tables(query)
    assert (caught.value.reason, caught.value.field) == (Reason.INVALID_REQUEST, "page_token")
    return caught.value.message


def _packed(content: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(content).encode()).decode()


async def test_a_token_of_another_request_is_refused(crowd: Catalog) -> None:
    token = (await crowd.list_tables(TableQuery("main", page_size=1))).next_page_token
    same = TableQuery("main", page_token=token)
    for other in (replace(same, name_pattern="*"), replace(same, schema="main"), replace(same, kind=TableKind.TABLE)):
        assert "another request" in await _refused_token(crowd, other)
    await crowd.list_tables(replace(same, page_size=3))


@pytest.mark.parametrize(
    "token",
    [
        "x", "=", "====", "!", " ", "日本", "\0", "a" * 1_000_000, "null", _packed(None), _packed(7), _packed([]),
        _packed([1, 2]), _packed([1, "x", "y"]), _packed([1, 2, 3, 4]), _packed({"a": 1, "b": 2, "c": 3}),
        _packed("abc"), _packed([None, None, None]), base64.urlsafe_b64encode(b"[" * 100_000).decode(),
        base64.urlsafe_b64encode(b"1" * 100_000).decode(), base64.urlsafe_b64encode(b"\xff\xfe[\x00").decode(),
        base64.urlsafe_b64encode(b'[1, "\\ud800", "x"]').decode(),
    ],
    ids=lambda token: repr(token[:12]),
)  # fmt: skip
async def test_a_token_that_was_never_given_is_refused(crowd: Catalog, token: str) -> None:
    await _refused_token(crowd, TableQuery("main", page_token=token))


async def test_a_token_that_was_cut_or_changed_is_refused_or_starts_elsewhere(crowd: Catalog) -> None:
    query = TableQuery("main", page_size=1)
    token = (await crowd.list_tables(query)).next_page_token
    names = set(_hostile_names())
    for changed in (token[:-1], token[1:], token[:-4], token + "A", token.swapcase(), token[::-1], f" {token}"):
        try:
            page = await crowd.list_tables(TableQuery("main", page_size=1, page_token=changed))
        except RowgateError as error:
            assert error.field == "page_token"  # noqa: PT017 - or the token carried another name
        else:
            assert {table.name for table in page.tables} <= names


@given(st.text(max_size=300), st.text(max_size=20), st.sampled_from([None, *TableKind]))
def test_a_token_gives_back_any_name(name: str, pattern: str, kind: TableKind | None) -> None:
    query = TableQuery("main", name_pattern=pattern, kind=kind)
    token = _write_token(query, name)
    assert token.isascii()
    assert _read_token(TableQuery("main", name_pattern=pattern, kind=kind, page_token=token)) == name


@given(st.one_of(st.text(), st.binary().map(lambda octets: base64.urlsafe_b64encode(octets).decode())))
def test_any_other_text_is_refused(token: str) -> None:
    if token:
        with pytest.raises(RowgateError):
            _read_token(TableQuery("main", page_token=token))


# What is not there


@pytest.fixture
async def shop(tmp_path: Path) -> AsyncIterator[Catalog]:
    file = fill(
        tmp_path / "main.db",
        "create table orders (id integer primary key)",
        "create table order_lines (id integer primary key)",
        "create table customers (id integer primary key)",
        "create table gone (x)",
        "create view summary as select x from gone",
        "drop table gone",
        "create view report as select lost from orders",
    )
    async with databases({"main": file}) as found:
        yield Catalog(found)


async def _unknown(catalog: Catalog, table: str, schema: str = "") -> RowgateError:
    with pytest.raises(RowgateError) as caught:
        await catalog.get_table("main", schema, table, None)
    assert caught.value.metadata["database"] == "main"
    return caught.value


@pytest.mark.parametrize(
    ("asked", "hint"),
    [
        ("order", "did you mean orders or order_lines?"),
        ("ordres", "did you mean orders or order_lines?"),
        ("ORDERS", "did you mean orders or order_lines?"),
        ("Customer", "did you mean customers?"),
        ("xyz", None),
        ("o" * 10_000, None),
    ],
)
async def test_a_near_miss_is_told_whatever_its_case(shop: Catalog, asked: str, hint: str | None) -> None:
    error = await _unknown(shop, asked)
    assert (error.reason, error.field, error.metadata["table"]) == (Reason.UNKNOWN_TABLE, "table", asked)
    assert error.metadata.get("hint") == hint


@pytest.mark.parametrize("name", ["main.orders", '"orders"', "orders;", "orders--", "%", "o*", " orders", "orders\0"])
async def test_a_name_is_only_a_name(shop: Catalog, name: str) -> None:
    assert (await _unknown(shop, name)).reason is Reason.UNKNOWN_TABLE


async def test_no_name_is_refused(shop: Catalog) -> None:
    with pytest.raises(RowgateError) as caught:
        await shop.get_table("main", "", "", None)
    assert (caught.value.reason, caught.value.field) == (Reason.INVALID_REQUEST, "table")


async def test_a_schema_that_is_not_there(shop: Catalog) -> None:
    listing = TableQuery("main", schema="nowhere")
    with pytest.raises(RowgateError) as caught:
        await shop.list_tables(listing)
    errors = [caught.value, await _unknown(shop, "orders", "nowhere")]
    for error in errors:
        assert (error.reason, error.field) == (Reason.UNKNOWN_TABLE, "schema")
        assert error.metadata["schema"] == "nowhere"


async def test_the_default_schema_may_be_named(shop: Catalog) -> None:
    assert await shop.get_table("main", "main", "orders", None) == await shop.get_table("main", "", "orders", None)
    named = await shop.list_tables(TableQuery("main", schema="main"))
    assert named == await shop.list_tables(TableQuery("main"))


@pytest.mark.parametrize("name", ["summary", "report"])
async def test_a_view_of_what_is_gone_is_told_as_broken_and_has_no_rows(shop: Catalog, name: str) -> None:
    view = await shop.get_table("main", "", name, None)
    assert (view.kind, view.broken, view.columns) == (TableKind.VIEW, True, ())
    assert view.create_statement.lower().startswith("create view")
    with pytest.raises(RowgateError) as caught:
        await shop.get_table("main", "", name, None, Extent.ROWS)
    assert (caught.value.reason, caught.value.metadata["table"]) == (Reason.UNKNOWN_TABLE, name)


async def test_views_that_are_broken_are_listed_and_marked(shop: Catalog) -> None:
    page = await shop.list_tables(TableQuery("main"))
    assert [table.name for table in page.tables if table.broken] == ["report", "summary"]
    assert len(page.tables) > 2


async def test_temporary_tables_of_another_session_are_not_there(shop: Catalog, tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "main.db")) as connection:
        connection.execute("create temp table mine (x)")
        assert "mine" not in [table.name for table in (await shop.list_tables(TableQuery("main"))).tables]
        assert (await _unknown(shop, "mine")).reason is Reason.UNKNOWN_TABLE


@pytest.mark.parametrize("name", ["", "nowhere"])
async def test_a_database_that_is_not_there(shop: Catalog, name: str, tmp_path: Path) -> None:
    async with databases({"a": tmp_path / "main.db", "b": tmp_path / "main.db"}) as two:
        with pytest.raises(RowgateError) as caught:
            await Catalog(two).list_tables(TableQuery(name))
    assert (caught.value.reason, caught.value.field) == (Reason.UNKNOWN_DATABASE, "database")
    del shop


async def test_a_file_that_is_not_there_is_an_unavailable_database(tmp_path: Path) -> None:
    async with databases({"main": tmp_path / "gone.db"}) as found:
        error = await _unknown(Catalog(found), "orders")
    assert error.reason is Reason.DATABASE_UNAVAILABLE
