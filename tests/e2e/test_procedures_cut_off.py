"""A procedure that may have committed, cut off by the gateway's stop: its transaction is not told undone."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Iterator

import grpc.aio
import pytest

from rowgate._status import error_from_rpc
from rowgate.v1 import transact_pb2
from support.eventually import eventually
from support.locked_row import Databases, holding
from support.mariadb import MariaDB
from support.postgresql import PostgreSQL
from support.transactions import Transact


@pytest.fixture
def databases(
    mariadb_server: MariaDB, postgresql_server: PostgreSQL, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Databases]:
    with Databases.with_row(mariadb_server, postgresql_server, tmp_path_factory.mktemp("cut")) as databases:
        mariadb_server.execute("create procedure cut_off() begin commit; do sleep(300); end")
        yield databases
        mariadb_server.execute("drop procedure cut_off")


async def test_what_has_lasted_when_the_gateway_stops_is_not_told_undone(databases: Databases) -> None:
    number = databases.number("mariadb")
    with databases.gateway(SERVER__DRAIN_GRACE="1s") as gateway:
        async with holding(gateway.address, "mariadb") as tx:
            await tx.send(execute_query={"sql": "call cut_off()"})
            await eventually(lambda: databases.number("mariadb") > number, 5, "it has committed")
            os.kill(gateway.child.pid, signal.SIGTERM)
            assert await outcome_of_the_end(tx) == "UNKNOWN"


async def outcome_of_the_end(tx: Transact) -> str:
    """As the answer tells it, or the status."""
    try:
        answer = await asyncio.wait_for(tx.answer(), 10)
    except grpc.aio.AioRpcError as error:
        return error_from_rpc(error).metadata["outcome"]
    assert answer.last.state == transact_pb2.TRANSACTION_STATE_UNKNOWN
    return str(answer.error.metadata["outcome"])
