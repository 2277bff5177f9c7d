"""The tree: the same on every engine, cheap when unchanged, and fresh when asked to be."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

import rowgate
from rowgate.v1 import result_pb2, schema_service_pb2_grpc
from rowgate.v1 import schema_service_pb2 as pb
from support.engines import Engine


class Wire:
    """The tree of one database on the wire."""

    def __init__(self, stub: schema_service_pb2_grpc.SchemaServiceAsyncStub, engine: Engine) -> None:
        self.stub = stub
        self.engine = engine

    async def pieces(self, etag: str = "", *schemas: str) -> list[pb.GetSchemaTreeResponse]:
        request = pb.GetSchemaTreeRequest(database=self.engine.name, etag=etag, schemas=schemas)
        return [piece async for piece in self.stub.GetSchemaTree(request)]

    async def tables(self) -> dict[str, pb.TreeTable]:
        return {
            table.name: table
            for piece in await self.pieces()
            for table in piece.tables
            if table.schema == self.engine.schema
        }

    async def refresh(self) -> pb.RefreshSchemaResponse:
        return await self.stub.RefreshSchema(pb.RefreshSchemaRequest(database=self.engine.name))


@pytest.fixture
def wire(schemas: schema_service_pb2_grpc.SchemaServiceAsyncStub, engine: Engine) -> Wire:
    return Wire(schemas, engine)


@pytest.fixture
async def trees(db: rowgate.Database) -> AsyncIterator[None]:
    """A table and a view on it."""
    await db.query(
        "create table leaves (id integer primary key, name varchar(40) not null, amount decimal(12, 2), seen timestamp)"
    )
    await db.query("create view named_leaves as select id, name from leaves")
    yield
    await db.query("drop view named_leaves")
    await db.query("drop table leaves")


@pytest.mark.usefixtures("trees")
async def test_the_tree_has_tables_views_and_columns(wire: Wire) -> None:
    await wire.refresh()
    tables = await wire.tables()
    leaves = tables["leaves"]
    assert (leaves.kind, tables["named_leaves"].kind) == (pb.TABLE_KIND_TABLE, pb.TABLE_KIND_VIEW)
    assert [column.name for column in leaves.columns] == ["id", "name", "amount", "seen"]
    assert [column.name for column in leaves.columns if column.primary_key] == ["id"]
    assert [column.nullable for column in leaves.columns][:3] == [False, False, True]
    assert [column.name for column in tables["named_leaves"].columns] == ["id", "name"]


@pytest.mark.usefixtures("trees")
@pytest.mark.engines("mariadb", "postgresql")
async def test_the_tree_tells_the_types_of_columns(wire: Wire) -> None:
    await wire.refresh()
    assert [column.type for column in (await wire.tables())["leaves"].columns[:3]] == [
        result_pb2.COLUMN_TYPE_INT,
        result_pb2.COLUMN_TYPE_STRING,
        result_pb2.COLUMN_TYPE_DECIMAL,
    ]


@pytest.mark.usefixtures("trees")
async def test_the_tree_tells_of_columns_what_get_table_tells(wire: Wire) -> None:
    await wire.refresh()
    for table in (await wire.tables()).values():
        request = pb.GetTableRequest(database=wire.engine.name, schema=table.schema, table=table.name)
        described = (await wire.stub.GetTable(request)).table
        assert [(each.name, each.type) for each in table.columns] == [
            (each.name, each.type) for each in described.columns
        ]
        if table.kind == pb.TABLE_KIND_TABLE:
            nullable = [each.nullable for each in described.columns]
            assert [each.nullable for each in table.columns] == nullable


async def test_an_unchanged_tree_is_one_small_answer(wire: Wire) -> None:
    first = await wire.pieces()
    again = await wire.pieces(first[0].etag)
    assert again == [pb.GetSchemaTreeResponse(etag=first[0].etag, unchanged=True)]
    assert {piece.etag for piece in first} == {first[0].etag}


async def test_an_etag_belongs_to_the_schemas_that_were_asked_for(wire: Wire, engine: Engine) -> None:
    whole = (await wire.pieces())[0].etag
    one = await wire.pieces("", engine.schema)
    assert (one[0].etag == whole) is ([schema.name for schema in (await wire.pieces())[0].schemas] == [engine.schema])
    assert (await wire.pieces("", ""))[0].etag == one[0].etag
    assert [schema.name for schema in one[0].schemas] == [engine.schema]
    assert one[0].schemas[0].is_default


@pytest.mark.usefixtures("trees")
async def test_refreshing_finds_what_was_made_outside(wire: Wire, db: rowgate.Database) -> None:
    before = await wire.refresh()
    assert not (await wire.refresh()).changed
    await db.query("create table fresh_leaves (id integer primary key)")
    try:
        after = await wire.refresh()
        assert after.changed
        assert after.etag != before.etag
        assert after.tables == before.tables + 1
        assert after.columns == before.columns + 1
        assert not (await wire.pieces(before.etag))[0].unchanged
        assert "fresh_leaves" in await wire.tables()
    finally:
        await db.query("drop table fresh_leaves")
    assert (await wire.refresh()).etag == before.etag


async def test_many_callers_get_the_same_tree(wire: Wire) -> None:
    await wire.refresh()
    answers = await asyncio.gather(*(wire.pieces() for _ in range(30)))
    assert {answer[0].etag for answer in answers} == {answers[0][0].etag}
    assert {sum(len(piece.tables) for piece in answer) for answer in answers} == {
        sum(len(piece.tables) for piece in answers[0])
    }


async def test_a_table_of_a_thousand_columns_is_told_whole(wire: Wire, db: rowgate.Database) -> None:
    columns = ", ".join(f"c{number} integer" for number in range(1000))
    await db.query(f"create table very_wide ({columns})")
    try:
        await wire.refresh()
        assert [column.name for column in (await wire.tables())["very_wide"].columns] == [f"c{n}" for n in range(1000)]
    finally:
        await db.query("drop table very_wide")


@pytest.mark.parametrize("name", ["100%", "a_b", "it's", "日本", "two words", "a:b"])
async def test_hostile_names_are_told_as_they_are(wire: Wire, db: rowgate.Database, engine: Engine, name: str) -> None:
    quote = "`" if engine.name == "mariadb" else '"'
    await db.query(f"create table {quote}{name}{quote} ({quote}{name}{quote} integer)")
    try:
        await wire.refresh()
        assert [column.name for column in (await wire.tables())[name].columns] == [name]
        table = await db.describe(name)
        assert [column.name for column in table.columns] == [name]
    finally:
        await db.query(f"drop table {quote}{name}{quote}")


async def test_schemas_are_listed_page_by_page(wire: Wire, engine: Engine) -> None:
    names: list[str] = []
    request = pb.ListSchemasRequest(database=engine.name, page_size=1)
    while True:
        page = await wire.stub.ListSchemas(request)
        names += [schema.name for schema in page.schemas]
        if not page.next_page_token:
            break
        request.page_token = page.next_page_token
    whole = (await wire.stub.ListSchemas(pb.ListSchemasRequest(database=engine.name))).schemas
    assert names == [schema.name for schema in whole] == sorted(names)
    assert [schema.name for schema in whole if schema.is_default] == [engine.schema]
    assert ("information_schema" in [schema.name for schema in whole if schema.is_system]) is not engine.dynamic


@pytest.mark.usefixtures("trees")
async def test_how_a_table_is_made_is_told(wire: Wire, engine: Engine) -> None:
    async def described(name: str) -> pb.Table:
        return (await wire.stub.GetTable(pb.GetTableRequest(database=engine.name, table=name))).table

    view = await described("named_leaves")
    assert "view" in view.create_statement.lower()
    assert "leaves" in view.create_statement
    table = await described("leaves")
    assert pb.Engine.Name(table.engine) == f"ENGINE_{engine.name.upper()}"
    assert table.create_statement.lower().startswith("create table")


@pytest.mark.usefixtures("trees")
async def test_sql_is_completed(wire: Wire, engine: Engine) -> None:
    await wire.refresh()
    sql = "select l. from leaves as l"
    request = pb.CompleteSqlRequest(database=engine.name, sql=sql, cursor=9)
    found = await wire.stub.CompleteSql(request)
    assert (found.replace_start, found.replace_end, found.truncated) == (9, 9, False)
    assert [(each.text, each.kind, each.table) for each in found.candidates] == [
        (name, pb.CANDIDATE_KIND_COLUMN, "l") for name in ("id", "name", "amount", "seen")
    ]
    sql = "select * from lea"
    found = await wire.stub.CompleteSql(pb.CompleteSqlRequest(database=engine.name, sql=sql, cursor=len(sql)))
    assert (found.replace_start, found.replace_end) == (14, 17)
    assert [(each.text, each.kind) for each in found.candidates] == [
        ("leaves", pb.CANDIDATE_KIND_TABLE),
        ("named_leaves", pb.CANDIDATE_KIND_VIEW),
    ]


@pytest.mark.usefixtures("trees")
async def test_the_client_browses_the_tree_and_keeps_it_while_it_is_right(
    wire: Wire, db: rowgate.Database, engine: Engine
) -> None:
    await wire.refresh()
    tree = await db.schema()
    assert list(tree[engine.schema]["leaves"]) == ["id", "name", "amount", "seen"]
    assert tree[engine.schema]["leaves"]["id"].primary_key
    assert tree.default is tree[engine.schema]
    assert await db.schema(tree) is tree
    await db.query("create table later_leaves (id integer primary key)")
    try:
        await wire.refresh()
        later = await db.schema(tree)
        assert "later_leaves" in later[engine.schema]
        assert "later_leaves" not in tree[engine.schema]
    finally:
        await db.query("drop table later_leaves")


@pytest.mark.usefixtures("trees")
async def test_the_client_completes(wire: Wire, db: rowgate.Database) -> None:
    await wire.refresh()
    found = await db.complete("select n from leaves", 8)
    assert (found.start, found.end) == (7, 8)
    first = found.candidates[0]
    assert (first.text, first.kind, first.table) == ("name", rowgate.SqlCandidateKind.COLUMN, "leaves")
