"""MariaDB tells an error's text in the character set that a statement has set; callers get all of its letters."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

import rowgate
from support.mariadb import MariaDB
from support.transactions import Transact

pytestmark = pytest.mark.engines("mariadb")

TEXT = "größer, “Länge” \\ 中文"
NARROW = ["gbk", "latin1", "sjis", "binary", "utf8mb4"]
WIDE = ["ucs2", "utf32"]


@pytest.fixture
def signal(mariadb_server: MariaDB, table: str) -> Iterator[str]:
    """A procedure that does nothing but fail."""
    name = f"signal_{table}"
    text = TEXT.replace("\\", "\\\\")
    mariadb_server.execute(f"create procedure {name}() signal sqlstate '45678' set message_text = '{text}'")
    yield name
    mariadb_server.execute(f"drop procedure {name}")


@pytest.mark.parametrize("name", [*NARROW, *WIDE])
async def test_a_signal_s_text_comes_whole_in_a_transaction(tx: Transact, signal: str, name: str) -> None:
    await tx.sql(f"set character_set_results = {name}")
    for _ in range(2):
        answer = await tx.sql(f"call {signal}()")
        assert (answer.state, answer.error.message) == ("ACTIVE", TEXT)
        assert (answer.error.reason, answer.error.metadata["sqlstate"]) == ("INVALID_SQL", "45678")
        assert answer.error.metadata["vendor_code"] == "1644"


async def test_what_the_caller_has_set_stays(tx: Transact, signal: str) -> None:
    await tx.sql("set character_set_results = gbk")
    await tx.sql(f"call {signal}()")
    ((same,),) = (await tx.sql("select @@character_set_results = 'gbk'")).rows
    assert same == 1


@pytest.mark.parametrize("name", ["gbk", "latin1"])
async def test_a_signal_s_text_comes_whole_after_set_names(tx: Transact, signal: str, name: str) -> None:
    await tx.sql(f"set names {name}")
    assert (await tx.sql(f"call {signal}()")).error.message == TEXT


@pytest.mark.parametrize(
    ("name", "before"), [*((name, "") for name in [*NARROW, *WIDE]), *((name, "select 1 as x; ") for name in NARROW)]
)
async def test_a_signal_s_text_comes_whole_in_a_call_by_itself(
    db: rowgate.Database, signal: str, name: str, before: str
) -> None:
    sql = f"begin not atomic set character_set_results = {name}; {before}call {signal}(); end"
    with pytest.raises(rowgate.InvalidSql) as caught:
        await db.query(sql)
    assert caught.value.message == TEXT
    with pytest.raises(rowgate.InvalidSql) as caught:
        async with db.stream(sql) as rows:
            [row async for row in rows]
    assert caught.value.message == TEXT
    assert caught.value.metadata["sqlstate"] == "45678"


async def test_a_constraint_is_named_by_its_own_letters(tx: Transact, db: rowgate.Database, table: str) -> None:
    await db.query(f"alter table {table} add constraint größe check (id < 9)")
    await tx.sql("set character_set_results = gbk")
    answer = await tx.sql(f"insert into {table} (id, name) values (9, 'a')")
    assert answer.error.metadata["constraint"] == "größe"


async def test_letters_that_are_lost_for_good_are_told_of(tx: Transact, signal: str) -> None:
    await tx.sql("set character_set_results = latin1, max_error_count = 0")
    answer = await tx.sql(f"call {signal}()")
    assert answer.error.message.startswith("gr\N{REPLACEMENT CHARACTER}")
    assert "lost letters" in answer.error.metadata["hint"]
    assert (answer.error.reason, answer.error.metadata["sqlstate"]) == ("INVALID_SQL", "45678")
