"""Streams of plain stubs that end as the gateway ended them.

A stream may be refused while its requests are still being written. grpc.aio (1.85.1) then puts an INTERNAL of its own
over the gateway's status: https://github.com/grpc/grpc/issues/36066.
"""

from __future__ import annotations

from typing import Any

import grpc.aio

from rowgate._ending import Ending


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
