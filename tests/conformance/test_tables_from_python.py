"""The Python client's tables, from end to end: what is written with `col` is what the database finds."""

from __future__ import annotations

import itertools
from collections.abc import AsyncIterator, Callable
from decimal import Decimal
from typing import Any

import pytest

import rowgate
from rowgate import Condition, TableRows, all_of, any_of, col
from support.engines import Engine

NAMES = [None, "", "Carrot", "carrot", "50% off", "50 off", "a_b", "aXb", "Möhre", "it's", 'a "b"', "back\\slash"]
STOCK = [None, 0, 7, -7, 2**40]
ROWS: list[dict[str, Any]] = [
    {"id": number, "name": name, "stock": stock}
    for number, (name, stock) in enumerate(itertools.product(NAMES, STOCK), start=1)
]

_numbers = itertools.count(1)


@pytest.fixture
async def plants(db: rowgate.Database, engine: Engine) -> AsyncIterator[TableRows]:
    """Rows with every name and every stock there is in NAMES and STOCK."""
    name = f"plants_{next(_numbers)}"
    collation = " character set utf8mb4 collate utf8mb4_bin" if engine.name == "mariadb" else ""
    await db.query(f"create table {name} (id integer primary key, name varchar(40){collation}, stock bigint)")
    values = [value for row in ROWS for value in row.values()]
    await db.query(f"insert into {name} values {', '.join(['(?, ?, ?)'] * len(ROWS))}", *values)
    yield db.table(name)
    await db.query(f"drop table {name}")


def less(this: Any, that: Any) -> bool:
    return this is not None and this < that


CONDITIONS: list[tuple[Condition, Callable[[Any, Any], bool]]] = [
    (col("name") == "carrot", lambda name, _: name == "carrot"),
    (col("name") != "carrot", lambda name, _: name != "carrot"),
    (~(col("name") == "carrot"), lambda name, _: name != "carrot"),
    (col("name").is_null(), lambda name, _: name is None),
    (col("name").is_not_null(), lambda name, _: name is not None),
    (col("stock") < 7, lambda _, stock: less(stock, 7)),
    (~(col("stock") < 7), lambda _, stock: not less(stock, 7)),
    (col("stock") <= 7, lambda _, stock: less(stock, 8)),
    (col("stock") > 0, lambda _, stock: stock is not None and stock > 0),
    (col("stock") >= 2**40, lambda _, stock: stock == 2**40),
    (col("stock").in_([7, None]), lambda _, stock: stock in (7, None)),
    (col("stock").not_in([7]), lambda _, stock: stock != 7),
    (col("stock").not_in([7, None]), lambda _, stock: stock not in (7, None)),
    (col("stock").in_([]), lambda *_: False),
    (col("stock").not_in([]), lambda *_: True),
    (col("stock").between(-7, 7), lambda _, stock: stock is not None and -7 <= stock <= 7),
    (col("name").like("a_b"), lambda name, _: name in ("a_b", "aXb")),
    (col("name").like("a\\_b"), lambda name, _: name == "a_b"),
    (col("name").like("Car%"), lambda name, _: name == "Carrot"),
    (col("name").not_like("Car%"), lambda name, _: name != "Carrot"),
    (col("name").ilike("cAR%"), lambda name, _: name in ("Carrot", "carrot")),
    (col("name").starts_with("50%"), lambda name, _: name == "50% off"),
    (col("name").ends_with("\\slash"), lambda name, _: name == "back\\slash"),
    (col("name").contains("'"), lambda name, _: name == "it's"),
    (col("name").contains("arrot"), lambda name, _: name in ("Carrot", "carrot")),
    (
        ((col("name") == "Carrot") | (col("name") == "Möhre")) & ~(col("stock") > 0),
        lambda name, stock: name in ("Carrot", "Möhre") and not (stock is not None and stock > 0),
    ),
    (all_of(), lambda *_: True),
    (any_of(), lambda *_: False),
    (any_of(*(col("id") == number for number in range(1, 400))), lambda *_: True),
]


async def test_a_condition_finds_the_rows_that_it_says(plants: TableRows) -> None:
    for condition, meant in CONDITIONS:
        expected = [row["id"] for row in ROWS if meant(row["name"], row["stock"])]
        found = [row["id"] async for row in plants.where(condition).select("id")]
        assert found == expected, condition
        assert await plants.where(condition).count() == len(expected), condition
        left_out = {row["id"] for row in await plants.where(~condition).all()}
        assert left_out == {row["id"] for row in ROWS} - set(expected), condition


def smallest_first(value: Any) -> tuple[bool, Any]:
    """NULLs count as smaller than everything."""
    return (value is not None, value if value is not None else 0)


async def test_a_loop_finds_each_row_once_in_order_however_large_the_pages_are(plants: TableRows) -> None:
    expected = sorted(ROWS, key=lambda row: row["id"], reverse=True)
    expected.sort(key=lambda row: smallest_first(row["stock"]), reverse=True)
    query = plants.order_by("-stock", "-id")
    for size in (1, 7, len(ROWS), 1000):
        assert [row["id"] async for row in query.page_size(size)] == [row["id"] for row in expected]
    assert [row["id"] for row in await query.page_size(4).limit(10).all()] == [row["id"] for row in expected[:10]]
    assert await query.first() == tuple(expected[0].values())


@pytest.mark.parametrize(("nulls", "at"), [("first", 0), ("last", -1)])
async def test_nulls_go_where_the_order_says(plants: TableRows, nulls: Any, at: int) -> None:
    for order in (col("stock").asc(nulls=nulls), col("stock").desc(nulls=nulls)):
        assert (await plants.order_by(order, "id").all())[at]["stock"] is None


async def test_a_page_leads_to_the_next(plants: TableRows) -> None:
    query = plants.where(col("stock").is_not_null()).order_by("name").page_size(30)
    first = await query.page(count="exact")
    assert (len(first), first.total_count, first.total_count_estimated) == (30, 48, False)
    second = await query.page(first.next_page_token)
    assert (len(second), second.next_page_token, second.total_count) == (18, "", None)
    assert len({*first.scalars("id"), *second.scalars("id")}) == 48
    with pytest.raises(rowgate.InvalidRequest):
        await query.order_by("-name").page(first.next_page_token)


async def test_a_row_is_got_by_its_primary_key_s_value(plants: TableRows) -> None:
    assert (await plants.get(3)).as_dict() == ROWS[2]
    assert await plants.select("stock").get(id=3) == (ROWS[2]["stock"],)
    with pytest.raises(rowgate.RowNotFound):
        await plants.get(10_000)


async def test_rows_are_inserted_read_and_inserted_again(plants: TableRows, table: str, db: rowgate.Database) -> None:
    things = db.table(table)
    written = await things.insert([{"id": 2, "name": "b", "amount": Decimal("1.50")}, {"id": 1, "name": "a"}])
    assert (written.affected_rows, written.scalars("id")) == (2, [2, 1])
    rows = await things.order_by("id").all()
    with pytest.raises(rowgate.DuplicateKey):
        await things.insert(rows)
    again = await things.insert([*rows, {"id": 3, "name": "c"}], on_conflict="ignore")
    assert (again.affected_rows, again.ignored_rows) == (1, (0, 1))
    tried = await things.insert({"id": 4, "name": "d"}, dry_run=True)
    assert (tried.affected_rows, await things.count()) == (1, 3)
    assert await plants.count() == len(ROWS)


async def test_an_upsert_inserts_or_changes(table: str, db: rowgate.Database) -> None:
    things = db.table(table)
    await things.insert({"id": 1, "name": "a", "amount": 1})
    written = await things.upsert(
        [{"id": 2, "name": "b", "amount": 2}, {"id": 1, "name": "z", "amount": 5}],
        on="id",
        update=["amount"],
        returning=["id", "name", "amount"],
    )
    assert [(row["id"], row["name"], int(row["amount"])) for row in written] == [(2, "b", 2), (1, "a", 5)]


async def test_updates_and_deletes_go_as_far_as_they_say(plants: TableRows) -> None:
    carrots = plants.where(col("name").ilike("carrot"))
    changed = await carrots.update({"stock": 1}, returning=["id", "stock"], max_affected=10)
    assert (changed.affected_rows, set(changed.scalars("stock"))) == (10, {1})
    with pytest.raises(rowgate.TooManyRowsAffected):
        await carrots.update({"stock": 2}, max_affected=9)
    for refused in (plants.update({"stock": 2}), plants.where(all_of()).delete()):
        with pytest.raises(rowgate.UnfilteredWrite):
            await refused
    assert (await plants.where(stock=2).delete()).affected_rows == 0
    assert (await carrots.delete(dry_run=True)).affected_rows == 10
    assert (await carrots.delete()).affected_rows == 10
    assert await plants.count() == len(ROWS) - 10
    await plants.delete(allow_unfiltered=True)
    assert await plants.count() == 0


async def test_an_update_goes_through_only_while_what_it_expects_holds(plants: TableRows) -> None:
    await plants.update({"stock": 8}, key=3, expected={"stock": 7, "name": None})
    with pytest.raises(rowgate.PreconditionFailed) as caught:
        await plants.update({"stock": 9}, key=3, expected={"stock": 7, "name": None})
    assert caught.value.metadata["column"] == "stock"
    with pytest.raises(rowgate.PreconditionFailed):
        await plants.delete(key={"id": 3}, expected={"name": ""})
    assert (await plants.get(3))["stock"] == 8
    await plants.delete(key=3, expected={"stock": 8})
    with pytest.raises(rowgate.RowNotFound):
        await plants.update({"stock": 9}, key=3)


async def test_a_row_that_is_marked_as_deleted_is_hidden_until_it_is_restored(db: rowgate.Database) -> None:
    name = f"notes_{next(_numbers)}"
    await db.query(f"create table {name} (id integer primary key, deleted_at timestamp null)")
    notes = db.table(name)
    await notes.insert([{"id": 1}, {"id": 2}])
    assert (await notes.delete(key=1)).soft_delete_column == "deleted_at"
    page = await notes.page()
    assert (page.scalars("id"), page.soft_delete_column) == ([2], "deleted_at")
    with pytest.raises(rowgate.RowNotFound):
        await notes.get(1)
    everything = notes.include_deleted()
    assert ((await everything.get(1))["deleted_at"] is not None, (await everything.page()).soft_delete_column) == (
        True,
        None,
    )
    assert (await everything.where(col("deleted_at").is_not_null()).update({"deleted_at": None})).affected_rows == 1
    assert await notes.count() == 2
    await db.query(f"drop table {name}")


async def test_any_name_is_a_column(db: rowgate.Database, engine: Engine) -> None:
    names = ["select", "a b", "Upper", "dot.ted", "quo'te", "soil_°C", "-minus", "self", "per%cent", "a:b"]
    mark = "`" if engine.name == "mariadb" else '"'
    table = f"odd {next(_numbers)}.name"
    columns = ", ".join(f"{mark}{name}{mark} integer" for name in names)
    await db.query(f"create table {mark}{table}{mark} (id integer primary key, {columns})")
    odd = db.table(table)
    await odd.insert([{"id": at, **dict.fromkeys(names, at * 10)} for at in (1, 2)])
    for name in names:
        assert (await odd.where(**{name: 20}).select(name).one())[name] == 20
        assert [row["id"] for row in await odd.order_by(col(name).desc()).all()] == [2, 1]
        assert (await odd.update({name: 30}, key=1, expected={name: 10}, returning=name)).scalars(name) == [30]
    await db.query(f"drop table {mark}{table}{mark}")
