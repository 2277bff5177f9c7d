"""Values go in as the column's own, exactly, and hostile ones are only values."""

from __future__ import annotations

import random
from decimal import Decimal
from typing import Any

import pytest

import rowgate
from support.engines import Engine
from support.table_writes import TableWrites
from support.tables import Tables, fields


async def test_values_are_made_the_columns_own(writes: TableWrites, db: rowgate.Database) -> None:
    await db.query("create table kinds (id integer primary key, day date, price decimal(8, 2), ratio double precision)")
    try:
        row = {"id": 3.0, "day": "2024-01-31", "price": "12.30", "ratio": Decimal("0.5")}
        await writes.insert("kinds", [row])
        (found,) = (await db.query("select id, day, price, ratio from kinds")).rows
        assert (found[0], str(found[1]), Decimal(str(found[2])), found[3]) == (3, "2024-01-31", Decimal("12.3"), 0.5)
    finally:
        await db.query("drop table kinds")


# Hostile values

_PIECES = (
    *(
        "'",
        '"',
        "`",
        "\\",
        "\\'",
        "''",
        ";",
        "--",
        "/*",
        "*/",
        "#",
        "\0",
        "\x1a",
        "\n",
        "\r",
        "%s",
        "%",
        "?",
        ":x",
        "$1",
        "{}",
    ),
    *(
        "' OR 1=1 -- ",
        "'; drop table notes; --",
        "中' OR 1=1 -- ",
        "\u00a5'",
        "\u02bc",
        "\uff07",
        "\ud7ff",
        "\U0010ffff",
    ),
    *("NULL", "DEFAULT", "), (1); --", "_utf8mb4 X'27'", "0x27", "x'27'", "\\N", "$$", "E'\\''", "🦆", " ", "a"),
)


def hostile_texts(count: int) -> list[str]:
    dice = random.Random(4)
    return ["".join(dice.choices(_PIECES, k=dice.randint(1, 5)))[:64] for _ in range(count)]


async def test_two_thousand_hostile_values_are_only_values(
    writes: TableWrites, tables: Tables, db: rowgate.Database, engine: Engine
) -> None:
    await db.query(
        "create table targets (id integer primary key, body varchar(64), raw "
        f"{'bytea' if engine.name == 'postgresql' else 'blob'}, guard varchar(9) not null default 'safe')"
    )
    texts = hostile_texts(2000)
    if engine.name == "postgresql":
        texts = [text.replace("\0", "0") for text in texts]  # which it cannot hold
    rows: list[dict[str, Any]] = [
        {"id": number, "body": text, "raw": text.encode()} for number, text in enumerate(texts)
    ]
    expected = [(number, text, text.encode(), "safe") for number, text in enumerate(texts)]
    try:
        by_column = await writes.insert("targets", rows, returning=["*"])
        assert by_column.rows == expected
        await writes.delete("targets", allow_unfiltered=True)
        # A row without a column: all of them go row by row.
        await writes.insert("targets", [*rows[:-1], {"id": 1999, "body": texts[-1]}])
        await writes.update("targets", {"raw": texts[-1].encode()}, key={"id": 1999})
        assert await tables.all("targets", size=1000) == expected
        for number, text in enumerate(texts[:60]):
            swapped = texts[number + 60]
            answer = await writes.update(
                "targets", {"body": swapped}, key={"id": number}, expected={"body": text}, returning=["body"]
            )
            assert answer.rows == [(swapped,)]
        everything = await tables.all("targets", size=1000)
        assert everything[60:] == expected[60:]
        assert {row[3] for row in everything} == {"safe"}
    finally:
        await db.query("drop table targets")


@pytest.mark.engines("postgresql")
async def test_a_value_that_an_engine_cannot_hold_is_refused(writes: TableWrites, notes: str) -> None:
    with pytest.raises(rowgate.RowgateError) as caught:
        await writes.insert(notes, [{"body": "a\0b"}])
    assert fields(caught.value) == ["rows[0].values[body]"]


async def test_floats_come_back_exactly(writes: TableWrites, db: rowgate.Database, engine: Engine) -> None:
    kind = "float" if engine.name == "mariadb" else "real"
    await db.query(f"create table floats (id integer primary key, n {kind})")
    try:
        exact = 123456.7890625
        assert (await writes.insert("floats", [{"id": 1, "n": exact}], returning=["n"])).rows == [(exact,)]
        assert (await writes.update("floats", {"n": exact * 2}, key={"id": 1}, returning=["n"])).rows == [(exact * 2,)]
        assert (await writes.delete("floats", key={"id": 1}, returning=["n"])).rows == [(exact * 2,)]
    finally:
        await db.query("drop table floats")
