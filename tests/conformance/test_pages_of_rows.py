"""ListRows, page by page: every row once and in order, whatever the order and whatever happens between two pages."""

from __future__ import annotations

import base64
import functools
import itertools
import random
from collections.abc import AsyncIterator, Sequence
from typing import Any

import pytest

import rowgate
from support.engines import Engine
from support.tables import Order, Tables, compare, fields

_KINDS = {
    "sqlite": ("varchar(20)", "real", "text", "blob"),
    "mariadb": ("varchar(20)", "float", "datetime(6)", "varbinary(8)"),
    "postgresql": ("varchar(20)", "real", "timestamp", "bytea"),
}
_LITERALS = {"sqlite": "x'{}'", "mariadb": "x'{}'", "postgresql": "'\\x{}'"}
_NAMES = ("ada", "bob", "cy", None)
_DICE = random.Random(11)
_ROWS = [
    (
        number // 10,
        f"k{number % 10}",
        _DICE.choice(_NAMES),
        _DICE.choice((0.1, 1 / 3, -2.5, 1e30, None)),
        _DICE.choice(("2024-01-31 10:00:00.000001", "2024-01-31 10:00:00.000002", None)),
        _DICE.choice(("00", "ff00", "", None)),
        _DICE.randrange(3),
    )
    for number in _DICE.sample(range(100), 100)
]
_COLUMNS = ("part", "code", "name", "weight", "seen", "octets", "level")

Row = tuple[Any, ...]


@pytest.fixture(scope="module")
async def _made(client: rowgate.Client) -> AsyncIterator[None]:
    for name, kinds in _KINDS.items():
        db = client.using(name)
        texts, reals, moments, octets = kinds
        await db.query(
            f"create table paged (part integer not null, code varchar(8) not null, name {texts}, weight {reals}, "
            f"seen {moments}, octets {octets}, level integer not null, primary key (part, code))"
        )
        for part, code, text, weight, moment, digits, level in _ROWS:
            binary = "null" if digits is None else _LITERALS[name].format(digits)
            seen = "null" if moment is None else f"'{moment}'"
            number = "null" if weight is None else repr(weight)
            await db.query(
                f"insert into paged values (:part, :code, :name, {number}, {seen}, {binary}, :level)",
                part=part, code=code, name=text, level=level,
            )  # fmt: skip
    yield
    for name in _KINDS:
        await client.using(name).query("drop table paged")


@pytest.fixture
def paged(_made: None, tables: Tables) -> Tables:
    return tables


def _sorted(rows: Sequence[Row], order: Sequence[Order]) -> list[Row]:
    """As Python sorts them: NULLs where they are asked for, smallest otherwise; then by the key, as the last term."""
    terms = [(each, "") if isinstance(each, str) else each for each in order]
    descending = bool(terms) and terms[-1][1].startswith("desc")
    named = {column for column, _ in terms}
    terms += [(column, "desc" if descending else "") for column in ("part", "code") if column not in named]

    def before(one: Row, other: Row) -> int:
        for column, words in terms:
            a, b = (row[_COLUMNS.index(column)] for row in (one, other))
            if a == b:
                continue
            down = words.startswith("desc")
            if a is None or b is None:
                first = "first" in words or ("last" not in words and not down)
                return -1 if (a is None) is first else 1
            return (-1 if a < b else 1) * (-1 if down else 1)
        return 0

    return sorted(rows, key=functools.cmp_to_key(before))


_WORDS = ("", "desc", "nulls first", "nulls last", "desc nulls first", "desc nulls last")
_ORDERS: list[tuple[Order, ...]] = [
    (),
    *(((column, words),) for column in ("name", "weight", "seen", "octets") for words in _WORDS),
    *((("level", ""), ("name", words)) for words in _WORDS),
    *((("name", words), ("weight", other)) for words, other in itertools.product(_WORDS, ("", "desc nulls last"))),
    (("part", "desc"),),
    (("code", "desc"), ("part", "")),
    (("code", ""), ("part", "")),
    (("level", "desc"), ("code", "")),
    (("level", "desc"), ("part", "desc")),
]


@pytest.mark.parametrize("order", _ORDERS, ids=lambda order: ", ".join(" ".join(each) for each in order) or "none")
async def test_every_row_is_on_one_page_and_in_its_place(paged: Tables, order: tuple[Order, ...]) -> None:
    whole = (await paged.page("paged", order=order, size=1000)).rows
    assert len(whole) == len(_ROWS)
    assert whole == _sorted(whole, order)
    for size in (7, 99):
        assert await paged.all("paged", order=order, size=size) == whole


@pytest.mark.parametrize("words", ["", "desc nulls last"])
async def test_pages_may_have_one_row(paged: Tables, words: str) -> None:
    whole = (await paged.page("paged", order=[("name", words), "octets"], size=1000)).rows
    assert await paged.all("paged", order=[("name", words), "octets"], size=1) == whole


async def test_pages_need_not_show_what_they_are_ordered_by(paged: Tables) -> None:
    order = (("weight", "desc"), ("seen", ""))
    whole = (await paged.page("paged", order=order, size=1000)).rows
    shown = await paged.all("paged", order=order, size=9, columns=["level", "code"])
    assert shown == [(row[6], row[1]) for row in whole]


async def test_only_what_was_asked_for_is_described(paged: Tables) -> None:
    page = await paged.page("paged", order=["seen"], columns=["level", "code"], size=3)
    assert [column.name for column in page.response.result.columns] == ["level", "code"]
    assert (page.response.stats.row_count, page.response.stats.truncated) == (3, False)


async def test_pages_of_a_filter_hold_what_it_finds(paged: Tables) -> None:
    where = compare("level", "EQ", 1)
    whole = (await paged.page("paged", where=where, size=1000)).rows
    assert 10 < len(whole) < 90
    assert await paged.all("paged", where=where, size=3) == whole


async def test_a_page_that_is_just_full_is_the_last(paged: Tables) -> None:
    assert (await paged.page("paged", size=100)).token == ""
    assert (await paged.page("paged", size=99)).token != ""


async def test_a_page_has_100_rows_where_no_size_is_given(db: rowgate.Database, tables: Tables, engine: Engine) -> None:
    await db.query(f"create table many_rows as {engine.series.format(n=10_050)}")
    await db.query("create unique index many_rows_key on many_rows (i)")
    try:
        assert len((await tables.page("many_rows")).rows) == 100
        assert len((await tables.page("many_rows", order=["i"], size=2**31 - 1)).rows) == 10_000
    finally:
        await db.query("drop table many_rows")


async def test_a_negative_size_is_refused(paged: Tables) -> None:
    with pytest.raises(rowgate.InvalidRequest) as caught:
        await paged.page("paged", size=-1)
    assert fields(caught.value) == ["page_size"]


async def test_total_counts_all_pages_of_the_filter(paged: Tables) -> None:
    where = compare("level", "GT", 0)
    expected = sum(row[6] > 0 for row in _ROWS)
    first = await paged.page("paged", where=where, size=5, count=2)
    second = await paged.page("paged", where=where, size=5, token=first.token, count=2)
    for page in (first, second):
        assert (page.response.total_count, page.response.total_count_estimated) == (expected, False)
    assert not (await paged.page("paged", where=where, size=5)).response.HasField("total_count")


async def test_an_estimate_says_that_it_is_one(paged: Tables, engine: Engine) -> None:
    page = (await paged.page("paged", size=1, count=3)).response
    count = await paged.count("paged", count=3)
    assert page.total_count_estimated is count.estimated is (engine.name != "sqlite")
    assert page.total_count == count.count
    if not count.estimated:
        assert count.count == len(_ROWS)


# What happens between two pages


async def test_rows_that_come_and_go_between_pages_move_no_other(
    db: rowgate.Database, tables: Tables, table: str
) -> None:
    for number in range(0, 60, 3):
        await db.query(f"insert into {table} (id, name) values (:id, :name)", id=number, name=f"n{number % 4}")
    order: tuple[Order, ...] = ("name",)
    expected = {row[0] for row in (await tables.page(table, order=order, size=1000)).rows}
    seen: list[int] = []
    page = await tables.page(table, order=order, size=4)
    for step in itertools.count(1):
        seen += [row[0] for row in page.rows]
        # One that was shown goes, with the row that the token names; one comes before, and one behind.
        await db.query(f"delete from {table} where id = :id", id=page.rows[-1][0])
        await db.query(f"insert into {table} (id, name) values (:id, 'a new one')", id=1000 + step)
        await db.query(f"insert into {table} (id, name) values (:id, 'zz')", id=2000 + step)
        if not page.token:
            break
        page = await tables.page(table, order=order, size=4, token=page.token)
        if len(seen) > 200:
            break
    old = [id_ for id_ in seen if id_ < 1000]
    assert sorted(old) == sorted(expected)
    assert len(seen) == len(set(seen))
    assert not [id_ for id_ in seen if 1000 <= id_ < 2000]


async def test_text_that_is_equal_in_the_order_loses_no_row(
    db: rowgate.Database, tables: Tables, engine: Engine
) -> None:
    folded = {"sqlite": "collate nocase", "mariadb": "collate utf8mb4_general_ci", "postgresql": ""}[engine.name]
    await db.query(f"create table folded (id integer primary key, name varchar(9) {folded} not null)")
    try:
        for number in range(24):
            await db.query(
                "insert into folded values (?, ?)", number, "".join(("aA"[number % 2], "bB"[number // 2 % 2]))
            )
        whole = (await tables.page("folded", order=["name"], size=100)).rows
        for size in (1, 5):
            for order in (["name"], [("name", "desc")]):
                assert len(set(await tables.all("folded", order=order, size=size))) == 24
        assert await tables.all("folded", order=["name"], size=5) == whole
    finally:
        await db.query("drop table folded")


# Tables without a key


@pytest.fixture
async def keyless(db: rowgate.Database) -> AsyncIterator[str]:
    await db.query("create table keyless (a integer, b integer)")
    for number in range(12):
        await db.query("insert into keyless values (?, ?)", number // 3, number % 3)
    await db.query("create view keyless_view as select a, b from keyless")
    yield "keyless"
    await db.query("drop view keyless_view")
    await db.query("drop table keyless")


@pytest.mark.parametrize("name", ["keyless", "keyless_view"])
async def test_without_a_key_one_page_is_listed_and_the_next_refused(tables: Tables, keyless: str, name: str) -> None:
    del keyless
    assert (await tables.page(name, size=12)).token == ""
    for order in ([], ["a"]):
        page = await tables.page(name, size=5, order=order)
        assert len(page.rows) == 5
        with pytest.raises(rowgate.InvalidRequest) as caught:
            await tables.page(name, size=5, order=order, token=page.token)
        assert fields(caught.value) == ["order_by"]
        assert "unique together" in caught.value.metadata["hint"]


@pytest.mark.parametrize("name", ["keyless", "keyless_view"])
async def test_without_a_key_columns_that_are_unique_together_have_pages(
    tables: Tables, keyless: str, name: str
) -> None:
    del keyless
    rows = await tables.all(name, size=5, order=["b", ("a", "desc")])
    assert rows == sorted(rows, key=lambda row: (row[1], -row[0]))
    assert len(rows) == 12


async def test_a_unique_key_stands_in_for_the_primary_one(db: rowgate.Database, tables: Tables) -> None:
    await db.query("create table stand_in (a integer not null, b integer, c integer not null, unique (c), unique (b))")
    try:
        for number in range(9):
            await db.query("insert into stand_in values (?, null, ?)", number % 2, number)
        rows = await tables.all("stand_in", size=2, order=["a"])
        assert [(row[0], row[2]) for row in rows] == sorted((number % 2, number) for number in range(9))
        assert [row[2] for row in await tables.all("stand_in", size=4)] == list(range(9))
    finally:
        await db.query("drop table stand_in")


# Tokens


async def test_a_token_is_good_for_its_own_request_only(paged: Tables, db: rowgate.Database, table: str) -> None:
    for number in range(3):
        await db.query(f"insert into {table} (id, name) values (?, 'x')", number)
    token = (await paged.page("paged", size=2)).token
    for wrong in (
        paged.page(table, token=token),
        paged.page("paged", token=token, order=["level"]),
        paged.page("paged", token=token, where=compare("level", "EQ", 1)),
        paged.page("paged", token=token, include_deleted=True),
    ):
        with pytest.raises(rowgate.InvalidRequest) as caught:
            await wrong
        assert fields(caught.value) == ["page_token"]
        assert "another request" in caught.value.message
    again = await paged.page("paged", token=token, size=5, columns=["code"], count=2)
    assert len(again.rows) == 5


async def test_a_token_that_was_cut_or_changed_is_refused(paged: Tables) -> None:
    token = (await paged.page("paged", size=2)).token
    octets = base64.urlsafe_b64decode(token + "=" * (-len(token) % 4))
    flipped = [octets[:at] + bytes([octets[at] ^ 1]) + octets[at + 1 :] for at in range(len(octets))]
    wrong = [base64.urlsafe_b64encode(each).rstrip(b"=").decode() for each in flipped]
    wrong += [token[:-1], token[1:], token + "A", token + "=", token.swapcase(), " " + token, "x", "🌵", "a" * 100_000]
    for each in wrong:
        with pytest.raises(rowgate.InvalidRequest) as caught:
            await paged.page("paged", token=each)
        assert fields(caught.value) == ["page_token"]


async def test_a_token_of_one_database_is_none_of_another(paged: Tables) -> None:
    token = (await paged.page("paged", size=2)).token
    for other in _KINDS:
        if other != paged.database:
            with pytest.raises(rowgate.InvalidRequest):
                await paged.of(other).page("paged", token=token)


# The request


async def test_an_order_or_column_that_is_wrong_is_told_with_its_place(paged: Tables) -> None:
    for call, reason, field in (
        (paged.page("paged", order=["part", "lebel"]), "UNKNOWN_COLUMN", "order_by[1].column"),
        (paged.page("paged", order=["part", ("part", "desc")]), "INVALID_REQUEST", "order_by[1].column"),
        (paged.page("paged", columns=["code", "coed"]), "UNKNOWN_COLUMN", "columns[1]"),
        (paged.page("paged", columns=["code", "code"]), "INVALID_REQUEST", "columns[1]"),
        (paged.page("paged", columns=[""]), "UNKNOWN_COLUMN", "columns[0]"),
        (paged.page("paged", count=9), "INVALID_REQUEST", "count"),
        (paged.page("paged", encoding=9), "NOT_SUPPORTED", "encoding"),
    ):
        with pytest.raises(rowgate.RowgateError) as caught:
            await call
        assert (caught.value.reason, fields(caught.value)) == (reason, [field])


@pytest.mark.parametrize("encoding", [1, 2, 3])
async def test_pages_come_in_every_encoding(paged: Tables, encoding: int) -> None:
    page = (await paged.page("paged", size=5, order=["seen"], columns=["code", "level"], encoding=encoding)).response
    layouts = {1: len(page.result.rows) == 5, 2: page.result.HasField("column_batch"), 3: bool(page.result.arrow_ipc)}
    assert layouts[encoding]
    assert page.next_page_token
