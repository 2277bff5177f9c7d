"""QueryService: messages in, the core asked, messages out."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator

from rowgate.v1 import query_service_pb2, query_service_pb2_grpc
from rowgate_server.core.batches import BatchRunner, StepResult
from rowgate_server.core.explain import Explainer
from rowgate_server.core.policy.quotas import Quotas
from rowgate_server.core.query import QueryMode, QueryOptions, QueryRequest, QueryRunner
from rowgate_server.engines.beside import beside, slices_beside, whole
from rowgate_server.engines.results import Column, Result, Stats
from rowgate_server.errors import Outcome, RowgateError
from rowgate_server.identity.principal import current_principal
from rowgate_server.observability.ids import new_id
from rowgate_server.transport.codec.answers import sealed, with_result
from rowgate_server.transport.codec.batches import are_many, decode_batch, encode_answers
from rowgate_server.transport.codec.encodings import Encoding, ResultEncoder
from rowgate_server.transport.codec.explained import encode_explained
from rowgate_server.transport.codec.queries import (
    AnyQuery,
    check_mode,
    decode_query,
    sealed_chunk,
    write_stats,
)
from rowgate_server.transport.decoding import decoded, decoded_by_slices
from rowgate_server.transport.interceptors import current_call
from rowgate_server.transport.interceptors.call import Context, RpcCall, time_left
from rowgate_server.transport.transacting import Transacting

_LATER = 0.25
"""Seconds after the deadline: what the executor says of it knows more."""


class QueryServicer(query_service_pb2_grpc.QueryServiceServicer):
    """Serves QueryService.

    Args:
        queries: runs them.
        explainer: tells of them what is not their result.
        batches: runs several at once.
        transacting: holds transactions.
        quotas: each step of a batch counts like a call.
        request_timeout: seconds that a unary call may take whose caller sets no deadline.
        largest_message: bytes of the largest message that the server sends.
    """

    def __init__(
        self,
        queries: QueryRunner,
        explainer: Explainer,
        batches: BatchRunner,
        transacting: Transacting,
        quotas: Quotas,
        request_timeout: float,
        largest_message: int,
    ) -> None:
        self._queries = queries
        self._batches = batches
        self._transacting = transacting
        self._quotas = quotas
        self._explainer = explainer
        self._largest_message = largest_message
        self._request_timeout = request_timeout

    async def ExecuteQuery(
        self, request: query_service_pb2.ExecuteQueryRequest, context: Context
    ) -> query_service_pb2.ExecuteQueryResponse:
        """Run one statement and answer with its whole result."""
        call = current_call()
        query, encoding = await self._decode(call, request, time_left(context, self._request_timeout))
        if query.options.mode is not QueryMode.EXECUTE:
            return await self._explain(call, query)
        result = await self._queries.execute(query)
        _note(call, result.stats)
        response = query_service_pb2.ExecuteQueryResponse()
        write_stats(result.stats, response.stats)
        committed = _is_done(query.options, result)
        return await with_result(
            response, encoding, result.columns, result.rows, self._largest_message, committed=committed
        )

    async def StreamQuery(
        self, request: query_service_pb2.StreamQueryRequest, context: Context
    ) -> AsyncIterator[query_service_pb2.StreamQueryResponse]:
        """Run one statement and stream its result."""
        call = current_call()
        query, encoding = await self._decode(call, request, context.time_remaining())
        check_mode(query)
        encoder: ResultEncoder | None = None
        columns: tuple[Column, ...] = ()
        deadline = self._queries.stream_deadline(query)
        # The executor ends a fetch that is late; only this ends the wait for a reader that reads no more.
        call.end_at(deadline.at + _LATER, deadline.exceeded("while the caller was reading", Outcome.UNKNOWN))
        chunks = self._queries.stream(query, encoding.cells_per_chunk)
        try:
            async for chunk in chunks:
                response = query_service_pb2.StreamQueryResponse()
                columns = chunk.columns or columns
                encoder = encoder or encoding.start(columns, response.result)
                await encoding.lay_out(encoder, columns, chunk.rows, response.result)
                call.facts["rows"] = call.facts.get("rows", 0) + len(chunk.rows)
                if chunk.stats is not None:
                    encoder.end(response.result)
                    _note(call, chunk.stats)
                    write_stats(chunk.stats, response.stats)
                answer = sealed_chunk(response, self._largest_message)
                chunk.sending()
                yield answer
        finally:
            await chunks.aclose()

    async def _decode(
        self, call: RpcCall, request: AnyQuery, call_timeout: float | None
    ) -> tuple[QueryRequest, Encoding]:
        """The query; what it is called and where it goes is noted first, however the call ends."""
        database, query_id = self._queries.database_name(request.database), new_id()
        if database:
            call.facts["database"] = database
        call.facts["query_id"] = query_id
        call.statements = (request.sql,)
        try:
            query, encoding = await decoded(decode_query, request, call_timeout, query_id)
        except RowgateError as error:
            raise error.with_defaults(
                database=database or None, query_id=query_id, outcome=Outcome.NOT_RUN.value
            ) from error.__cause__
        if query.options.tag:
            call.facts["tag"] = query.options.tag
        return query, encoding

    async def ExecuteBatch(
        self, request: query_service_pb2.ExecuteBatchRequest, context: Context
    ) -> query_service_pb2.ExecuteBatchResponse:
        """Run several statements in one round trip."""
        call = current_call()
        call_timeout = time_left(context, self._request_timeout)
        if database := self._queries.database_name(request.database):
            call.facts["database"] = database
        batch, encoding = await decoded_by_slices(decode_batch(request, call_timeout))
        call.statements = [step.sql for step in batch.steps]
        if batch.options.tag:
            call.facts["tag"] = batch.options.tag
        call.facts["steps"] = len(batch.steps)
        self._quotas.charge(current_principal.get(), len(batch.steps) - 1)
        answers = await self._batches.run(batch)
        done = (isinstance(answer, StepResult) and _is_done(batch.options, answer.result) for answer in answers)
        encoded = encode_answers(answers, encoding, call.id)
        response = await slices_beside(encoded) if are_many(answers, encoding) else whole(encoded)
        return sealed(response, b"", self._largest_message, committed=all(done))

    async def Transact(
        self, request_iterator: AsyncIterator[query_service_pb2.TransactRequest], context: Context
    ) -> AsyncIterator[query_service_pb2.TransactResponse]:
        """Hold a transaction for as long as the stream lasts."""
        answers = self._transacting.serve(current_call(), request_iterator, context)
        async with contextlib.aclosing(answers):
            async for answer in answers:
                yield answer

    async def _explain(self, call: RpcCall, query: QueryRequest) -> query_service_pb2.ExecuteQueryResponse:
        """What is told of a statement instead of its result."""
        call.facts["mode"] = query.options.mode.name
        explained = await self._explainer.explain(query)
        _note(call, explained.stats)
        response = await beside(encode_explained, explained)
        return sealed(response, b"", self._largest_message)


def _is_done(options: QueryOptions, result: Result) -> bool:
    """Whether it is certain that what the statement was to change is changed, and lasts.

    One whose result was cut short may have been ended for that, and undone.
    """
    return not options.read_only and result.stats.truncation is None


def _note(call: RpcCall, stats: Stats) -> None:
    call.facts["rows"] = stats.row_count
    if stats.replica:
        call.facts["replica"] = stats.replica
    if stats.completion.affected_rows is not None:
        call.facts["affected"] = stats.completion.affected_rows
