"""Completion takes no longer than a text deserves: what once took minutes would outlast these tests."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from unit.core.sqlite_files import databases, fill

from rowgate_server.core.browsing import Browser
from rowgate_server.core.completion.completer import Completer, Completion, CompletionRequest
from rowgate_server.core.tree import TreeRules, TreeStore
from rowgate_server.errors import Reason, RowgateError


@pytest.fixture
async def completer(tmp_path: Path) -> AsyncIterator[Completer]:
    file = fill(tmp_path / "main.db", "create table orders (id integer primary key, buyer integer)")
    async with databases({"main": file}, limits__sql_bytes="1000000") as found:
        trees = TreeStore(found, {"main": TreeRules(60.0, 30.0, 1000)})
        yield Completer(found, Browser(found, trees, lambda _: None))
        await trees.close()


async def complete(completer: Completer, text: str) -> Completion:
    before, after = text.split("|")
    return await completer.complete(CompletionRequest("main", before + after, len(before)))


@pytest.mark.timeout(20)
@pytest.mark.parametrize(
    "text",
    [
        "select " + "a," * 30_000 + "|",
        "select * from orders where id in (" + "1, " * 20_000 + "|)",
        "select * from orders where " + "(" * 30_000 + "|",
        "select '" + "x" * 60_000 + "|",
    ],
)
async def test_a_text_of_sixty_thousand_characters(completer: Completer, text: str) -> None:
    found = await complete(completer, text)
    assert found.start <= text.index("|")


@pytest.mark.timeout(20)
@pytest.mark.parametrize("within", ["select * from orders", "select 1"])
async def test_ctes_that_each_take_the_last_one_twice(completer: Completer, within: str) -> None:
    each = ", ".join(f"c{i + 1} as (select a.*, b.* from c{i} a, c{i} b)" for i in range(60))
    found = await complete(completer, f"with c0 as ({within}), {each} select | from c60")
    assert found.candidates


async def test_a_longer_text_than_anybody_types_is_refused(completer: Completer) -> None:
    with pytest.raises(RowgateError) as caught:
        await complete(completer, "select |" + "a" * 65_536)
    assert (caught.value.reason, caught.value.field) == (Reason.INVALID_SQL, "sql")


@pytest.mark.parametrize("text", ["select * from main.|", "select * from orders join main.|", "select * from main.o|"])
async def test_tables_are_offered_behind_a_schema_s_point(completer: Completer, text: str) -> None:
    assert [each.text for each in (await complete(completer, text)).candidates] == ["orders"]
