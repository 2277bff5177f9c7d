"""Tables made from descriptions: as they were, on the same engine and from one engine to another; and dropped."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator

import pytest

import rowgate
from rowgate.v1 import result_pb2
from rowgate.v1 import schema_service_pb2 as pb
from support.engines import ENGINES, Engine
from support.making import Maker

_numbers = itertools.count(1)


@pytest.fixture
async def name(maker: Maker) -> AsyncIterator[str]:
    name = f"made_{next(_numbers)}"
    yield name
    await maker.drop(name, if_exists=True)


def _described(name: str) -> pb.Table:
    """A table of every kind of thing, written for no engine."""
    column = pb.TableColumn
    return pb.Table(
        name=name,
        columns=[
            column(name="id", type=result_pb2.COLUMN_TYPE_INT, autoincrement=True),
            column(name="code", type=result_pb2.COLUMN_TYPE_STRING, length=20),
            column(name="price", type=result_pb2.COLUMN_TYPE_DECIMAL, precision=12, scale=2, default_expression="0"),
            column(name="note", type=result_pb2.COLUMN_TYPE_STRING, nullable=True, comment="it's free; and\\so on"),
            column(name="made", type=result_pb2.COLUMN_TYPE_DATETIME, nullable=True),
            column(name="raw", type=result_pb2.COLUMN_TYPE_BYTES, nullable=True),
            column(
                name="label", type=result_pb2.COLUMN_TYPE_STRING, length=9, nullable=True, default_expression="'it''s'"
            ),
        ],
        primary_key=pb.PrimaryKey(columns=["id"]),
        unique_constraints=[pb.UniqueConstraint(name=f"{name}_code", columns=["code"])],
        indexes=[pb.Index(name=f"{name}_by_price", parts=[pb.IndexPart(column="price"), pb.IndexPart(column="code")])],
        checks=[pb.CheckConstraint(name=f"{name}_price", expression="price >= 0")],
    )


def _shape(table: pb.Table) -> tuple[object, ...]:
    """What must stay the same when a table is made anew. MariaDB tells a unique constraint once more, as an index."""
    constraints = [key.name for key in table.unique_constraints]
    return (
        [(column.name, column.nullable, column.autoincrement, column.length) for column in table.columns],
        list(table.primary_key.columns),
        [(key.name, list(key.columns)) for key in table.unique_constraints],
        [
            (index.name, index.unique, [part.column for part in index.parts])
            for index in table.indexes
            if index.name not in constraints
        ],
        [check.name for check in table.checks],
    )


async def test_a_table_is_made_from_its_description(maker: Maker, name: str, db: rowgate.Database) -> None:
    answer = await maker.create(_described(name))
    assert answer.created
    assert answer.table == await maker.get(name)
    await db.table(name).insert({"code": "a"})
    row = (await db.query(f"select price, label from {name}")).one()
    assert (int(row[0]), row[1]) == (0, "it's")
    with pytest.raises(rowgate.CheckViolation):
        await db.query(f"insert into {name} (code, price) values ('b', -1)")
    with pytest.raises(rowgate.DuplicateKey):
        await db.query(f"insert into {name} (code) values ('a')")


async def test_a_table_is_made_again_from_what_was_told_of_it(maker: Maker, name: str) -> None:
    first = (await maker.create(_described(name))).table
    assert await maker.drop(name)
    again = (await maker.create(first)).table
    assert again == first


@pytest.mark.parametrize("target", ENGINES, ids=lambda engine: f"to-{engine.name}")
async def test_a_table_is_copied_from_engine_to_engine(
    maker: Maker, target: Engine, name: str, client: rowgate.Client
) -> None:
    source = (await maker.create(_described(name))).table
    if target.name == maker.database:
        return
    there = Maker(maker.stub, target.name)
    for column in source.columns:
        # A key of texts is not carried from MariaDB's collations to the others' own, unless one says so.
        column.collation = ""
    try:
        copy = (await there.create(source)).table
        assert _shape(copy)[1:] == _shape(source)[1:]
        assert [column.name for column in copy.columns] == [column.name for column in source.columns]
        row = {"code": "x", "price": "12.50", "note": "日本", "made": "2024-01-31T23:59:59.123456", "raw": b"\x00\xff"}
        await client.using(maker.database).table(name).insert(row)
        await client.using(target.name).table(name).insert(row)
        (here,) = (await client.using(maker.database).query(f"select code, note, made, raw, label from {name}")).rows
        (copied,) = (await client.using(target.name).query(f"select code, note, made, raw, label from {name}")).rows
        assert [copied[key] for key in ("code", "note", "raw", "label")] == [
            here[key] for key in ("code", "note", "raw", "label")
        ]
    finally:
        await there.drop(name, if_exists=True)


async def test_a_table_that_is_there_is_refused_or_told(maker: Maker, name: str) -> None:
    first = await maker.create(_described(name))
    with pytest.raises(rowgate.TableExists) as caught:
        await maker.create(_described(name))
    assert caught.value.metadata["table"] == name
    again = await maker.create(_described(name), if_not_exists=True)
    assert (again.created, list(again.statements), again.table) == (False, [], first.table)


async def test_of_many_who_make_a_table_at_once_one_does(maker: Maker, name: str) -> None:
    answers = await asyncio.gather(*(maker.create(_described(name), if_not_exists=True) for _ in range(4)))
    assert sorted(answer.created for answer in answers) == [False, False, False, True]


async def test_a_dry_run_tells_the_statements_and_makes_nothing(maker: Maker, name: str) -> None:
    answer = await maker.create(_described(name), dry_run=True)
    assert not answer.created
    assert not answer.HasField("table")
    assert answer.statements[0].startswith("CREATE TABLE ")
    assert not await maker.drop(name, if_exists=True)


async def test_a_made_table_is_found_at_once_and_a_dropped_one_is_not(
    maker: Maker, name: str, db: rowgate.Database
) -> None:
    async def in_tree() -> bool:
        request = pb.GetSchemaTreeRequest(database=maker.database)
        return any(
            table.name == name
            for piece in [p async for p in maker.stub.GetSchemaTree(request)]
            for table in piece.tables
        )

    assert not await in_tree()
    await maker.create(_described(name))
    assert await in_tree()
    assert await db.table(name).count() == 0
    assert await maker.drop(name)
    assert not await in_tree()
    with pytest.raises(rowgate.UnknownTable):
        await db.table(name).count()


async def test_what_can_not_be_dropped(maker: Maker, db: rowgate.Database, name: str) -> None:
    with pytest.raises(rowgate.UnknownTable):
        await maker.drop("nowhere_at_all")
    await maker.create(_described(name))
    await db.query(f"create view {name}_view as select code from {name}")
    try:
        with pytest.raises(rowgate.NotSupported):
            await maker.drop(f"{name}_view")
    finally:
        await db.query(f"drop view {name}_view")


@pytest.mark.parametrize(
    "expression",
    [
        "0; drop table x",
        "0) check (1 = 1",
        "0 -- ",
        "0 /* */",
        "'' '\\'",
        "'open",
        "$$x$$",
        "(1",
        "1)",
        "",
    ],
)
async def test_an_expression_is_no_way_out_of_the_statement(maker: Maker, name: str, expression: str) -> None:
    table = _described(name)
    table.columns[2].default_expression = expression
    with pytest.raises(rowgate.InvalidRequest) as caught:
        await maker.create(table)
    assert caught.value.field_violations[0].field == "table.columns[2].default_expression"
    table = _described(name)
    table.checks[0].expression = expression
    with pytest.raises(rowgate.InvalidRequest):
        await maker.create(table)


@pytest.mark.engines("mariadb", "sqlite")
@pytest.mark.parametrize("expression", ["?", "price # 1", "price ?| 1"])
async def test_what_is_an_operator_on_postgresql_is_none_elsewhere(maker: Maker, name: str, expression: str) -> None:
    table = _described(name)
    table.checks[0].expression = expression
    with pytest.raises(rowgate.InvalidRequest) as caught:
        await maker.create(table)
    assert caught.value.field_violations[0].field == "table.checks[0].expression"


@pytest.mark.parametrize(
    "default",
    ["0 references items on delete cascade", "0 primary key", "0 check (1 = 1)", "0 comment 'x'", "0 unique"],
)
async def test_nothing_rides_in_on_a_default(maker: Maker, name: str, db: rowgate.Database, default: str) -> None:
    table = _described(name)
    table.columns[2].default_expression = default
    with pytest.raises(rowgate.RowgateError):
        await maker.create(table)
    assert await db.tables(name) == []


async def test_a_quote_within_a_name_hides_no_comment(maker: Maker, name: str, db: rowgate.Database) -> None:
    table = _described(name)
    del table.checks[:]
    table.checks.add(expression="""\"a'\" /*'b' """)
    table.checks.add(
        expression="""'*/ <> '1')) select table_name from information_schema.tables where 1 in (select 1 -- '"""
    )
    with pytest.raises(rowgate.InvalidRequest) as caught:
        await maker.create(table)
    assert caught.value.field_violations[0].field == "table.checks[0].expression"
    assert await db.tables(name) == []


@pytest.mark.parametrize(
    "written",
    [
        *("int; drop table x", "int) engine = x (", "int primary key, x int", "int -- ", "a'"),
        *(
            "int references items",
            "int primary key",
            "int check (0)",
            "int generated always as identity",
            "int not null",
        ),
        *("int unique", "int default (1)", '"int" references items', "varchar(3) collate nocase"),
    ],
)
async def test_a_type_is_no_way_out_of_the_statement(maker: Maker, name: str, written: str) -> None:
    table = _described(name)
    table.columns[1].database_type = written
    with pytest.raises(rowgate.InvalidRequest) as caught:
        await maker.create(table)
    assert caught.value.field_violations[0].field == "table.columns[1].database_type"


async def test_a_type_without_a_match_on_the_engine_is_refused(maker: Maker, name: str, engine: Engine) -> None:
    table = _described(name)
    foreign = {"mariadb": pb.ENGINE_POSTGRESQL, "postgresql": pb.ENGINE_MARIADB, "sqlite": pb.ENGINE_POSTGRESQL}
    table.engine = foreign[engine.name]
    table.columns[1].database_type = "point"
    with pytest.raises(rowgate.InvalidRequest) as caught:
        await maker.create(table)
    assert caught.value.metadata["column"] == "code"


@pytest.mark.parametrize("hostile", ["a`b", 'a"b', "it's", "日本", "select", "%s", "a:b"])
async def test_hostile_names_are_only_names(maker: Maker, hostile: str) -> None:
    table = pb.Table(name=hostile, columns=[pb.TableColumn(name=hostile, type=result_pb2.COLUMN_TYPE_INT)])
    try:
        assert (await maker.create(table)).table.columns[0].name == hostile
    finally:
        assert await maker.drop(hostile)


async def test_a_foreign_key_is_made_where_the_table_is(maker: Maker, name: str) -> None:
    table = pb.Table(
        name=f"{name}_child",
        schema="elsewhere",
        columns=[
            pb.TableColumn(name="parent", type=result_pb2.COLUMN_TYPE_INT, database_type="integer", nullable=True)
        ],
        foreign_keys=[
            pb.ForeignKey(
                name=f"{name}_fk",
                columns=["parent"],
                referred_schema="elsewhere",
                referred_table=name,
                referred_columns=["id"],
                on_delete=pb.REFERENTIAL_ACTION_CASCADE,
            )
        ],
    )
    parent = pb.Table(
        name=name,
        columns=[pb.TableColumn(name="id", type=result_pb2.COLUMN_TYPE_INT, database_type="integer")],
        primary_key=pb.PrimaryKey(columns=["id"]),
    )
    await maker.create(parent)
    try:
        (key,) = (await maker.create(table)).table.foreign_keys
        assert (key.referred_table, list(key.referred_columns)) == (name, ["id"])
        assert key.on_delete == pb.REFERENTIAL_ACTION_CASCADE
    finally:
        await maker.drop(f"{name}_child")


async def test_nothing_is_left_of_a_table_whose_index_fails(maker: Maker, name: str) -> None:
    table = _described(name)
    table.indexes.append(table.indexes[0])  # a name that is taken by then
    with pytest.raises(rowgate.RowgateError):
        await maker.create(table)
    assert not await maker.drop(name, if_exists=True)


async def test_a_key_or_index_of_no_column_is_refused(maker: Maker, name: str) -> None:
    table = _described(name)
    table.indexes[0].parts.add(column="no_such_column")
    with pytest.raises(rowgate.UnknownColumn) as caught:
        await maker.create(table)
    assert caught.value.field_violations[0].field == "table.indexes[0]"
