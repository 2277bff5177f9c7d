"""Statements that run prepared for their numbers: none is kept, as the server has room for so many of everybody's."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

import rowgate
from support.mariadb import MariaDB
from support.transactions import Transact

pytestmark = pytest.mark.engines("mariadb")  # the others keep none, or each connection its own


@pytest.fixture
async def floats(db: rowgate.Database, table: str) -> AsyncIterator[str]:
    name = f"{table}_f"
    await db.query(f"create table {name} (x float)")
    await db.query(f"insert into {name} values (1.2345678)")
    yield name
    await db.query(f"drop table {name}")


def kept(server: MariaDB) -> int:
    return int(server.execute("show global status like 'Prepared_stmt_count'")[0][1])


async def test_a_long_transaction_keeps_none(floats: str, tx: Transact, table: str, mariadb_server: MariaDB) -> None:
    for number in range(20):
        assert (await tx.sql(f"select x from {floats}")).state == "ACTIVE"
        assert (await tx.sql(f"select count(*), {number} from {table}")).rows == [(0, number)]
        answer = await tx.sql(f"insert into {floats} values (?) returning x", number)
        assert answer.rows == [(float(number),)]
        assert (await tx.sql(f"select x from {floats} where nothing = {number}")).error.reason == "UNKNOWN_COLUMN"
    assert kept(mariadb_server) == 0


async def test_one_that_is_streamed_or_described_is_not_kept(
    db: rowgate.Database, floats: str, mariadb_server: MariaDB
) -> None:
    async with db.stream(f"select x from {floats}, seq_1_to_2000") as rows:
        assert len([row async for row in rows]) == 2000
    async with db.transaction() as tx:
        async with tx.stream(f"select x from {floats}, seq_1_to_2000") as rows:
            assert len([row async for row in rows]) == 2000
        assert kept(mariadb_server) == 0
    assert kept(mariadb_server) == 0


async def test_where_there_is_no_room_nothing_is_run(
    floats: str, tx: Transact, db: rowgate.Database, mariadb_server: MariaDB
) -> None:
    sql = f"select x from {floats}"
    insert = f"insert into {floats} values (2.5) returning x"
    await db.query(sql)
    await db.query(insert)
    ((most,),) = mariadb_server.execute("select @@max_prepared_stmt_count")
    mariadb_server.execute("set global max_prepared_stmt_count = 0")
    try:
        for each in (sql, insert):
            with pytest.raises(rowgate.DatabaseUnavailable) as caught:
                await db.query(each)
            assert caught.value.outcome is rowgate.Outcome.NOT_RUN
        refused = await tx.sql(insert)
        assert (refused.error.metadata["outcome"], refused.state) == ("NOT_RUN", "ACTIVE")
        assert (await tx.sql(f"select count(*) from {floats}")).rows == [(2,)]
        unknown = await tx.sql(f"select x, 5 from {floats}")
        assert (unknown.error.reason, unknown.state) == ("NOT_SUPPORTED", "ACTIVE")
    finally:
        mariadb_server.execute(f"set global max_prepared_stmt_count = {most}")
    assert (await tx.sql(sql)).state == "ACTIVE"
