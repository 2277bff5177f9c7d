"""A stream whose end meets a write: gRPC then overwrites the status that the gateway gave it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import grpc.aio
import pytest
from unit.client.scripted_transact import failed, went_through

import rowgate
from rowgate._connection import Connection
from rowgate._exchange import Exchange
from rowgate._retry import Deadline
from rowgate._status import error_from_answer
from rowgate.v1.query_service_pb2 import ExecuteQueryRequest, TransactRequest
from rowgate.v1.transact_pb2 import BeginTransaction


class EndsUnderTheSecondWrite:
    """A call as grpc.aio has them, of which only what the client uses is here."""

    def __init__(self) -> None:
        self._writes = 0
        self._status: tuple[grpc.StatusCode, str] | None = None
        self._callbacks: list[Callable[[Any], None]] = []

    def add_done_callback(self, callback: Callable[[Any], None]) -> None:
        self._callbacks.append(callback)

    def done(self) -> bool:
        return self._status is not None

    def cancel(self) -> bool:
        return False

    async def code(self) -> grpc.StatusCode | None:
        return self._status and self._status[0]

    async def details(self) -> str | None:
        return self._status and self._status[1]

    async def trailing_metadata(self) -> grpc.aio.Metadata:
        return grpc.aio.Metadata()

    async def write(self, request: TransactRequest) -> None:
        self._writes += 1
        if self._writes == 2:
            assert request.HasField("execute_query")
            for status in ((grpc.StatusCode.ABORTED, "it took too long"), (grpc.StatusCode.INTERNAL, "of gRPC's own")):
                self._status = status
                for callback in self._callbacks:
                    callback(self)
            raise await self._error()

    async def read(self) -> Any:
        if self._status is not None:
            raise await self._error()
        begun = went_through("begin")
        begun.sequence = 1
        return begun

    async def _error(self) -> grpc.aio.AioRpcError:
        assert self._status is not None
        nothing = grpc.aio.Metadata()
        return grpc.aio.AioRpcError(self._status[0], nothing, nothing, details=self._status[1])


async def test_the_gateway_s_own_word_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    connection = Connection("nowhere", None, 1)
    monkeypatch.setattr(connection, "begin_transact", lambda **_: EndsUnderTheSecondWrite())
    exchange = Exchange(connection)
    await exchange.begin(BeginTransaction(), Deadline(None), {})
    with pytest.raises(rowgate.TransactionAborted, match="it took too long") as caught:
        await exchange.ask(TransactRequest(execute_query=ExecuteQueryRequest()))
    assert caught.value.outcome is rowgate.Outcome.ROLLED_BACK


def test_an_error_within_an_answer_is_what_a_status_would_be() -> None:
    answer = failed("DEADLOCK", 10, outcome="ROLLED_BACK", hint="try again")
    answer.error.retry_delay.FromMilliseconds(250)
    answer.error.field_violations.add(field="execute_query.sql", description="is empty")
    error = error_from_answer(answer.error)
    assert (type(error), error.code, error.outcome) == (
        rowgate.Deadlock,
        grpc.StatusCode.ABORTED,
        rowgate.Outcome.ROLLED_BACK,
    )
    assert (error.retry_after, str(error)) == (0.25, "that went wrong (try again)")
    assert error.field_violations == (rowgate.FieldViolation("execute_query.sql", "is empty"),)
