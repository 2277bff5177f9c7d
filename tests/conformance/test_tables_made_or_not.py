"""Tables are made whole or not at all, and mean on another engine what they meant; one that is referred to stays."""

from __future__ import annotations

import itertools
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest

import rowgate
from rowgate.v1 import result_pb2, schema_service_pb2_grpc
from rowgate.v1 import schema_service_pb2 as pb
from support.making import Maker

_numbers = itertools.count(1)
_ENGINES = ("mariadb", "postgresql", "sqlite")
_INT = pb.TableColumn(name="a", type=result_pb2.COLUMN_TYPE_INT)


@pytest.fixture
async def name(schemas: schema_service_pb2_grpc.SchemaServiceAsyncStub) -> AsyncIterator[str]:
    name = f"whole_or_not_{next(_numbers)}"
    yield name
    for engine in _ENGINES:
        for each in (f"{name}_child", name):
            await Maker(schemas, engine).drop(each, if_exists=True)


def _broken(name: str, engine: str) -> pb.Table:
    """Something in it fails in the database, behind CREATE TABLE where that is possible."""
    table = pb.Table(name=name, columns=[_INT])
    if engine == "mariadb":
        table.columns[0].collation = "no_such_collation"
    else:
        table.indexes.add(name=f"{name}_a", parts=[pb.IndexPart(column="a", collation="no such collation")])
    return table


async def test_a_table_of_which_a_part_fails_is_not_there(maker: Maker, name: str, db: rowgate.Database) -> None:
    with pytest.raises(rowgate.RowgateError) as caught:
        await maker.create(_broken(name, maker.database))
    assert caught.value.metadata["outcome"] == "ROLLED_BACK"
    assert await db.tables(name) == []


@pytest.mark.engines("mariadb")
async def test_a_table_that_can_not_be_described_is_not_left_behind(
    maker: Maker, name: str, db: rowgate.Database
) -> None:
    # The bytes of this default are no text, so the database tells nobody how the table is made.
    column = pb.TableColumn(name="a", database_type="varbinary(5)", default_expression="x'ff'", nullable=True)
    with pytest.raises(rowgate.NotSupported) as caught:
        await maker.create(pb.Table(name=name, columns=[column]))
    assert caught.value.metadata["outcome"] == "ROLLED_BACK"
    assert await db.tables(name) == []


async def test_a_table_that_another_refers_to_is_not_dropped(maker: Maker, name: str) -> None:
    parent = pb.Table(name=name, columns=[_INT], primary_key=pb.PrimaryKey(columns=["a"]))
    own = pb.ForeignKey(columns=["a"], referred_table=name, referred_columns=["a"])
    parent.foreign_keys.append(own)  # its own is no reason
    child = pb.Table(name=f"{name}_child", columns=[_INT], foreign_keys=[own])
    await maker.create(parent)
    await maker.create(child)
    with pytest.raises(rowgate.ForeignKeyViolation) as caught:
        await maker.drop(name, if_exists=True)
    assert (caught.value.metadata["table"], caught.value.metadata["outcome"]) == (name, "NOT_RUN")
    assert f"{name}_child" in caught.value.metadata["hint"]
    assert await maker.drop(child.name)
    assert await maker.drop(name)


@pytest.mark.engines("sqlite")
async def test_sqlite_has_one_table_of_a_name_in_whatever_case(maker: Maker, name: str) -> None:
    made = (await maker.create(pb.Table(name=name, columns=[_INT]))).table
    upper = pb.Table(name=name.upper(), columns=[_INT])
    again = await maker.create(upper, if_not_exists=True)
    assert (again.created, again.table) == (False, made)
    with pytest.raises(rowgate.TableExists):
        await maker.create(upper)


async def test_an_index_without_a_name_gets_one(maker: Maker, name: str) -> None:
    table = pb.Table(name=name, columns=[_INT], indexes=[pb.Index(parts=[pb.IndexPart(column="a")])])
    (index,) = (await maker.create(table)).table.indexes
    assert index.name
    assert [part.column for part in index.parts] == ["a"]


Copy = Callable[[str, str, str], Awaitable[rowgate.TableRows]]


@pytest.fixture
def copy(schemas: schema_service_pb2_grpc.SchemaServiceAsyncStub, client: rowgate.Client, name: str) -> Copy:
    """Columns of a table of one engine, as a table of another: what is written there."""

    async def made(source: str, target: str, columns: str) -> rowgate.TableRows:
        await client.using(source).query(f"create table {name} (id integer primary key, {columns})")
        await Maker(schemas, target).create(await Maker(schemas, source).get(name))
        return client.using(target).table(name)

    return made


@pytest.mark.parametrize("source", ["postgresql", "sqlite"])
async def test_texts_that_differ_in_case_or_blanks_are_two_on_mariadb_too(copy: Copy, source: str) -> None:
    table = await copy(source, "mariadb", "a varchar(9) not null unique, check (a <> 'no')")
    for number, text in enumerate(("x", "X", "x ", "é", "e", "NO")):
        await table.insert({"id": number, "a": text})
    assert (await table.get(a="X"))["id"] == 1
    with pytest.raises(rowgate.DuplicateKey):
        await table.insert({"id": 9, "a": "x"})
    with pytest.raises(rowgate.CheckViolation):
        await table.insert({"id": 9, "a": "no"})


@pytest.mark.parametrize(
    ("source", "target", "columns"),
    [
        (
            "mariadb",
            "postgresql",
            {
                "decimal(5,2) unsigned": ("1.50", "-1.50"),
                "char(4)": ("ab", "ab "),
                "binary(2)": (b"\x00\xff", b"\x00"),
                "enum('a','b')": ("a", "c"),
            },
        ),
        ("mariadb", "sqlite", {"double unsigned": (1.5, -1.5), "char(4)": ("ab", "ab ")}),
        ("postgresql", "sqlite", {"char(4)": ("ab  ", "ab")}),
        ("sqlite", "postgresql", {"boolean check (c0 in (1))": (True, False)}),
    ],
)
async def test_what_a_column_never_held_is_refused_elsewhere(
    copy: Copy, source: str, target: str, columns: dict[str, tuple[Any, Any]]
) -> None:
    table = await copy(source, target, ", ".join(f"c{place} {kind}" for place, kind in enumerate(columns)))
    await table.insert({"id": 1, **{f"c{place}": held for place, (held, _) in enumerate(columns.values())}})
    for place, (_, refused) in enumerate(columns.values()):
        with pytest.raises(rowgate.CheckViolation):
            await table.insert({"id": 2, f"c{place}": refused})


@pytest.mark.parametrize(
    ("source", "target", "defaults"),
    [
        ("sqlite", "postgresql", {"boolean default 1": True, "blob default x'00ff'": b"\x00\xff"}),
        ("mariadb", "postgresql", {"varchar(20) default 'it''s \\\\ ?%:x'": "it's \\ ?%:x"}),
        ("mariadb", "sqlite", {"bit(3) default b'101'": 5}),
        (
            "postgresql",
            "mariadb",
            {"bytea default '\\x00ff'": b"\x00\xff", "text default 'it''s \\ ?%:x'": "it's \\ ?%:x"},
        ),
        ("postgresql", "sqlite", {"bytea default '\\x00ff'": b"\x00\xff", "boolean default true": True}),
    ],
)
async def test_a_default_is_the_same_value(copy: Copy, source: str, target: str, defaults: dict[str, Any]) -> None:
    table = await copy(source, target, ", ".join(f"c{place} {kind}" for place, kind in enumerate(defaults)))
    await table.insert({"id": 1})
    row = await table.get(1)
    assert [row[f"c{place}"] for place in range(len(defaults))] == list(defaults.values())
