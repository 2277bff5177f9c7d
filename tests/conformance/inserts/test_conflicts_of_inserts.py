"""on_conflict: rows that are there already are an error, ignored, or changed."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

import rowgate
from support.rows import stored
from support.table_writes import TableWrites
from support.tables import fields


async def test_ignored_rows_are_told_by_their_place(writes: TableWrites, notes: str, db: rowgate.Database) -> None:
    await writes.insert(notes, [{"code": "b", "body": "old"}])
    rows: list[dict[str, Any]] = [
        {"code": "a"},
        {"code": "b", "body": "new"},
        {"code": "c"},
        {"code": "a", "body": "again"},
        {"code": None},
    ]
    answer = await writes.insert(notes, rows, ignore=["code"], returning=["code"])
    assert answer.rows == [("a",), ("c",), (None,)]
    assert list(answer.response.ignored_rows) == [1, 3]
    assert answer.affected == 3
    assert ("b", "old", None) in await stored(db)


async def test_rows_that_are_all_ignored_leave_the_columns_to_tell(writes: TableWrites, notes: str) -> None:
    await writes.insert(notes, [{"id": 1, "code": "b"}])
    answer = await writes.insert(notes, [{"id": 1}], ignore=[], returning=["id", "code"])
    assert (answer.rows, answer.affected) == ([], 0)
    assert [column.name for column in answer.response.result.columns] == ["id", "code"]


async def test_without_a_target_any_key_is_ignored_and_nothing_else(
    writes: TableWrites, notes: str, db: rowgate.Database
) -> None:
    await writes.insert(notes, [{"id": 1, "code": "a"}])
    answer = await writes.insert(notes, [{"id": 1, "code": "x"}, {"id": 2, "code": "a"}, {"id": 3}], ignore=[])
    assert (answer.rows, list(answer.response.ignored_rows)) == ([(3,)], [0, 1])
    with pytest.raises(rowgate.RowgateError) as caught:
        await writes.insert(notes, [{"id": 4, "stars": 6}, {"id": 1}], ignore=[])
    assert caught.value.reason == "CHECK_VIOLATION"
    assert len(await stored(db)) == 2


async def test_an_upsert_changes_what_is_there_and_inserts_what_is_not(
    writes: TableWrites, notes: str, db: rowgate.Database
) -> None:
    await writes.insert(notes, [{"code": "b", "body": "old", "stars": 1}])
    rows: list[dict[str, Any]] = [
        {"code": "a", "body": "new"},
        {"code": "b", "body": "newer"},
        {"code": "b", "stars": 2},
        {"code": None},
    ]
    answer = await writes.insert(notes, rows, update=["code"], returning=["code", "body", "stars"])
    assert answer.rows == [("a", "new", None), ("b", "newer", 1), ("b", "newer", 2), (None, "empty", None)]
    assert answer.affected == 4
    assert sorted(await stored(db), key=str) == sorted(
        [("b", "newer", 2), ("a", "new", None), (None, "empty", None)], key=str
    )


async def test_many_rows_are_upserted_at_once_and_come_back_in_order(writes: TableWrites, notes: str) -> None:
    await writes.insert(notes, [{"code": f"c{number}"} for number in range(0, 300, 3)])
    rows = [{"code": f"c{(number * 7) % 300}", "stars": number % 5} for number in range(300)]
    answer = await writes.insert(notes, rows, update=["code"], returning=["code", "stars"])
    assert answer.rows == [(row["code"], row["stars"]) for row in rows]


async def test_an_upsert_changes_only_the_columns_that_it_names(
    writes: TableWrites, notes: str, db: rowgate.Database
) -> None:
    await writes.insert(notes, [{"code": "b", "body": "old", "stars": 1}])
    row = {"code": "b", "body": "new", "stars": 2}
    await writes.insert(notes, [row], update=["code"], columns=["stars"])
    assert await stored(db) == [("b", "old", 2)]


async def test_an_upsert_never_touches_a_row_by_another_key(
    writes: TableWrites, notes: str, db: rowgate.Database
) -> None:
    await writes.insert(notes, [{"id": 1, "code": "one"}, {"id": 2, "code": "two"}])
    for target, row in (
        (["id"], {"id": 3, "code": "one", "body": "hit"}),
        (["id"], {"id": 1, "code": "two", "body": "hit"}),
        (["code"], {"id": 1, "code": "three", "body": "hit"}),
    ):
        for action in ("update", "ignore"):
            if (action, row["id"]) == ("ignore", 1) and target == ["id"]:
                continue  # the target is there: left out
            with pytest.raises(rowgate.DuplicateKey):
                await writes.insert(notes, [row], **{action: target})
    assert await stored(db, "id, code, body") == [(1, "one", "empty"), (2, "two", "empty")]


async def test_a_conflict_is_undone_with_all_else(writes: TableWrites, notes: str, db: rowgate.Database) -> None:
    await writes.insert(notes, [{"code": "b", "body": "old"}])
    with pytest.raises(rowgate.RowgateError):
        await writes.insert(notes, [{"code": "b", "body": "new"}, {"code": "c", "stars": 6}], update=["code"])
    answer = await writes.insert(notes, [{"code": "b", "body": "new"}], update=["code"], dry_run=True)
    assert answer.affected == 1
    assert await stored(db) == [("b", "old", None)]


@pytest.mark.parametrize(
    ("conflict", "field"),
    [
        ({"update": ["body"]}, "on_conflict.target"),
        ({"update": ["nothing"]}, "on_conflict.target[0]"),
        ({"ignore": ["id", "code"]}, "on_conflict.target"),
        ({"update": ["code"], "columns": ["nothing"]}, "on_conflict.update_columns[0]"),
        ({"update": ["code"], "columns": ["stars"]}, "on_conflict.update_columns[0]"),
        ({"ignore": ["code"], "columns": ["body"]}, "on_conflict.update_columns"),
    ],
)
async def test_a_conflict_by_what_is_no_key_is_refused(
    writes: TableWrites, notes: str, conflict: dict[str, Any], field: str
) -> None:
    with pytest.raises(rowgate.RowgateError) as caught:
        await writes.insert(notes, [{"code": "a", "body": "b"}], **conflict)
    assert fields(caught.value) == [field]


async def test_a_row_without_its_target_is_refused(writes: TableWrites, notes: str) -> None:
    with pytest.raises(rowgate.RowgateError) as caught:
        await writes.insert(notes, [{"code": "a"}, {"body": "b"}], update=["code"])
    assert fields(caught.value) == ["rows[1].values[code]"]


async def test_concurrent_upserts_of_the_same_rows_all_succeed(
    writes: TableWrites, notes: str, db: rowgate.Database
) -> None:
    async def upsert(caller: int) -> None:
        for turn in range(5):
            rows = [{"code": f"k{number}", "body": f"{caller}.{turn}"} for number in range(3)]
            await writes.insert(notes, rows, update=["code"])

    await asyncio.gather(*(upsert(caller) for caller in range(4)))
    found = await stored(db)
    assert [code for code, _, _ in sorted(found)] == ["k0", "k1", "k2"]
    assert len({body for _, body, _ in found}) == 1


async def test_a_new_row_that_many_upsert_at_once_is_there_once(
    writes: TableWrites, notes: str, db: rowgate.Database
) -> None:
    for turn in range(15):  # on MariaDB some of these end in deadlocks, which are tried again
        row = {"code": f"k{turn}"}
        answers = await asyncio.gather(*(writes.insert(notes, [row], update=["code"]) for _ in range(4)))
        assert len({answer.rows[0] for answer in answers}) == 1
    assert len(await stored(db)) == 15
