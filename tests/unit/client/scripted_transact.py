"""A gateway for tests of the client's transactions: answers each request from a script, or ends the stream."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from typing import Any, TypeAlias

from unit.client.scripted import Fault, Hang, ScriptedGateway

from rowgate.v1 import error_pb2, transact_pb2
from rowgate.v1.query_service_pb2 import ExecuteQueryResponse, TransactRequest, TransactResponse

ACTIVE = transact_pb2.TRANSACTION_STATE_ACTIVE
FAILED = transact_pb2.TRANSACTION_STATE_FAILED
COMMITTED = transact_pb2.TRANSACTION_STATE_COMMITTED
ROLLED_BACK = transact_pb2.TRANSACTION_STATE_ROLLED_BACK
UNKNOWN = transact_pb2.TRANSACTION_STATE_UNKNOWN

Turn: TypeAlias = "TransactResponse | Fault | Hang | End | None"


class End:
    """No answer: the stream ends as if all were well."""


class TransactGateway(ScriptedGateway):
    """Answers requests as they come: those without an entry in the script go through.

    Attributes:
        asked: the kinds of the requests of each stream.
        ended: set when a stream has ended, in whatever way.
    """

    def __init__(self) -> None:
        super().__init__()
        self._turns: dict[str, deque[Turn]] = {}
        self.asked: list[list[str]] = []
        self.ended = asyncio.Event()

    def at(self, kind: str, *turns: Turn) -> None:
        """Answer the next requests of that kind so; None: as if nothing had been said."""
        self._turns.setdefault(kind, deque()).extend(turns)

    async def Transact(
        self, request_iterator: AsyncIterator[TransactRequest], context: Any
    ) -> AsyncIterator[TransactResponse]:
        kinds: list[str] = []
        self.asked.append(kinds)
        try:
            async for request in request_iterator:
                kind = str(request.WhichOneof("request"))
                kinds.append(kind)
                turns = self._turns.get(kind)
                answer = (turns.popleft() if turns else None) or went_through(kind)
                if isinstance(answer, End):
                    return
                if isinstance(answer, TransactResponse):
                    numbered = TransactResponse(sequence=len(kinds))
                    numbered.MergeFrom(answer)
                    yield numbered
                else:
                    await self._take(answer, request, context)
        finally:
            self.ended.set()


def went_through(kind: str) -> TransactResponse:
    """The answer to a request that did what it says."""
    answer = TransactResponse(last=True, state={"commit": COMMITTED, "rollback": ROLLED_BACK}.get(kind, ACTIVE))
    if kind == "execute_query":
        answer.execute_query.CopyFrom(ExecuteQueryResponse())
    else:
        getattr(answer, kind).SetInParent()
    return answer


def failed(
    reason: str, code: int, state: transact_pb2.TransactionState.ValueType = ROLLED_BACK, **metadata: str
) -> TransactResponse:
    """An error as an answer."""
    error = error_pb2.RequestError(code=code, reason=reason, message="that went wrong", metadata=metadata)
    return TransactResponse(last=True, state=state, error=error)
