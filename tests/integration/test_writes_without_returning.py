"""MySQL's way to answer with what was written, which has no RETURNING: proven on MariaDB, told that it has none either.

Nothing here takes a MySQL server, and none is asked: what MySQL itself makes of these statements is not proven.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from rowgate_server.core.access import Switches
from rowgate_server.core.catalog import Catalog
from rowgate_server.core.compiler.statements import Compiler
from rowgate_server.core.compiler.writes import WriteCompiler
from rowgate_server.core.crud import writing
from rowgate_server.core.crud.changes import TableChanger
from rowgate_server.core.crud.filters import Comparison, Operator
from rowgate_server.core.crud.inserts import TableInserter
from rowgate_server.core.crud.requests import TableName
from rowgate_server.core.crud.write_requests import (
    ConflictAction,
    DeleteRows,
    InsertRows,
    Meant,
    OnConflict,
    UpdateRows,
)
from rowgate_server.core.plans import Engine
from rowgate_server.core.query import QueryRequest, QueryRunner
from rowgate_server.core.soft_delete import SoftDeletes
from rowgate_server.core.table_cache import TableCache, TableRules
from rowgate_server.engines.database import Databases
from rowgate_server.engines.values import BoundValue, ValueType
from rowgate_server.errors import Reason, RowgateError
from support.direct import database_of, target_of
from support.mariadb import MariaDB

TABLE = TableName("db", "", "unreturned")
DDL = "create table unreturned (id integer auto_increment primary key, code varchar(9) unique, n integer default 7)"


def text(content: str) -> BoundValue:
    return BoundValue(ValueType.STRING, content)


def number(content: int) -> BoundValue:
    return BoundValue(ValueType.INT, content)


@pytest.fixture
async def databases(mariadb_server: MariaDB, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Databases]:
    monkeypatch.setattr(writing, "engine_of", lambda _: Engine.MYSQL)
    async with database_of(replace(target_of(mariadb_server), mariadb=False), 2) as database:
        databases = Databases({"db": database}, "db")
        queries = QueryRunner(databases, lambda _: None, Switches({}))
        await queries.execute(QueryRequest("db", DDL))
        yield databases
        await queries.execute(QueryRequest("db", "drop table unreturned"))


@pytest.fixture
def tables(databases: Databases) -> TableCache:
    return TableCache(databases, Catalog(databases), {"db": TableRules(60, SoftDeletes())})


@pytest.fixture
def inserter(tables: TableCache) -> TableInserter:
    return TableInserter(tables, Compiler(), WriteCompiler())


@pytest.fixture
def changer(tables: TableCache) -> TableChanger:
    return TableChanger(tables, Compiler(), WriteCompiler())


async def test_inserted_rows_are_found_again_by_their_keys(inserter: TableInserter) -> None:
    rows = ({"code": text("a")}, {"id": number(9), "n": number(1)}, {"code": text("c")})
    inserted = await inserter.insert(InsertRows(TABLE, rows, returning=("id", "n", "code")))
    assert [tuple(row) for row in inserted.rows.rows] == [(1, 7, "a"), (9, 1, None), (10, 7, "c")]


async def test_upserted_rows_are_found_again_too(inserter: TableInserter) -> None:
    await inserter.insert(InsertRows(TABLE, ({"code": text("a"), "n": number(1)},)))
    rows = ({"code": text("a"), "n": number(2)}, {"code": text("b")})
    upsert = OnConflict(ConflictAction.UPDATE, ("code",))
    changed = await inserter.insert(InsertRows(TABLE, rows, upsert, returning=("code", "n")))
    assert [tuple(row) for row in changed.rows.rows] == [("a", 2), ("b", 7)]
    ignored = await inserter.insert(InsertRows(TABLE, rows, OnConflict(ConflictAction.IGNORE)))
    assert (ignored.ignored, ignored.rows.rows) == ((0, 1), [])


async def test_changed_and_deleted_rows_are_read_by_their_keys(inserter: TableInserter, changer: TableChanger) -> None:
    await inserter.insert(InsertRows(TABLE, tuple({"code": text(code)} for code in "cab")))
    every = Meant({}, Comparison("id", Operator.GE, number(1)))
    updated = await changer.update(UpdateRows(TABLE, every, {"n": number(5)}, returning=("code", "n")))
    assert [tuple(row) for row in updated.rows] == [("c", 5), ("a", 5), ("b", 5)]
    one = await changer.delete(DeleteRows(TABLE, Meant({"code": text("a")}), returning=("id",)))
    assert [tuple(row) for row in one.rows] == [(2,)]
    rest = await changer.delete(DeleteRows(TABLE, every, returning=("*",)))
    assert [tuple(row) for row in rest.rows] == [(1, "c", 5), (3, "b", 5)]


async def test_without_a_key_nothing_can_be_found_again(databases: Databases, inserter: TableInserter) -> None:
    queries = QueryRunner(databases, lambda _: None, Switches({}))
    await queries.execute(QueryRequest("db", "create table keyless (a integer)"))
    try:
        rows = ({"a": number(1)},)
        keyless = TableName("db", "", "keyless")
        assert (await inserter.insert(InsertRows(keyless, rows))).rows.stats.completion.affected_rows == 1
        with pytest.raises(RowgateError) as caught:
            await inserter.insert(InsertRows(keyless, rows, returning=("a",)))
        assert caught.value.reason is Reason.NOT_SUPPORTED
    finally:
        await queries.execute(QueryRequest("db", "drop table keyless"))
