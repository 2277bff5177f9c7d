"""What SQL that goes through the gateway changes is in the next tree, and no caller meets what was before it."""

from __future__ import annotations

import itertools
from collections.abc import AsyncIterator

import grpc.aio
import pytest

import rowgate
from rowgate.v1 import batch_pb2, query_service_pb2, query_service_pb2_grpc, schema_service_pb2_grpc
from rowgate.v1 import schema_service_pb2 as pb
from support.engines import ENGINES, Engine
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


@pytest.mark.parametrize("engine", [each for each in ENGINES if each.name != "mariadb"], ids=lambda each: each.name)
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
