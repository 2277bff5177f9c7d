"""A client in a process of its own, to be killed: begins a transaction, runs a statement, says so, and waits.

Arguments: the gateway's address, the database, the SQL.
"""

from __future__ import annotations

import asyncio
import sys

import grpc.aio

from support.transactions import Transact


async def _hold(address: str, database: str, sql: str) -> None:
    async with grpc.aio.insecure_channel(address) as channel, Transact(channel) as tx:
        await tx.begin(database)
        assert (await tx.sql(sql)).kind == "execute_query"
        print("holding", flush=True)  # noqa: T201 - that is how the test knows
        await tx.answer()


asyncio.run(_hold(*sys.argv[1:]))
