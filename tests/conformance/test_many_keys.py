"""Many rows by keys of several columns, and rows that others refer to."""

from __future__ import annotations

import pytest

import rowgate
from support.table_writes import TableWrites


async def test_thousands_of_rows_of_two_keys_columns_are_changed_and_deleted(
    writes: TableWrites, db: rowgate.Database
) -> None:
    await db.query("create table pairs (a integer, b integer, n integer, primary key (a, b))")
    try:
        await writes.insert("pairs", [{"a": number // 50, "b": number % 50, "n": 0} for number in range(2500)])
        changed = await writes.update("pairs", {"n": 1}, allow_unfiltered=True, returning=["n"])
        assert (changed.rows, changed.affected) == ([(1,)] * 2500, 2500)
        deleted = await writes.delete("pairs", allow_unfiltered=True, returning=["a", "b"])
        assert deleted.rows == [(number // 50, number % 50) for number in range(2500)]
        assert list((await db.query("select * from pairs")).rows) == []
    finally:
        await db.query("drop table pairs")


async def test_a_row_that_others_refer_to_is_told_as_such(writes: TableWrites, db: rowgate.Database) -> None:
    await db.query("create table parents (id integer primary key)")
    await db.query(
        "create table children (id integer primary key, parent integer, "
        "foreign key (parent) references parents (id) on delete restrict)"
    )
    try:
        await writes.insert("parents", [{"id": 1}])
        await writes.insert("children", [{"id": 1, "parent": 1}])
        with pytest.raises(rowgate.RowgateError) as caught:
            await writes.delete("parents", key={"id": 1})
        assert caught.value.reason == "FOREIGN_KEY_VIOLATION"
    finally:
        await db.query("drop table children")
        await db.query("drop table parents")
