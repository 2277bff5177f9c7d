"""Calls of methods that are not there: answered as grpc answers them by itself, but logged and counted like all others.

What the caller asked for is in the log alone: in the metrics all of them are one method.
"""

from __future__ import annotations

from typing import Any

import grpc
import grpc.aio

from rowgate_server.observability.metrics import MethodLabels
from rowgate_server.transport.interceptors.call import Context, RpcCall, current_call
from rowgate_server.transport.interceptors.chain import Chain

UNKNOWN = MethodLabels("bidi_stream", "unknown", "unknown")
"""go-grpc's type for a method of which it knows nothing."""


def answer_unknown(server: grpc.aio.Server, chain: Chain) -> None:
    """Answer all methods that nobody else does; registered last, as it takes whatever it is asked for."""
    chain.expect(UNKNOWN)
    server.add_generic_rpc_handlers((_Unknown(chain),))


class _Unknown(grpc.GenericRpcHandler):
    def __init__(self, chain: Chain) -> None:
        self._chain = chain

    def service(self, handler_call_details: Any) -> Any:
        """A handler for any method, of which no request is read."""
        asked: str = handler_call_details.method

        async def refuse(requests: Any, context: Context) -> None:
            del requests
            call = current_call()
            call.facts["asked"] = asked
            call.code = grpc.StatusCode.UNIMPLEMENTED
            # Not by an abort, which would be told to the caller before it is counted.
            context.set_code(grpc.StatusCode.UNIMPLEMENTED)
            context.set_details("Method not found!")

        return grpc.stream_stream_rpc_method_handler(self._chain.streaming(UNKNOWN, refuse, _nothing))


async def _nothing(call: RpcCall) -> None:
    """Of its request."""
    del call
