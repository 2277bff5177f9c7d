"""What one engine's tables have that the others' have not: taken as it is, or refused with the words for it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

import rowgate
from support.table_writes import TableWrites
from support.tables import Tables, fields


@asynccontextmanager
async def made(db: rowgate.Database, create: str) -> AsyncIterator[str]:
    """A table; `{}` stands for its name."""
    await db.query(create.format("special"))
    try:
        yield "special"
    finally:
        await db.query("drop table special")


@pytest.mark.engines("postgresql")
async def test_a_key_that_the_database_always_counts_is_not_written(writes: TableWrites, db: rowgate.Database) -> None:
    async with made(db, "create table {} (id integer generated always as identity primary key, a integer)") as table:
        assert (await writes.insert(table, [{"a": 1}, {"a": 2}])).rows == [(1,), (2,)]
        for call, field in (
            (writes.insert(table, [{"a": 1}, {"id": 7}]), "rows[1].values[id]"),
            (writes.insert(table, [{"id": 1, "a": 7}], update=["id"]), "rows[0].values[id]"),
            (writes.update(table, {"id": 7}, key={"id": 1}), "values[id]"),
        ):
            with pytest.raises(rowgate.InvalidRequest) as caught:
                await call
            assert (fields(caught.value), caught.value.metadata["column"]) == ([field], "id")


@pytest.mark.engines("postgresql")
async def test_a_deferrable_key_tells_no_conflict(writes: TableWrites, db: rowgate.Database, tables: Tables) -> None:
    create = "create table {} (id integer primary key, a integer unique deferrable, b integer unique)"
    async with made(db, create) as table:
        row: dict[str, Any] = {"id": 1, "a": 1, "b": 1}
        await writes.insert(table, [row])
        assert await tables.get(table, {"a": 1}) == (1, 1, 1)
        how: dict[str, Any]
        for how in ({"update": ["a"]}, {"ignore": ["a"]}, {"ignore": []}):
            with pytest.raises(rowgate.NotSupported) as caught:
                await writes.insert(table, [row], **how)
            assert (fields(caught.value), caught.value.metadata["outcome"]) == (["on_conflict.target"], "NOT_RUN")
        assert (await writes.insert(table, [row], ignore=["b"])).affected == 0


@pytest.mark.engines("mariadb")
async def test_a_table_with_a_column_that_cannot_be_told_is_refused_whole(
    writes: TableWrites, tables: Tables, db: rowgate.Database
) -> None:
    async with made(db, "create table {} (id integer primary key, `a\nb` integer)") as table:
        for call in (tables.page(table), tables.get(table, {"id": 1}), writes.insert(table, [{"id": 1}])):
            with pytest.raises(rowgate.NotSupported) as caught:
                await call
            assert caught.value.metadata["column"] == "a\nb"
        assert (await db.query(f"select count(*) as n from {table}")).scalar() == 0


@pytest.mark.engines("mariadb")
async def test_any_label_is_known_as_it_is(writes: TableWrites, db: rowgate.Database) -> None:
    labels = ["line\nbreak", "it's", "back\\slash", "tab\t", "100%", '"', "\\n", "\r"]
    written = ", ".join("'" + label.replace("\\", "\\\\").replace("'", "''") + "'" for label in labels)
    async with made(db, f"create table {{}} (id integer primary key, e enum({written}), s set({written}))") as table:
        rows = [{"id": place, "e": label, "s": label} for place, label in enumerate(labels)]
        answer = await writes.insert(table, rows, returning=["e", "s"])
        assert answer.rows == [(label, label) for label in labels]
