"""Trees are read once for all who wait, kept while they are fresh, refreshed when asked, and filtered by a sight."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path
from typing import cast

import pytest
from unit.core.sqlite_files import databases, fill

from rowgate_server.core.tree import EVERYTHING, Routine, Tree, TreeRules, TreeStore, TreeTable, seen, store
from rowgate_server.core.tree.reading import read_tree
from rowgate_server.engines.database import Database, Databases
from rowgate_server.engines.deadline import Deadline
from rowgate_server.errors import Reason, RowgateError
from rowgate_server.observability.callers import Caller, current_caller
from rowgate_server.transport.codec.trees import encode_tree
from support.eventually import eventually


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return fill(
        tmp_path / "main.db", "create table things (id integer primary key, secret text)", "create table others (id)"
    )


@pytest.fixture
async def found(file: Path) -> AsyncIterator[Databases]:
    async with databases({"main": file}) as found:
        yield found


class Readings:
    """Counts the readings, and holds them up where it is told to."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.begun = 0
        self.told = asyncio.Event()
        self.go_on = asyncio.Event()
        self.go_on.set()
        self.callers: list[Caller | None] = []
        self._read = read_tree
        monkeypatch.setattr(store, "read_tree", self._counted)

    async def _counted(self, database: Database, deadline: Deadline, max_columns: int) -> Tree:
        self.begun += 1
        self.callers.append(current_caller.get())
        tree = await self._read(database, deadline, max_columns)
        self.told.set()
        await self.go_on.wait()
        return tree


@pytest.fixture
def readings(monkeypatch: pytest.MonkeyPatch) -> Readings:
    return Readings(monkeypatch)


def _store(found: Databases, max_age: float = 60.0, max_columns: int = 1000) -> TreeStore:
    return TreeStore(found, {"main": TreeRules(max_age, 30.0, max_columns)})


def _names(tree: Tree) -> list[str]:
    return list(tree.schemas[0].tables)


async def test_a_reading_is_of_nobody_s_call(found: Databases, readings: Readings) -> None:
    token = current_caller.set(cast("Caller", object()))
    trees = _store(found)
    await trees.get("main", None)
    current_caller.reset(token)
    assert readings.callers == [None]


async def test_a_hundred_callers_cause_one_reading(found: Databases, readings: Readings) -> None:
    trees = _store(found)
    answers = await asyncio.gather(*(trees.get("main", None) for _ in range(100)))
    assert readings.begun == 1
    assert all(answer is answers[0] for answer in answers)
    assert await trees.get("main", None) is answers[0]
    assert readings.begun == 1


async def test_a_caller_who_goes_away_takes_the_reading_from_no_other(found: Databases, readings: Readings) -> None:
    trees = _store(found)
    readings.go_on.clear()
    first, second = (asyncio.create_task(trees.get("main", None)) for _ in range(2))
    await readings.told.wait()
    first.cancel()
    readings.go_on.set()
    assert _names(await second) == ["others", "things"]
    assert readings.begun == 1


async def test_a_refresh_does_not_take_what_was_already_being_read(
    found: Databases, readings: Readings, file: Path
) -> None:
    trees = _store(found)
    readings.go_on.clear()
    early = asyncio.create_task(trees.get("main", None))
    await readings.told.wait()
    with closing(sqlite3.connect(file)) as connection:
        connection.execute("create table fresh (id)")
    refreshed = [asyncio.create_task(trees.refresh("main", None)) for _ in range(5)]
    await asyncio.sleep(0)
    readings.go_on.set()
    assert _names(await early) == ["others", "things"]
    assert {tuple(_names(await each)) for each in refreshed} == {("fresh", "others", "things")}
    assert readings.begun == 2


async def test_what_is_forgotten_while_it_is_read_is_not_kept(found: Databases, readings: Readings) -> None:
    trees = _store(found)
    readings.go_on.clear()
    early = asyncio.create_task(trees.get("main", None))
    await readings.told.wait()
    trees.forget("main")
    readings.go_on.set()
    await early
    await trees.get("main", None)
    assert readings.begun == 2


async def test_an_old_tree_is_not_handed_out_nor_held(found: Databases, readings: Readings) -> None:
    trees = _store(found, max_age=0.001)
    first = await trees.get("main", None)
    await eventually(lambda: not trees._trees, 5.0, "the old tree is let go of")
    assert await trees.get("main", None) is not first
    assert readings.begun == 2


async def test_a_failed_reading_is_told_to_each_and_tried_anew(
    found: Databases, monkeypatch: pytest.MonkeyPatch
) -> None:
    trees = _store(found, max_columns=2)
    answers = await asyncio.gather(*(trees.get("main", None) for _ in range(3)), return_exceptions=True)
    told = [answer for answer in answers if isinstance(answer, RowgateError)]
    assert [error.reason for error in told] == [Reason.RESULT_TOO_LARGE] * 3
    for number, error in enumerate(told):
        error.with_defaults(query_id=str(number))
    assert [error.metadata["query_id"] for error in told] == ["0", "1", "2"]
    monkeypatch.setattr(trees, "_rules", {"main": TreeRules(60.0, 30.0, 3)})
    assert _names(await trees.get("main", None)) == ["others", "things"]


class _Clerk:
    """Sees no secrets, and no table `others`."""

    key = "clerk"
    everything = False

    def table(self, schema: str, table: TreeTable) -> TreeTable | None:
        assert schema == "main"
        if table.name == "others":
            return None
        return table._replace(columns=tuple(column for column in table.columns if column.name != "secret"))

    def routine(self, schema: str, routine: Routine) -> bool:
        raise AssertionError((schema, routine))

    def schema(self, schema: str) -> bool:
        return schema == "main"

    def shows(self, schema: str, table: str) -> bool:
        raise AssertionError((schema, table))


async def test_a_sight_hides_tables_and_columns_and_has_an_etag_of_its_own(found: Databases) -> None:
    tree = await _store(found).get("main", None)
    theirs = await seen(tree, _Clerk())
    told = list(encode_tree(theirs, ""))
    assert [(table.name, [column.name for column in table.columns]) for piece in told for table in piece.tables] == [
        ("things", ["id"])
    ]
    whole = list(encode_tree(await seen(tree, EVERYTHING), ""))
    assert [table.name for piece in whole for table in piece.tables] == ["others", "things"]
    assert told[0].etag != whole[0].etag
    assert [piece.unchanged for piece in encode_tree(theirs, told[0].etag)] == [True]
    assert not next(encode_tree(tree, told[0].etag)).unchanged
    assert (await seen(tree, _Clerk())).schemas[0] is theirs.schemas[0], "it is made once for all who see the same"
