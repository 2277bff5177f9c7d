"""Names and values that look like SQL are names and values: they find themselves, or nothing."""

from __future__ import annotations

import asyncio

import pytest

import rowgate
from support.engines import Engine
from support.tables import Tables, compare

_QUOTES = {"sqlite": '"', "mariadb": "`", "postgresql": '"'}


def quoted(engine: Engine, name: str) -> str:
    """A name as SQL has it."""
    quote = _QUOTES[engine.name]
    return quote + name.replace(quote, quote * 2) + quote


_NAMES = [
    "select", "two words", "it's", 'a"b', "a`b", "a``b", "a.b", "Upper", "ümläut", "日本", "🌵", "per%cent", "%s",
    "%(x)s", ":name", "?", "$1", "@x", "a;b", "a--b", "/*a*/", "a\\b", "[a]", "#a", "t", "count", "tab\tname",
    "new\nline", "0", "1=1",
]  # fmt: skip


def _possible(engine: Engine, name: str) -> bool:
    """MariaDB's names end at the Basic Multilingual Plane, and SQLAlchemy reads its tables line by line."""
    return engine.name != "mariadb" or all(character != "\n" and ord(character) < 0x10000 for character in name)


async def test_names_of_any_kind_are_names(db: rowgate.Database, tables: Tables, engine: Engine) -> None:
    names = [name for name in _NAMES if _possible(engine, name)]
    table = quoted(engine, "odd\"`'%(s)s:names")
    columns = ", ".join(f"{quoted(engine, name)} integer" for name in names)
    await db.query(f"create table {table} ({columns}, primary key ({quoted(engine, names[0])}))")
    try:
        values = ", ".join(str(number) for number in range(len(names)))
        await db.query(f"insert into {table} values ({values})")
        listed = await tables.page("odd\"`'%(s)s:names")
        assert [column.name for column in listed.response.result.columns] == names
        assert listed.rows == [tuple(range(len(names)))]
        for number, name in enumerate(names):
            found = await tables.page(
                "odd\"`'%(s)s:names", where=compare(name, "EQ", number), columns=[name], order=[name]
            )
            assert found.rows == [(number,)], name
        assert await tables.get("odd\"`'%(s)s:names", {names[0]: 0}, columns=[names[-1]]) == (len(names) - 1,)
    finally:
        await db.query(f"drop table {table}")


def _hostile(count: int) -> list[str]:
    forms = (
        "{0}' or '1'='1", '{0}" or "1"="1', "{0}` or `1`=`1", "{0}; drop table {1}", "{0}) or (1=1", "{0}--",
        "{0}/*", "{0}#", "{1}.{0}", "{0}\0", "{0}%s", "{0}:id", "{0}?", "{0}\\", "{0}\\'", "(select {0} from {1})",
        "{0} as x", "{0},{0}", "*", "",
    )  # fmt: skip
    stems = ("id", "name", "i d", "ID", "nàme", "id ", " id", "1", "null", "x" * 300)
    return [form.format(stem, "things") for stem in stems for form in forms][:count]


async def test_200_hostile_names_name_nothing(db: rowgate.Database, tables: Tables, table: str) -> None:
    await db.query(f"insert into {table} (id, name) values (1, 'a'), (2, 'b')")
    names = _hostile(200)
    assert len(names) == 200

    async def refused(name: str) -> None:
        for call in (
            tables.page(table, columns=[name]),
            tables.page(table, order=[name]),
            tables.page(table, where=compare(name, "EQ", 1)),
            tables.get(table, {name: 1}),
            tables.page(f"{table} {name}"),
        ):
            with pytest.raises(rowgate.RowgateError) as caught:
                await call
            assert caught.value.reason in ("UNKNOWN_COLUMN", "UNKNOWN_TABLE", "INVALID_REQUEST"), name

    # As many at a time as the pool has connections.
    for at in range(0, len(names), 4):
        await asyncio.gather(*map(refused, names[at : at + 4]))
    assert (await tables.count(table)).count == 2


def _hostile_values(count: int) -> list[str]:
    heads = (
        "",
        "a",
        "'",
        '"',
        "\\",
        "%",
        "_",
        "\0",
        "中",
        "🌵",
        "0",
        "-1",
        "\n",
        "\x1a",
        "' ",
        "\u02bc",
        "\uff07",
        "`",
        "$1",
        ":x",
    )
    bodies = (
        "' or '1'='1", "'; drop table things; --", "\\' or 1=1 -- ", '" or ""="', "%' or 1=1 -- ", "{}", "%s%n",
        "?", "??", "/**/",
    )  # fmt: skip
    tails = ("", "'", "\\", "--", "#", "%", "*/", "\\'", ")", "))")
    return [head + body + tail for head in heads for body in bodies for tail in tails][:count]


async def test_2000_hostile_values_find_themselves_and_nothing_else(
    db: rowgate.Database, tables: Tables, engine: Engine
) -> None:
    bytewise = "character set utf8mb4 collate utf8mb4_nopad_bin" if engine.name == "mariadb" else ""
    await db.query(f"create table hostile (id integer primary key, v varchar(60) {bytewise})")
    values = _hostile_values(2000)
    if engine.name != "mariadb":
        # PostgreSQL's text has no NUL, and SQLite's patterns end at one.
        values = [value.replace("\0", "\1") for value in values]
    try:
        for at in range(0, len(values), 500):
            some = values[at : at + 500]
            marks = ", ".join("(?, ?)" for _ in some)
            cells = [cell for number, value in enumerate(some, at) for cell in (number, value)]
            await db.query(f"insert into hostile values {marks}", *cells)

        async def finds_itself(number: int) -> None:
            value = values[number]
            same = [(other,) for other, each in enumerate(values) if each == value]
            op = ("EQ", "STARTS_WITH", "CONTAINS", "IN", "ENDS_WITH")[number % 5]
            test = {"STARTS_WITH": str.startswith, "CONTAINS": str.__contains__, "ENDS_WITH": str.endswith}.get(op)
            if test is not None:
                same = [(other,) for other, each in enumerate(values) if test(each, value)]
            found = await tables.page("hostile", where=compare("v", op, value), columns=["id"], size=2000)
            assert found.rows == same, (op, value)

        for at in range(0, len(values), 50):
            await asyncio.gather(*map(finds_itself, range(at, at + 50)))
        assert (await tables.count("hostile")).count == len(values)
    finally:
        await db.query("drop table hostile")
