"""A request that the gateway can't read is answered in its turn, and no end of its transaction."""

from __future__ import annotations

from typing import Any

import grpc.aio

import rowgate
from support.engines import Engine
from support.transactions import Response, Transact

NO_MESSAGE = b"\xff\xff\xff"


def _octets(request: Any) -> bytes:
    octets: bytes = request if isinstance(request, bytes) else request.SerializeToString()
    return octets


def _begun(channel: grpc.aio.Channel) -> Any:
    """A stream that takes bytes as well as messages."""
    return channel.stream_stream("/rowgate.v1.QueryService/Transact", _octets, Response.FromString)()


async def test_one_that_is_no_message_is_answered(
    channel: grpc.aio.Channel, engine: Engine, table: str, db: rowgate.Database
) -> None:
    async with Transact(channel) as tx:
        tx.call = _begun(channel)
        await tx.begin(engine.name)
        await tx.sql(f"insert into {table} (id, name) values (1, 'a')")
        await tx.call.write(NO_MESSAGE)
        answer = await tx.answer()
        assert answer.error.reason == "INVALID_REQUEST"
        assert (answer.state, answer.last.sequence) == ("ACTIVE", 3)
        assert (await tx.commit()).state == "COMMITTED"
    assert (await db.query(f"select name from {table}")).rows == [("a",)]


async def test_as_the_first_it_is_the_end_of_the_stream(channel: grpc.aio.Channel) -> None:
    async with Transact(channel) as tx:
        tx.call = _begun(channel)
        await tx.call.write(NO_MESSAGE)
        assert await tx.call.code() is grpc.StatusCode.INVALID_ARGUMENT
