"""Which limits a transaction takes."""

from __future__ import annotations

import grpc.aio
import pytest
from google.protobuf import duration_pb2

from rowgate._status import error_from_rpc
from support.engines import Engine
from support.transactions import Transact


@pytest.mark.parametrize("name", ["idle_timeout", "timeout"])
async def test_a_limit_that_is_over_before_it_can_be_told_is_refused(
    channel: grpc.aio.Channel, engine: Engine, name: str
) -> None:
    async with Transact(channel) as stream:
        limit = duration_pb2.Duration(nanos=9_999_999)
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await stream.begin(engine.name, **{name: limit})
    error = error_from_rpc(caught.value)
    assert (error.reason, [each.field for each in error.field_violations]) == ("INVALID_REQUEST", [f"begin.{name}"])


async def test_a_lock_may_be_waited_for_as_long_as_one_likes(channel: grpc.aio.Channel, engine: Engine) -> None:
    async with Transact(channel) as stream:
        begun = await stream.begin(engine.name, lock_timeout=duration_pb2.Duration(seconds=10_000_000))
        assert begun.state == "ACTIVE"
        assert (await stream.sql("select 1")).rows == [(1,)]


@pytest.mark.engines("mariadb", "postgresql")
async def test_but_for_no_longer_than_the_transaction_may_take(channel: grpc.aio.Channel, engine: Engine) -> None:
    """What it waits behind its end, it would wait in vain; SQLite's can be asked by nobody."""
    asked = {
        "mariadb": "select @@innodb_lock_wait_timeout",
        "postgresql": "select ceil(setting::int / 1000.0)::int from pg_settings where name = 'lock_timeout'",
    }
    async with Transact(channel) as stream:
        longest, lock = duration_pb2.Duration(seconds=20), duration_pb2.Duration(seconds=10_000_000)
        await stream.begin(engine.name, timeout=longest, lock_timeout=lock)
        ((seconds,),) = (await stream.sql(asked[engine.name])).rows
        assert 0 < seconds <= longest.seconds
