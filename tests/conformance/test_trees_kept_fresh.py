"""What SQL that goes through the gateway changes is in the next tree, and no caller meets what was before it."""

from __future__ import annotations

import itertools
import sqlite3
from collections.abc import AsyncIterator
from contextlib import closing

import grpc.aio
import pytest

import rowgate
from rowgate.v1 import batch_pb2, query_service_pb2, query_service_pb2_grpc, schema_service_pb2_grpc
from rowgate.v1 import schema_service_pb2 as pb
from support.engines import Engine
from support.transactions import Transact

_numbers = itertools.count(1)


class Tree:
    """The names of a database's tables, as the gateway's tree has them."""

    def __init__(self, stub: schema_service_pb2_grpc.SchemaServiceAsyncStub, database: str) -> None:
        self._stub = stub
        self._database = database

    async def columns(self, table: str) -> list[str] | None:
        request = pb.GetSchemaTreeRequest(database=self._database)
        found = [each async for piece in self._stub.GetSchemaTree(request) for each in piece.tables]
        return next(([column.name for column in each.columns] for each in found if each.name == table), None)


@pytest.fixture
def tree(schemas: schema_service_pb2_grpc.SchemaServiceAsyncStub, engine: Engine) -> Tree:
    return Tree(schemas, engine.name)


@pytest.fixture
async def name(db: rowgate.Database) -> AsyncIterator[str]:
    name = f"kept_fresh_{next(_numbers)}"
    yield name
    await db.query(f"drop table if exists {name}")


async def test_a_statement_makes_the_tree_anew(tree: Tree, db: rowgate.Database, name: str) -> None:
    assert await tree.columns(name) is None
    await db.query(f"create table {name} (id integer primary key)")
    assert await tree.columns(name) == ["id"]
    await db.query(f"alter table {name} add column more integer")
    assert await tree.columns(name) == ["id", "more"]
    await db.query(f"drop table {name}")
    assert await tree.columns(name) is None


async def test_a_batch_makes_the_tree_anew(
    tree: Tree, queries: query_service_pb2_grpc.QueryServiceAsyncStub, engine: Engine, name: str
) -> None:
    assert await tree.columns(name) is None
    steps = [batch_pb2.BatchStep(sql=f"create table {name} (id integer primary key)")]
    await queries.ExecuteBatch(
        query_service_pb2.ExecuteBatchRequest(database=engine.name, steps=steps, mode=batch_pb2.BATCH_MODE_INDEPENDENT)
    )
    assert await tree.columns(name) == ["id"]


@pytest.mark.engines("postgresql")
@pytest.mark.parametrize(
    "sql",
    [
        "select 1 as id into {}",
        "with one as (select 1 as id) select id into table {} from one",
        "explain (analyze) create table {} as select 1 as id",
        "do $$ begin create table {} (id integer); end $$",
    ],
)
async def test_statements_that_make_tables_in_passing_make_the_tree_anew(
    tree: Tree, db: rowgate.Database, name: str, sql: str
) -> None:
    assert await tree.columns(name) is None
    await db.query(sql.format(name))
    assert await tree.columns(name) == ["id"]


@pytest.mark.engines("sqlite")
async def test_a_change_to_the_file_by_another_shows_at_once(
    tree: Tree, urls: dict[str, str], db: rowgate.Database, name: str
) -> None:
    assert await tree.columns(name) is None
    with closing(sqlite3.connect(urls["ROWGATE_DATABASES__SQLITE__URL"].removeprefix("sqlite:///"))) as beside:
        beside.execute(f"create table {name} (id integer primary key)")
    assert await tree.columns(name) == ["id"]
    assert (await db.describe(name)).columns


@pytest.mark.engines("postgresql", "sqlite")
async def test_a_commit_makes_the_tree_anew_again(
    tree: Tree, db: rowgate.Database, channel: grpc.aio.Channel, engine: Engine, name: str
) -> None:
    """Between the statement and the commit others read the tree as it was; MariaDB commits every such statement."""
    async with Transact(channel) as transaction:
        await transaction.begin(engine.name)
        answer = await transaction.sql(f"create table {name} (id integer primary key)")
        assert answer.kind == "execute_query"
        assert await tree.columns(name) is None
        with pytest.raises(rowgate.UnknownTable):
            await db.table(name).count()
        assert (await transaction.commit()).state == "COMMITTED"
    assert await tree.columns(name) == ["id"]
    assert await db.table(name).count() == 0
