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
