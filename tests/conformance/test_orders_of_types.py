"""Orders and pages of the types that sort otherwise than they compare, or print otherwise than they are."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

import rowgate
from support.engines import Engine
from support.tables import Tables, compare, fields

_MOODS = ("sad", "ok", "happy", "afraid")


@asynccontextmanager
async def _made(db: rowgate.Database, create: str, name: str, rows: list[Any]) -> AsyncIterator[None]:
    await db.query(create)
    try:
        for number, cell in enumerate(rows):
            await db.query(f"insert into {name} values ({number}, {cell})")
        yield
    finally:
        await db.query(f"drop table {name}")


async def _pages_agree(tables: Tables, name: str, column: str, *, rows: int) -> list[Any]:
    """The cells in their order, the same on pages of any size and backwards."""
    whole = (await tables.page(name, order=[column], size=1000)).rows
    assert len(whole) == rows
    for size in (1, 2, 5):
        assert await tables.all(name, order=[column], size=size) == whole
        assert await tables.all(name, order=[(column, "desc")], size=size) == whole[::-1]
    return [row[1] for row in whole]


@pytest.mark.engines("mariadb", "postgresql")
async def test_enums_sort_and_compare_as_they_are_declared(
    db: rowgate.Database, tables: Tables, engine: Engine
) -> None:
    labels = ", ".join(f"'{mood}'" for mood in _MOODS)
    kind = f"enum({labels})" if engine.name == "mariadb" else "mood_of_orders"
    if engine.name == "postgresql":
        await db.query(f"create type mood_of_orders as enum ({labels})")
    cells = [f"'{_MOODS[number % 4]}'" for number in range(12)]
    async with _made(db, f"create table moods (id integer primary key, mood {kind} not null)", "moods", cells):
        found = await _pages_agree(tables, "moods", "mood", rows=12)
        assert found == sorted(found, key=_MOODS.index)
        less = await tables.page("moods", where=compare("mood", "LT", "happy"), columns=["mood"])
        assert {row[0] for row in less.rows} == {"sad", "ok"}
        between = await tables.page("moods", where=compare("mood", "BETWEEN", "ok", "happy"), columns=["mood"])
        assert {row[0] for row in between.rows} == {"ok", "happy"}
        liked = await tables.page("moods", where=compare("mood", "LIKE", "%a%"), columns=["mood"])
        assert {row[0] for row in liked.rows} == {"sad", "happy", "afraid"}
        with pytest.raises(rowgate.RequestError) as caught:
            await tables.page("moods", where=compare("mood", "EQ", "angry"))
        assert fields(caught.value) == ["filter.compare.value"]
    if engine.name == "postgresql":
        await db.query("drop type mood_of_orders")


@pytest.mark.engines("mariadb")
async def test_sets_sort_and_compare_by_their_numbers(db: rowgate.Database, tables: Tables) -> None:
    cells = ["''", "'z'", "'a'", "'z,a'", "'m'", "'z,m'", "'a,m'", "'z,a,m'"]
    async with _made(db, "create table bags (id integer primary key, bag set('z','a','m') not null)", "bags", cells):
        found = await _pages_agree(tables, "bags", "bag", rows=8)
        assert found == ["", "z", "a", "z,a", "m", "z,m", "a,m", "z,a,m"]
        less = await tables.page("bags", where=compare("bag", "LT", "m"), columns=["bag"])
        assert {row[0] for row in less.rows} == {"", "z", "a", "z,a"}


_FLOATS = {"sqlite": "real", "mariadb": "float", "postgresql": "real"}


async def test_floats_are_paged_by_every_bit(db: rowgate.Database, tables: Tables, engine: Engine) -> None:
    cells = [f"{number}.1e-1" for number in (1, 7, 3, 3, 123456, 123457, 16777217, 0)] + ["1e30", "-0.1", "3.3333333"]
    create = f"create table floats (id integer primary key, f {_FLOATS[engine.name]} not null)"
    async with _made(db, create, "floats", cells):
        found = await _pages_agree(tables, "floats", "f", rows=11)
        assert found == sorted(found)
        for cell in found:
            assert cell in [
                row[0] for row in (await tables.page("floats", where=compare("f", "EQ", cell), columns=["f"])).rows
            ]


_LONGS = {"sqlite": "text", "mariadb": "text", "postgresql": "text"}


async def test_long_text_is_paged_without_loss(db: rowgate.Database, tables: Tables, engine: Engine) -> None:
    same = "x" * 2000
    cells = [f"'{same}{tail}'" for tail in "ghfbadceij"] + ["'short'", "'y'", f"'{'x' * 254}'", f"'{'x' * 255}'"]
    create = f"create table longs (id integer primary key, t {_LONGS[engine.name]} not null)"
    async with _made(db, create, "longs", cells):
        await _pages_agree(tables, "longs", "t", rows=14)


async def test_long_keys_are_paged_without_loss(db: rowgate.Database, tables: Tables) -> None:
    same = "x" * 260
    await db.query("create table long_keys (k varchar(300) primary key, part integer not null)")
    try:
        for number, tail in enumerate("ghfbadceij"):
            await db.query("insert into long_keys values (?, ?)", same + tail, number % 2)
        for order in ((), ("part",), (("k", "desc"),)):
            rows = await tables.all("long_keys", order=order, size=3)
            assert len({row[0] for row in rows}) == len(rows) == 10
    finally:
        await db.query("drop table long_keys")


_MOMENTS = {
    "sqlite": ("text", "text", "text"),
    "mariadb": ("date", "time(6)", "timestamp(6) null"),
    "postgresql": ("date", "time", "timestamptz"),
}


async def test_dates_and_times_are_paged_exactly(db: rowgate.Database, tables: Tables, engine: Engine) -> None:
    suffix = "+00" if engine.name == "postgresql" else ""
    cells = {
        0: ["'2024-01-31'", "'0001-01-01'", "'2024-02-29'", "'9999-12-31'"],
        1: ["'10:00:00.000001'", "'10:00:00.000002'", "'00:00:00'", "'23:59:59.999999'"],
        2: [f"'2024-01-31 10:00:00.00000{digit}{suffix}'" for digit in (3, 1, 2, 1)],
    }
    for index, kind in enumerate(_MOMENTS[engine.name]):
        async with _made(db, f"create table moments (id integer primary key, m {kind})", "moments", cells[index]):
            await _pages_agree(tables, "moments", "m", rows=4)


@pytest.mark.engines("mariadb")
async def test_zero_dates_are_paged(db: rowgate.Database, tables: Tables) -> None:
    cells = ["'2024-01-31'", "'0000-00-00'", "'2024-00-00'", "'0000-00-00'", "'2023-05-00'"]
    async with _made(db, "create table zeros (id integer primary key, d date not null)", "zeros", cells):
        await _pages_agree(tables, "zeros", "d", rows=5)
        assert (await tables.count("zeros", compare("d", "IS_NULL"))).count == 0


@pytest.mark.engines("mariadb", "postgresql")
async def test_decimals_are_paged_exactly(db: rowgate.Database, tables: Tables) -> None:
    cells = ["0.1", "0.100000000000000000001", "-5", "12345678901234567890.5", "0.1"]
    async with _made(db, "create table decs (id integer primary key, d decimal(60,21))", "decs", cells):
        await _pages_agree(tables, "decs", "d", rows=5)


async def test_bytes_are_paged_exactly(db: rowgate.Database, tables: Tables, engine: Engine) -> None:
    blob = {"sqlite": ("blob", "x'{}'"), "mariadb": ("blob", "x'{}'"), "postgresql": ("bytea", "'\\x{}'")}[engine.name]
    cells = [blob[1].format(digits) for digits in ("00", "", "ff", "00ff", "0000", "80")]
    async with _made(db, f"create table blobs (id integer primary key, b {blob[0]} not null)", "blobs", cells):
        found = await _pages_agree(tables, "blobs", "b", rows=6)
        assert found == sorted(found)


@pytest.mark.engines("sqlite")
async def test_cells_of_any_kind_in_one_column_are_paged(db: rowgate.Database, tables: Tables) -> None:
    cells = [
        "1",
        "'1'",
        "2.5",
        "x'31'",
        "null",
        "'b'",
        "-7",
        "x''",
        "''",
        "1e300",
        "null",
        "9007199254740993",
        "9007199254740992.0",
    ]
    async with _made(db, "create table mixed (id integer primary key, x)", "mixed", cells):
        await _pages_agree(tables, "mixed", "x", rows=13)


@pytest.mark.engines("mariadb", "postgresql")  # SQLite sorts everything
async def test_what_has_no_order_is_refused(db: rowgate.Database, tables: Tables, engine: Engine) -> None:
    kinds = {"mariadb": "point", "postgresql": "json"}
    async with _made(db, f"create table shapeless (id integer primary key, x {kinds[engine.name]})", "shapeless", []):
        for call, field in (
            (tables.page("shapeless", order=["x"]), "order_by[0].column"),
            (tables.page("shapeless", where=compare("x", "EQ", "a")), "filter.compare.value"),
        ):
            with pytest.raises(rowgate.NotSupported) as caught:
                await call
            assert fields(caught.value) == [field]
        assert (await tables.count("shapeless", compare("x", "IS_NULL"))).count == 0


@pytest.mark.engines("mariadb")  # the others have one character set for all columns
async def test_other_character_sets_are_found_by_pattern(db: rowgate.Database, tables: Tables) -> None:
    create = "create table latin (id integer primary key, t varchar(20) character set latin1, key (t))"
    async with _made(db, create, "latin", ["'Ärger'", "'ärger'", "'arger'", "'Zoë'"]):
        for op, text, count in (
            ("STARTS_WITH", "Är", 1), ("LIKE", "_rger", 3), ("ILIKE", "ÄR%", 2), ("CONTAINS", "ë", 1),
            ("EQ", "ärger", 2), ("STARTS_WITH", "日", 0), ("CONTAINS", "日", 0),
        ):  # fmt: skip
            assert (await tables.count("latin", compare("t", op, text))).count == count, (op, text)
        for op in ("EQ", "GT", "IN"):
            with pytest.raises(rowgate.InvalidParameter) as caught:
                await tables.count("latin", compare("t", op, "日"))
            assert "character set" in caught.value.message
        await _pages_agree_in_any_direction(tables)


async def _pages_agree_in_any_direction(tables: Tables) -> None:
    whole = {row[0] for row in (await tables.page("latin")).rows}
    for order in ("t", ("t", "desc")):
        assert {row[0] for row in await tables.all("latin", order=[order], size=1)} == whole


async def test_padded_text_is_found_without_its_padding(db: rowgate.Database, tables: Tables) -> None:
    async with _made(
        db, "create table padded (id integer primary key, c char(6) not null)", "padded", ["'ab'", "'abc'"]
    ):
        for op, text, count in (("LIKE", "ab", 1), ("ENDS_WITH", "b", 1), ("LIKE", "ab_", 1), ("EQ", "ab", 1)):
            assert (await tables.count("padded", compare("c", op, text))).count == count, (op, text)
