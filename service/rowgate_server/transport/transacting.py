"""Every Transact stream of the gateway: begun here, and told when the gateway stops."""

from __future__ import annotations

import contextlib

from rowgate_server.core.transactions.opening import Transactions
from rowgate_server.engines import clock
from rowgate_server.transport.interceptors.call import Context, RpcCall
from rowgate_server.transport.transact_answers import TransactAnswers
from rowgate_server.transport.transact_stream import Answers, Requests, TransactStream

_BEFORE_THE_END = 0.5
"""Seconds before the grace ends: time to roll back, and to tell the callers so."""


class Transacting:
    """Serves Transact.

    Args:
        transactions: begins them.
        answers: does what their requests ask.
        first_wait: the longest that the first request of a stream may take, in seconds.
    """

    def __init__(self, transactions: Transactions, answers: TransactAnswers, first_wait: float) -> None:
        self._transactions = transactions
        self._answers = answers
        self._first_wait = first_wait
        self._streams: set[TransactStream] = set()
        self._stopping_at: float | None = None

    async def serve(self, call: RpcCall, requests: Requests, context: Context) -> Answers:
        """One stream; when this has ended, nothing of it is left but a rollback that the pool sees to."""
        stream = TransactStream(self._transactions, self._answers, call, self._first_wait)
        if self._stopping_at is not None:
            stream.stop_at(self._stopping_at)
        self._streams.add(stream)
        try:
            async with contextlib.aclosing(stream.serve(requests, context)) as answers:
                async for answer in answers:
                    yield answer
        finally:
            self._streams.discard(stream)

    def stop(self, grace: float) -> None:
        """Let transactions go on for so many seconds, then end them."""
        self._stopping_at = clock.now() + max(0.0, grace - _BEFORE_THE_END)
        for stream in self._streams:
            stream.stop_at(self._stopping_at)
