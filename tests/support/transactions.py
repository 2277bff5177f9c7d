"""Transact on the wire: requests one by one, and the whole answer to each."""

from __future__ import annotations

import asyncio
import contextlib
from typing import Any, Self

import grpc.aio

from rowgate._decode import decode_row
from rowgate._encode import encode
from rowgate._ending import Ending
from rowgate.v1 import query_service_pb2, query_service_pb2_grpc, result_pb2, transact_pb2

Request = query_service_pb2.TransactRequest
Response = query_service_pb2.TransactResponse
State = transact_pb2.TransactionState


class Answer:
    """The messages of one answer."""

    def __init__(self, parts: list[Response]) -> None:
        self.parts = parts
        self.last = parts[-1]

    @property
    def state(self) -> str:
        return State.Name(self.last.state).removeprefix("TRANSACTION_STATE_")

    @property
    def kind(self) -> str | None:
        return self.last.WhichOneof("answer")

    @property
    def error(self) -> Any:
        assert self.kind == "error", self.last
        return self.last.error

    @property
    def rows(self) -> list[tuple[Any, ...]]:
        """The cells of a result in ROWS."""
        assert self.kind != "error", self.last
        return [decode_row(row.values) for part in self.parts for row in _result(part).rows]

    @property
    def affected(self) -> int:
        assert self.kind != "error", self.last
        return int(getattr(self.last, self.kind or "").stats.affected_rows)


class Transact:
    """One stream; leaving it cancels what is not over."""

    def __init__(self, channel: grpc.aio.Channel, timeout: float | None = None) -> None:
        stub: Any = query_service_pb2_grpc.QueryServiceStub(channel)
        self.call = stub.Transact(timeout=timeout)

    @property
    def call(self) -> Any:
        return self._call

    @call.setter
    def call(self, call: Any) -> None:
        self._call, self._ending = call, Ending(call)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        self.call.cancel()

    async def send(self, **request: Any) -> None:
        # Of a stream that has ended meanwhile, the answer tells; or ends under the write: see `support.streams`.
        with contextlib.suppress(asyncio.InvalidStateError, grpc.aio.AioRpcError):
            await self.call.write(Request(**request))

    async def answer(self) -> Answer:
        parts: list[Response] = []
        while not parts or not parts[-1].last:
            part = await self._read()
            if part is grpc.aio.EOF:
                code: grpc.StatusCode = await self.call.code()
                raise self._ending.error or AssertionError(f"the stream ended with {code} and no answer")
            parts.append(part)
        return Answer(parts)

    async def _read(self) -> Any:
        try:
            return await self.call.read()
        except grpc.aio.AioRpcError as error:
            raise self._ending.error or error from None

    async def ask(self, **request: Any) -> Answer:
        await self.send(**request)
        return await self.answer()

    async def begin(self, database: str, **how: Any) -> Answer:
        return await self.ask(begin=transact_pb2.BeginTransaction(database=database, **how))

    async def sql(self, sql: str, *values: Any, **options: Any) -> Answer:
        return await self.ask(execute_query=query(sql, *values, **options))

    async def savepoint(self, name: str) -> Answer:
        return await self.ask(savepoint=transact_pb2.Savepoint(name=name))

    async def rollback_to(self, name: str) -> Answer:
        return await self.ask(rollback_to=transact_pb2.Savepoint(name=name))

    async def release(self, name: str) -> Answer:
        return await self.ask(release=transact_pb2.Savepoint(name=name))

    async def commit(self) -> Answer:
        return await self.ask(commit=transact_pb2.Commit())

    async def rollback(self) -> Answer:
        return await self.ask(rollback=transact_pb2.Rollback())

    async def half_close(self) -> grpc.StatusCode:
        """Say that nothing more comes, and hear how the stream ends."""
        await self.call.done_writing()
        while await self.call.read() is not grpc.aio.EOF:
            pass
        code: grpc.StatusCode = await self.call.code()
        return code


def query(sql: str, *values: Any, **options: Any) -> query_service_pb2.ExecuteQueryRequest:
    return query_service_pb2.ExecuteQueryRequest(
        sql=sql,
        positional_params=[encode(each) for each in values],
        options=query_service_pb2.QueryOptions(**options) if options else None,
    )


def _result(part: Response) -> result_pb2.ResultSet:
    result: result_pb2.ResultSet = getattr(part, part.WhichOneof("answer") or "").result
    return result
