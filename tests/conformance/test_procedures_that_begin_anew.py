"""A procedure that commits and begins anew: its caller's transaction is over, its connection somebody else's."""

from __future__ import annotations

import pytest

import rowgate
from rowgate.v1 import transact_pb2
from support.transactions import Transact

pytestmark = pytest.mark.engines("mariadb")  # SQLite has no procedures; PostgreSQL lets none end what called it

ENDINGS = {
    "begins anew": "commit; start transaction; insert into {t} (id, name) values (7, 'inner')",
    "fails behind its commit": "commit; signal sqlstate '45000'",
}


@pytest.mark.parametrize("ending", ENDINGS)
async def test_nothing_more_is_sent_and_what_lasts_is_told_as_not_known(
    tx: Transact, db: rowgate.Database, table: str, ending: str
) -> None:
    await db.query(f"create procedure {table}_anew() begin {ENDINGS[ending].format(t=table)}; end")
    try:
        await tx.sql(f"insert into {table} (id, name) values (1, 'outer')")
        answer = await tx.sql(f"call {table}_anew()")
        assert (answer.error.metadata["outcome"], answer.state) == ("UNKNOWN", "UNKNOWN")
        # The connection may be another caller's by now.
        for sql in ("select @@version", f"insert into {table} (id, name) values (666, 'astray')"):
            refused = await tx.sql(sql)
            assert (refused.error.reason, refused.error.metadata["outcome"]) == ("INVALID_REQUEST", "NOT_RUN")
        ended = await tx.ask(commit=transact_pb2.Commit())
        assert (ended.error.reason, ended.error.metadata["outcome"]) == ("INVALID_REQUEST", "UNKNOWN")
        found = (await db.query(f"select id from {table} order by id")).rows
        assert [row[0] for row in found] == [1]
    finally:
        await db.query(f"drop procedure {table}_anew")


async def test_another_caller_on_the_connection_is_out_of_reach(tx: Transact, db: rowgate.Database, table: str) -> None:
    await db.query(f"create procedure {table}_anew() begin commit; start transaction; end")
    try:
        await tx.sql(f"call {table}_anew()")
        async with db.transaction() as other:
            await other.query("set @secret = 'kept'")
            await other.query(f"insert into {table} (id, name) values (2, 'other')")
            for sql in (f"update {table} set name = 'astray'", "select @secret"):
                assert (await tx.sql(sql)).error.reason == "INVALID_REQUEST"
        assert (await db.query(f"select name from {table}")).rows[0][0] == "other"
    finally:
        await db.query(f"drop procedure {table}_anew")
