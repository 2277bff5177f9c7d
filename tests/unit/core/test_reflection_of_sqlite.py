"""Tables described as SQLite itself knows them, from files with everything that a CREATE TABLE may say."""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path

import pytest
from unit.core.sqlite_files import databases, fill

from rowgate_server.core.catalog import Catalog
from rowgate_server.core.reflection import Extent
from rowgate_server.core.tables import (
    Check,
    ForeignKey,
    Index,
    IndexPart,
    Key,
    ReferentialAction,
    Table,
    TableColumn,
    TableKind,
)
from rowgate_server.engines.values import ValueType

# As the gateway's composition root says: what SQLAlchemy passes over is told in the answer.
pytestmark = pytest.mark.filterwarnings("ignore::sqlalchemy.exc.SAWarning")

SCHEMA = (
    "create table makers (country text, number int, name text, primary key (number, country))",
    """create table wares (
        id integer primary key,
        maker_number int,
        maker_country text,
        parent integer references wares on delete set default on update restrict,
        code uuid not null unique,
        title varchar(100) not null default 'un, named (x)',
        price decimal(12,2) not null check (price >= 0),
        doubled decimal(12,2) generated always as (price * 2) stored,
        label text as (title || ', (' || code || ')'),
        made timestamp default current_timestamp,
        size unsigned big int,
        huge varchar(99999999999),
        untyped,
        "odd name, (really)" "odd type" collate nocase,
        constraint made_by foreign key (maker_number, maker_country) references makers (number, country)
            on delete cascade on update set null,
        constraint once unique (title, price),
        constraint "is sane" check (title <> '(' and price < 1e6)
    )""",
    "create index by_price on wares (price desc, title)",
    "create unique index by_lower on wares (lower(title), price desc) where price > 10",
    'create index "by, odd (" on wares ("odd name, (really)" collate binary desc, title || \',(\' /* , ( */ asc)',
    "create table plain_key (id int primary key, x)",
    "create table descending_key (id integer primary key desc)",
    "create table counted (id integer primary key autoincrement)",
    "create table no_rowid (id integer primary key, x) without rowid",
    "create table strict_one (id integer primary key, a any, b blob not null) strict",
    "create table keyless (a, b)",
    "create table orphan (x references nowhere (y) on delete restrict)",
    "create table copied as select id, price from wares",
    "create view cheap as select id, price * 2 as twice, title from wares where price < 10",
    "create virtual table texts using fts5 (title, body)",
    "create trigger namesake after insert on keyless begin select 1; end",
    "create trigger by_x_and_y after insert on keyless begin select 1; end",
    "create table namesake (x text collate nocase check (x <> ''), y int as (length(x)))",
    "create index by_x_and_y on namesake (x, lower(x))",
)


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return fill(tmp_path_factory.mktemp("schema") / "main.db", *SCHEMA)


@pytest.fixture
async def catalog(file: Path) -> AsyncIterator[Catalog]:
    async with databases({"main": file}) as found:
        yield Catalog(found)


async def _table(catalog: Catalog, name: str) -> Table:
    return await catalog.get_table("main", "", name, None)


async def _columns(catalog: Catalog, name: str) -> dict[str, TableColumn]:
    return {column.name: column for column in (await _table(catalog, name)).columns}


# Columns


async def test_types_are_told_as_they_were_declared(catalog: Catalog) -> None:
    columns = await _columns(catalog, "wares")
    assert {name: column.database_type for name, column in columns.items()} == {
        "id": "integer",
        "maker_number": "int",
        "maker_country": "text",
        "parent": "integer",
        "code": "uuid",
        "title": "varchar(100)",
        "price": "decimal(12,2)",
        "doubled": "decimal(12,2)",
        "label": "text",
        "made": "timestamp",
        "size": "unsigned big int",
        "huge": "varchar(99999999999)",
        "untyped": "",
        "odd name, (really)": "odd type",
    }


async def test_cells_of_any_column_tell_their_own_type(catalog: Catalog) -> None:
    for table in ("wares", "strict_one", "cheap"):
        assert {column.type for column in (await _table(catalog, table)).columns} == {ValueType.DYNAMIC}


async def test_lengths_precisions_and_scales(catalog: Catalog) -> None:
    columns = await _columns(catalog, "wares")
    assert columns["title"].length == 100
    assert (columns["price"].precision, columns["price"].scale) == (12, 2)
    assert (columns["doubled"].precision, columns["doubled"].scale) == (12, 2)
    assert columns["huge"].length is None, "SQLite takes any number, and the wire 32 bits of it"


async def test_generated_columns_tell_their_expression(catalog: Catalog) -> None:
    columns = await _columns(catalog, "wares")
    assert {name: column.generation_expression for name, column in columns.items() if column.generated} == {
        "doubled": "price * 2",
        "label": "title || ', (' || code || ')'",
    }


async def test_defaults_and_nulls(catalog: Catalog) -> None:
    columns = await _columns(catalog, "wares")
    assert {name: column.default for name, column in columns.items() if column.default is not None} == {
        "title": "'un, named (x)'",
        "made": "current_timestamp",
    }
    assert {name for name, column in columns.items() if not column.nullable} == {"id", "code", "title", "price"}


@pytest.mark.parametrize(
    ("table", "autoincrement", "nullable"),
    [
        ("wares", True, False),
        ("counted", True, False),
        ("strict_one", True, False),
        ("plain_key", False, True),
        ("descending_key", False, True),
        ("no_rowid", False, False),
    ],
)
async def test_only_the_rows_own_number_counts_itself_up(
    catalog: Catalog, table: str, *, autoincrement: bool, nullable: bool
) -> None:
    key = (await _columns(catalog, table))["id"]
    assert (key.autoincrement, key.nullable) == (autoincrement, nullable)


async def test_a_row_without_its_key_is_taken_exactly_where_the_description_says_so(
    catalog: Catalog, tmp_path: Path
) -> None:
    for table in ("counted", "strict_one", "plain_key", "descending_key", "no_rowid"):
        key = (await _columns(catalog, table))["id"]
        (create,) = (statement for statement in SCHEMA if statement.startswith(f"create table {table} "))
        found = _inserted_key(tmp_path / f"{table}.db", create, table)
        assert found == ("a number" if key.autoincrement else "null" if key.nullable else "refused")


def _inserted_key(file: Path, create: str, table: str) -> str:
    fill(file, create)
    others = "(b) values (x'00')" if "strict" in create else "default values"
    with closing(sqlite3.connect(file)) as connection:
        try:
            connection.execute(f"insert into {table} {others}")
        except sqlite3.IntegrityError:
            return "refused"
        (key,) = connection.execute(f"select id from {table}").fetchone()
    return "null" if key is None else "a number"


# Keys and constraints


async def test_a_key_of_several_columns_is_in_the_keys_own_order(catalog: Catalog) -> None:
    assert (await _table(catalog, "makers")).primary_key == Key("", ("number", "country"))


async def test_a_table_without_a_key_has_none(catalog: Catalog) -> None:
    assert (await _table(catalog, "keyless")).primary_key is None


async def test_foreign_keys_tell_both_actions_wherever_they_are_written(catalog: Catalog) -> None:
    action = ReferentialAction
    assert (await _table(catalog, "wares")).foreign_keys == (
        ForeignKey("", ("parent",), "main", "wares", ("id",), action.SET_DEFAULT, action.RESTRICT),
        ForeignKey(
            "made_by", ("maker_number", "maker_country"), "main", "makers", ("number", "country"),
            action.CASCADE, action.SET_NULL,
        ),
    )  # fmt: skip


async def test_a_foreign_key_to_a_table_that_is_not_there(catalog: Catalog) -> None:
    (key,) = (await _table(catalog, "orphan")).foreign_keys
    assert (key.columns, key.referred_table, key.referred_columns) == (("x",), "nowhere", ("y",))
    assert key.on_delete is ReferentialAction.RESTRICT


async def test_unique_constraints_are_told_wherever_they_are_written(catalog: Catalog) -> None:
    unique = (await _table(catalog, "wares")).unique_constraints
    assert unique == (Key("", ("code",)), Key("once", ("title", "price")))


async def test_checks_are_told(catalog: Catalog) -> None:
    assert (await _table(catalog, "wares")).checks == (
        Check("", "price >= 0"),
        Check("is sane", "title <> '(' and price < 1e6"),
    )


# Indexes


async def test_indexes_tell_their_order_their_expressions_and_their_condition(catalog: Catalog) -> None:
    assert (await _table(catalog, "wares")).indexes == (
        Index(
            "by, odd (",
            (
                IndexPart("odd name, (really)", descending=True, collation="BINARY"),
                IndexPart("title || ',('", expression=True),
            ),
            unique=False,
        ),
        Index(
            "by_lower",
            (IndexPart("lower(title)", expression=True), IndexPart("price", descending=True)),
            unique=True,
            partial=True,
            condition="price > 10",
        ),
        Index("by_price", (IndexPart("price", descending=True), IndexPart("title")), unique=False),
    )


@pytest.mark.parametrize("table", ["makers", "plain_key", "no_rowid", "counted"])
async def test_the_index_of_a_key_is_not_among_them(catalog: Catalog, table: str) -> None:
    found = await _table(catalog, table)
    assert found.indexes == ()
    assert found.unique_constraints == ()


@pytest.mark.parametrize("extent", Extent)
async def test_a_trigger_of_the_same_name_is_taken_for_no_table_and_no_index(catalog: Catalog, extent: Extent) -> None:
    found = await catalog.get_table("main", "", "namesake", None, extent)
    parts = (IndexPart("x"), IndexPart("lower(x)", expression=True))
    assert found.indexes == (Index("by_x_and_y", parts, unique=False),)
    if extent is Extent.WHOLE:
        assert (found.checks, found.columns[0].collation) == ((Check("", "x <> ''"),), "nocase")
        assert (found.columns[1].generation_expression, found.besides) == ("length(x)", ())


# Views and others


async def test_a_view_is_a_view(catalog: Catalog) -> None:
    view = await _table(catalog, "cheap")
    assert (view.kind, view.schema, view.comment) == (TableKind.VIEW, "main", "")
    assert [(column.name, column.database_type) for column in view.columns] == [
        ("id", "integer"),
        ("twice", ""),
        ("title", "varchar(100)"),
    ]
    assert (view.primary_key, view.foreign_keys, view.indexes, view.checks) == (None, (), (), ())
    assert not any(column.autoincrement for column in view.columns)


async def test_a_table_made_of_a_select_has_its_columns(catalog: Catalog) -> None:
    assert list(await _columns(catalog, "copied")) == ["id", "price"]


async def test_a_full_text_table_has_the_columns_that_one_sees(catalog: Catalog) -> None:
    assert list(await _columns(catalog, "texts")) == ["title", "body"]


async def test_sqlites_own_table_can_be_described(catalog: Catalog) -> None:
    columns = await _columns(catalog, "sqlite_master")
    assert list(columns) == ["type", "name", "tbl_name", "rootpage", "sql"]
