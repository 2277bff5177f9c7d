"""MariaDB's rows whose first cell has 16 MiB, which begin like the end of a result: none is missing behind them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

import pytest

import rowgate
from support.mariadb import MariaDB
from support.process import Gateway

SIZES = [2**24 - 1, 2**24, 17 * 2**20]


@pytest.fixture(scope="module")
def roomy() -> Iterator[MariaDB]:
    """A server with packets as large as MySQL's; MariaDB's own would hide such rows."""
    with MariaDB.start("--max-allowed-packet=64M") as server:
        server.execute("create table long_cells (v longtext, id int primary key)")
        for number, size in enumerate(SIZES):
            values = f"('a', {number}1), (repeat('x', {size}), {number}2), ('b', {number}3)"
            server.execute(f"insert into long_cells values {values}")
        yield server


@pytest.fixture(scope="module")
async def db(roomy: MariaDB) -> AsyncIterator[rowgate.Database]:
    only = {"ROWGATE_DATABASES__MAIN__POOL__SIZE": "1", "ROWGATE_DATABASES__MAIN__POOL__MAX_OVERFLOW": "0"}
    with Gateway.start(environment={"ROWGATE_DATABASES__MAIN__URL": roomy.url, **only}) as gateway:
        async with rowgate.connect(gateway.address, retry=None) as client:
            yield client.using("main")


@pytest.fixture(params=enumerate(SIZES), ids=str)
async def case(request: pytest.FixtureRequest, db: rowgate.Database) -> AsyncIterator[tuple[str, int]]:
    """A SELECT of three rows, and the size of the second; the connection must be the same behind it."""
    number, size = request.param
    before = (await db.query("select connection_id()")).scalar()
    yield f"select v from long_cells where id between {number}1 and {number}3 order by id", size
    assert (await db.query("select connection_id()")).scalar() == before


async def test_a_whole_result_has_all_rows(db: rowgate.Database, case: tuple[str, int]) -> None:
    sql, size = case
    assert [len(row["v"]) for row in await db.query(sql)] == [1, size, 1]


async def test_a_binary_result_has_all_rows(db: rowgate.Database, case: tuple[str, int]) -> None:
    sql, size = case
    rows = await db.query(sql.replace("v from", "v, cast(id as float) as f from"))
    assert [len(row["v"]) for row in rows] == [1, size, 1]


async def test_a_stream_has_all_rows(db: rowgate.Database, case: tuple[str, int]) -> None:
    sql, size = case
    async with db.stream(sql) as rows:
        assert [len(row["v"]) async for row in rows] == [1, size, 1]


async def test_a_row_is_found_by_its_key(db: rowgate.Database, case: tuple[str, int]) -> None:
    """The table's first column is the long one."""
    size = case[1]
    row = await db.table("long_cells").get(10 * SIZES.index(size) + 2)
    assert len(row["v"]) == size


async def test_in_a_transaction_each_statement_gets_its_own_rows(db: rowgate.Database, case: tuple[str, int]) -> None:
    sql, size = case
    async with db.transaction() as tx:
        assert [len(row["v"]) for row in await tx.query(sql)] == [1, size, 1]
        assert (await tx.query("select 'mine'")).scalar() == "mine"
