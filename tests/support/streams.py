"""Streams of plain stubs: how the gateway ended them, and how much is sent ahead of their readers.

A stream may be refused while its requests are still being written. grpc.aio (1.85.1) then puts an INTERNAL of its own
over the gateway's status: https://github.com/grpc/grpc/issues/36066.

What is sent of a stream that nobody reads is about a megabyte. But gRPC lets it grow with the connection's bandwidth
times its delay, as it estimates them, and that grows with the load: 19 MB of each of six streams were seen on two busy
cores.
"""

from __future__ import annotations

from typing import Any

import grpc.aio

from rowgate._ending import Ending

WINDOW_STAYS = ("grpc.http2.bdp_probe", 0)
"""An option of a channel: what is sent ahead of its readers does not grow."""


async def answers(call: Any) -> list[Any]:
    """All messages of a stream that has just been begun.

    Raises:
        grpc.aio.AioRpcError: it ended with the gateway's status.
    """
    ending = Ending(call)
    try:
        return [answer async for answer in call]
    except grpc.aio.AioRpcError as error:
        raise ending.error or error from None
