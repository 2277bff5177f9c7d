"""A result that cannot be sent is the answer to its request, and not the end of its transaction."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import grpc.aio
import pytest

import rowgate
from rowgate._encode import encode
from rowgate.v1 import result_pb2, table_service_pb2
from support.engines import Engine
from support.process import Gateway
from support.transactions import Transact

ENCODINGS = [result_pb2.RESULT_ENCODING_ROWS, result_pb2.RESULT_ENCODING_ARROW]
ROWS = 20_000
"""Several chunks of them, each of which is too large for a message here."""
HALF = "x" * 45_000


@pytest.fixture
async def begun(narrow: Gateway, engine: Engine, table: str) -> AsyncIterator[Transact]:
    """A transaction with a row that nobody else sees yet."""
    async with grpc.aio.insecure_channel(narrow.address) as channel, Transact(channel) as tx:
        await tx.begin(engine.name)
        assert (await tx.sql(f"insert into {table} (id, name) values (1, 'a')")).state == "ACTIVE"
        yield tx


@pytest.fixture
async def wide(db: rowgate.Database, table: str) -> AsyncIterator[str]:
    """A table for a row over the cap on unary answers, which is none over that on messages."""
    name = f"{table}_wide"
    await db.query(f"create table {name} (id integer primary key, a text, b text)")
    yield name
    await db.query(f"drop table {name}")


async def goes_on(tx: Transact, db: rowgate.Database, table: str, expected: int) -> None:
    assert (await tx.sql(f"select count(*) from {table}")).rows == [(expected,)]
    assert (await tx.commit()).state == "COMMITTED"
    assert (await db.query(f"select count(*) from {table}")).scalar() == expected


@pytest.mark.parametrize("encoding", ENCODINGS)
@pytest.mark.parametrize("max_rows", [0, ROWS - 1])
async def test_rows_behind_it_are_given_up_and_not_the_transaction(
    begun: Transact, db: rowgate.Database, engine: Engine, table: str, max_rows: int, encoding: Any
) -> None:
    long = f"select i, '{'x' * 100}' as x from ({engine.series.format(n=ROWS)}) as s"
    for _ in range(2):
        answer = await begun.sql(long, max_rows=max_rows, encoding=encoding)
        assert (answer.error.reason, answer.state) == ("RESULT_TOO_LARGE", "ACTIVE")
        assert dict(answer.error.metadata)["outcome"] == "UNKNOWN"
    await goes_on(begun, db, table, 1)


async def test_what_a_statement_has_done_stays_done_and_can_be_undone(
    begun: Transact, db: rowgate.Database, engine: Engine, table: str
) -> None:
    await begun.savepoint("before")
    rows = engine.series.format(n=3000)
    for undone in (True, False):
        new = f"select i + 1, '{'x' * 40}' from ({rows}) as s where true"
        wide_enough = ", ".join(["name"] * 10)  # that even what comes first, while the machine is busy, is too large
        answer = await begun.sql(f"insert into {table} (id, name) {new} returning id, {wide_enough}")
        assert (answer.error.reason, answer.state) == ("RESULT_TOO_LARGE", "ACTIVE")
        assert dict(answer.error.metadata)["outcome"] == "UNKNOWN"
        if undone:
            assert (await begun.rollback_to("before")).state == "ACTIVE"
            assert (await begun.sql(f"select count(*) from {table}")).rows == [(1,)]
    await goes_on(begun, db, table, 3001)


async def test_a_row_over_the_cap_on_unary_answers_ends_nothing(
    wide: str, begun: Transact, db: rowgate.Database, table: str
) -> None:
    assert (await begun.sql(f"insert into {wide} (id, a, b) values (1, ?, ?)", HALF, HALF)).state == "ACTIVE"
    answer = await begun.ask(get_row=table_service_pb2.GetRowRequest(table=wide, key={"id": encode(1)}))
    assert (answer.error.reason, answer.state) == ("RESULT_TOO_LARGE", "ACTIVE")
    assert dict(answer.error.metadata)["outcome"] == "UNKNOWN"
    await goes_on(begun, db, table, 1)


async def test_a_table_s_write_that_cannot_be_undone_alone_ends_it(
    wide: str, begun: Transact, db: rowgate.Database, table: str
) -> None:
    half = encode(HALF)
    rows = [table_service_pb2.RowValues(values={"id": encode(key), "a": half, "b": half}) for key in (1, 2)]
    answer = await begun.ask(insert_rows=table_service_pb2.InsertRowsRequest(table=wide, rows=rows, returning=["*"]))
    assert answer.kind == "error"
    assert (answer.error.reason, answer.state) == ("RESULT_TOO_LARGE", "ROLLED_BACK")
    assert dict(answer.error.metadata)["outcome"] == "ROLLED_BACK"
    assert (await db.query(f"select count(*) from {table}")).scalar() == 0


@pytest.mark.engines("mariadb")
async def test_a_procedure_that_may_have_committed_is_not_told_undone_with_its_rows_cut_off(
    begun: Transact, db: rowgate.Database, table: str
) -> None:
    # The first row is received, and is too large with its column's name; the others are not read to their end.
    rows = f"select repeat('x', 99900) as {'x' * 60}, 1 as {'y' * 60} from seq_1_to_1000000"
    await db.query(f"create procedure {table}_p() begin commit; {rows}; end")
    try:
        await begun.sql(f"insert into {table} (id, name) values (1, 'a')")
        answer = await begun.sql(f"call {table}_p()")
        assert (answer.error.reason, answer.state) == ("RESULT_TOO_LARGE", "UNKNOWN")
        assert (await db.query(f"select count(*) from {table}")).scalar() == 1
    finally:
        await db.query(f"drop procedure {table}_p")
