"""How a call has ended, as it was told first."""

from __future__ import annotations

from collections.abc import Coroutine
from typing import Any, TypeVar

import grpc.aio

_T = TypeVar("_T")


class Ending:
    """Remembers a call's status: grpc.aio overwrites it with an INTERNAL of its own if a write meets the call's end.

    Args:
        call: a call that has not ended.

    Attributes:
        error: what it has ended with; None while it has not.
    """

    def __init__(self, call: grpc.aio.Call) -> None:
        self.error: grpc.aio.AioRpcError | None = None
        call.add_done_callback(self._note)

    def _note(self, call: Any) -> None:
        if self.error is None:
            self.error = grpc.aio.AioRpcError(
                _at_once(call.code()),
                grpc.aio.Metadata(),  # a call that was cancelled early may never get any
                _at_once(call.trailing_metadata()),
                details=_at_once(call.details()),
            )


def _at_once(answer: Coroutine[Any, Any, _T]) -> _T:
    """The answer of a coroutine that has nothing to wait for: a task would come too late."""
    try:
        answer.send(None)
    except StopIteration as done:
        value: _T = done.value
        return value
    answer.close()
    raise RuntimeError("a call that has ended still waits for its status")
