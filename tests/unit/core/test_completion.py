"""Completion of SQL that is not finished: tables behind FROM, columns of what is in scope, nothing within literals."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from unit.core.sqlite_files import databases, fill

from rowgate_server.core.browsing import Browser
from rowgate_server.core.completion.completer import Completer, Completion, CompletionRequest
from rowgate_server.core.completion.place import place_at
from rowgate_server.core.completion.records import Candidate, CandidateKind
from rowgate_server.core.tree import TreeRules, TreeStore
from rowgate_server.engines.dialects import Dialect
from rowgate_server.errors import Reason, RowgateError


class Asker:
    """Asks with a bar where the cursor is."""

    def __init__(self, completer: Completer) -> None:
        self._completer = completer

    async def whole(self, text: str, most: int = 2000) -> Completion:
        before, after = text.split("|")
        request = CompletionRequest("main", before + after, len(before), max_candidates=most)
        return await self._completer.complete(request)

    async def candidates(self, text: str, *kinds: CandidateKind) -> list[Candidate]:
        return [each for each in (await self.whole(text)).candidates if each.kind in kinds]

    async def columns(self, text: str) -> list[str]:
        return [each.label for each in await self.candidates(text, CandidateKind.COLUMN)]

    async def tables(self, text: str) -> list[str]:
        kinds = (CandidateKind.TABLE, CandidateKind.VIEW, CandidateKind.CTE)
        return [each.label for each in await self.candidates(text, *kinds)]

    async def keywords(self, text: str) -> list[str]:
        return [each.text for each in await self.candidates(text, CandidateKind.KEYWORD)]


@pytest.fixture
async def ask(tmp_path: Path) -> AsyncIterator[Asker]:
    file = fill(
        tmp_path / "main.db",
        "create table orders (id integer primary key, buyer integer, placed_on date)",
        'create table buyers (id integer primary key, name text, "first name" text, "order" text)',
        "create view shelf as select 1 as shelf_id",
    )
    async with databases({"main": file}) as found:
        trees = TreeStore(found, {"main": TreeRules(60.0, 30.0, 1000)})
        yield Asker(Completer(found, Browser(found, trees, lambda _: None)))
        await trees.close()


@pytest.mark.parametrize(
    "text",
    [
        "select * from |", "select * from\n  |", "select o.id from orders o join |", "insert into |", "update |",
        "delete from |", "select 1; select * from |", "select * from orders, |", "select (select 1 from |",
        "select * from |where 1 = 1", "select 'it''s' from |", 'select "a;b" from |', "select 1 -- '\nfrom |",
    ],
)  # fmt: skip
async def test_tables_stand_behind_from_and_its_like(ask: Asker, text: str) -> None:
    assert await ask.tables(text) == ["buyers", "orders", "shelf"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("select | from orders", ["id", "buyer", "placed_on"]),
        ("select o.| from orders o", ["id", "buyer", "placed_on"]),
        ("select o.| from orders as o join buyers b on b.id = o.buyer", ["id", "buyer", "placed_on"]),
        ("select o.pl| from orders o", ["placed_on"]),
        ("select * from orders o where o.|", ["id", "buyer", "placed_on"]),
        ("select * from orders o where o.id = 1 and b|", ["buyer"]),
        ("select * from ORDERS where |", ["id", "buyer", "placed_on"]),
        ("select * from main.orders where p|", ["placed_on"]),
        ("select * from orders order by p|", ["placed_on"]),
        ("select * from orders o join buyers b on b.|", ["id", "name", "first name", "order"]),
        ("update orders set |", ["id", "buyer", "placed_on"]),
        ("insert into orders (|", ["id", "buyer", "placed_on"]),
        ("insert into orders (id, |) values (1, 2)", ["id", "buyer", "placed_on"]),
        ("delete from orders where |", ["id", "buyer", "placed_on"]),
        ("with recent as (select id, placed_on as day from orders) select | from recent", ["id", "day"]),
        ("with recent (a, b) as (select 1, 2) select r.| from recent r", ["a", "b"]),
        ("with recent as (select * from orders) select r.| from recent as r", ["id", "buyer", "placed_on"]),
        ("with recent as (select | from orders", ["id", "buyer", "placed_on"]),
        ("with a as (select id x from orders), b as (select x from a) select | from b", ["x"]),
        ("select s.| from (select id, name as n from buyers) s", ["id", "n"]),
        ("select s.| from (select b.* from buyers b) as s", ["id", "name", "first name", "order"]),
        ("select * from orders o where exists (select 1 from buyers b where b.id = o.|", ["id", "buyer", "placed_on"]),
        ("select * from buyers where id in (select | from orders)", ["id", "buyer", "placed_on", "id"]),
        ("select shelf.| from shelf", ["shelf_id"]),
        ("select plan.| from orders plan", ["id", "buyer", "placed_on"]),
        ("select x.| from orders o", []),
        ("select 1 from buyers; select | from orders; select 1 from shelf", ["id", "buyer", "placed_on"]),
    ],
)
async def test_columns_are_those_in_scope(ask: Asker, text: str, expected: list[str]) -> None:
    found = await ask.columns(text)
    assert found == expected or found[: len(expected)] == expected, found
    assert set(found) <= {*expected, "name", "first name", "order"}, found


@pytest.mark.parametrize(
    "text",
    [
        "select 'abc|", "select 'it''s |' from orders", "select 1 -- from |", "select /* from | */ 1", "select /* |",
        "select 12|", "select * from orders where id = :nam|",
    ],
)  # fmt: skip
async def test_nothing_is_offered_within_literals_and_comments(ask: Asker, text: str) -> None:
    assert (await ask.whole(text)).candidates == ()


@pytest.mark.parametrize(
    ("text", "expected"), [("|", "SELECT"), ("sel|", "SELECT"), ("select * from orders |", "WHERE"),
        ("select * from orders wh|", "WHERE"), ("select id fr|", "FROM")],
)  # fmt: skip
async def test_keywords_are_offered_where_they_stand(ask: Asker, text: str, expected: str) -> None:
    assert (await ask.keywords(text))[0] == expected


async def test_the_range_is_the_name_that_is_being_typed(ask: Asker) -> None:
    found = await ask.whole("select * from ord|ers where 1 = 1")
    assert (found.start, found.end) == (14, 20)
    found = await ask.whole("select * from |")
    assert (found.start, found.end) == (14, 14)
    found = await ask.whole('select b."fir| from buyers b')
    assert (found.start, found.end) == (9, 13)
    assert [candidate.text for candidate in found.candidates] == ['"first name"']


async def test_names_are_quoted_where_they_need_it(ask: Asker) -> None:
    found = await ask.candidates("select b.| from buyers b", CandidateKind.COLUMN)
    assert [candidate.text for candidate in found] == ["id", "name", '"first name"', '"order"']
    assert {candidate.table for candidate in found} == {"b"}
    assert [candidate.detail for candidate in found][:2] == ["integer", "text"]


async def test_functions_and_aliases_are_offered_in_expressions(ask: Asker) -> None:
    found = await ask.candidates("select c| from orders as custom", CandidateKind.FUNCTION, CandidateKind.ALIAS)
    assert [candidate.label for candidate in found][:3] == ["custom", "count", "coalesce"]


async def test_names_that_contain_what_is_typed_come_last_and_such_words_not_at_all(ask: Asker) -> None:
    found = (await ask.whole("select date| from orders")).candidates
    assert found[0].label == "date"
    assert {each.label for each in found if each.kind is CandidateKind.FUNCTION} == {"date", "datetime"}
    found = (await ask.whole("select ate| from orders")).candidates
    assert [each.label for each in found] == ["date", "datetime"]


async def test_there_are_only_so_many(ask: Asker) -> None:
    found = await ask.whole("select | from orders", most=2)
    assert [candidate.label for candidate in found.candidates] == ["id", "buyer"]
    assert found.truncated


@pytest.mark.parametrize(("cursor", "most"), [(-1, 0), (4, 0), (0, -1)])
async def test_a_place_that_is_none_is_refused(ask: Asker, cursor: int, most: int) -> None:
    with pytest.raises(RowgateError) as caught:
        await ask._completer.complete(CompletionRequest("main", "abc", cursor, max_candidates=most))
    assert caught.value.reason is Reason.INVALID_REQUEST


@pytest.mark.parametrize(
    ("dialect", "text", "inside"),
    [
        (Dialect.MYSQL, r"select 'a\'|", True),
        (Dialect.POSTGRESQL, r"select 'a\' |", False),
        (Dialect.POSTGRESQL, r"select E'a\'|", True),
        (Dialect.SQLITE, r"select 'a\' |", False),
        (Dialect.MYSQL, 'select "a|', True),
        (Dialect.POSTGRESQL, 'select "a|', False),
        (Dialect.MYSQL, "select 1 # |", True),
        (Dialect.POSTGRESQL, "select 1 # |", False),
        (Dialect.POSTGRESQL, "select $$ from |", True),
        (Dialect.POSTGRESQL, "select $x$ $$ |", True),
        (Dialect.POSTGRESQL, "select $x$ $x$ |", False),
        (Dialect.MYSQL, "select 1 --|", True),
    ],
)
def test_literals_are_those_of_the_dialect(dialect: Dialect, text: str, *, inside: bool) -> None:
    cursor = text.index("|")
    place = place_at(text.replace("|", ""), cursor, dialect)
    assert (place.wanted.name == "NOTHING") is inside
