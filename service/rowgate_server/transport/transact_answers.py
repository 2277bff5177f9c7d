"""What each request of a transaction asks, done, and its answer: of one message, or of several for a large result."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator, Sequence
from typing import Any

from rowgate.v1 import query_service_pb2, result_pb2
from rowgate_server.core.crud.requests import Rows
from rowgate_server.core.policy.quotas import Quotas
from rowgate_server.core.transactions.held import HeldTransaction, State
from rowgate_server.core.transactions.tables import TableWork
from rowgate_server.engines.chunks import CHUNK_BYTES
from rowgate_server.engines.limits import ResultLimits, ResultMeter
from rowgate_server.engines.results import Chunk, Column, Row, row_too_large
from rowgate_server.errors import Outcome, Reason, RowgateError
from rowgate_server.identity.principal import current_principal
from rowgate_server.observability.ids import new_id
from rowgate_server.transport.codec import table_writes, tables
from rowgate_server.transport.codec.encodings import Encoding, ResultEncoder, choose_encoding
from rowgate_server.transport.codec.queries import check_mode, decode_query, write_stats
from rowgate_server.transport.decoding import decoded

_ENDS = frozenset({"commit", "rollback"})
"""Never refused for the caller's quota: to hold a transaction open costs more than its end."""
_WRITES = frozenset({"insert_rows", "update_rows", "delete_rows"})
_OF_RESULTS = frozenset({Reason.RESULT_TOO_LARGE, Reason.VALUE_OUT_OF_RANGE})

Response = query_service_pb2.TransactResponse
Parts = AsyncGenerator[Response, None]


class TransactAnswers:
    """Does what requests ask.

    Args:
        work: TableService's.
        largest_message: bytes of the largest message that the server sends.
        quotas: each request counts like a call.
    """

    def __init__(self, work: TableWork, largest_message: int, quotas: Quotas) -> None:
        self._work = work
        self._quotas = quotas
        self._largest_message = largest_message
        self._tables: dict[str, Callable[[HeldTransaction, Any], Parts]] = {
            "list_rows": self._list_rows,
            "get_row": self._get_row,
            "count_rows": self._count_rows,
            "insert_rows": self._insert_rows,
            "update_rows": self._update_rows,
            "delete_rows": self._delete_rows,
        }

    async def parts(
        self,
        held: HeldTransaction,
        request: query_service_pb2.TransactRequest,
        kind: str | None,
        tagged: Callable[[str], None],
    ) -> Parts:
        """The answer's messages, the last one marked; `tagged` is told the tag that the request has for itself.

        Raises:
            RowgateError: whatever is wrong with the request or the database.
        """
        if kind is None:
            raise RowgateError(
                Reason.INVALID_REQUEST, "the request asks for nothing that the gateway knows", outcome=Outcome.NOT_RUN
            )
        asked = getattr(request, kind)
        if kind not in _ENDS:
            self._quotas.charge(current_principal.get(), 1)
        if kind in self._tables or kind == "execute_query":
            _check_database(held, asked, kind)
            raw = kind == "execute_query"
            answering = self._execute(held, asked, tagged) if raw else self._on_table(held, asked, kind)
            async with contextlib.aclosing(_within(answering, kind)) as parts:
                async for part in parts:
                    yield part
            return
        await _command(held, kind, asked)
        answer = Response(last=True)
        getattr(answer, kind).CopyFrom(asked)
        yield answer

    async def _execute(
        self, held: HeldTransaction, asked: query_service_pb2.ExecuteQueryRequest, tagged: Callable[[str], None]
    ) -> Parts:
        query, encoding = await decoded(decode_query, asked, None, new_id())
        check_mode(query)
        if query.options.tag:
            tagged(query.options.tag)
        encoder: ResultEncoder | None = None
        columns: tuple[Column, ...] = ()
        waiting: Response | None = None
        async with contextlib.aclosing(held.execute(query, encoding.cells_per_chunk)) as chunks:
            async for chunk in chunks:
                # The last rows wait for the figures, which come at once: a message costs as much as a small result.
                part, waiting = waiting or Response(), None
                result = part.execute_query.result
                try:
                    columns = chunk.columns or columns
                    encoder = encoder or encoding.start(columns, result)
                    if chunk.stats is None:
                        await encoding.lay_out(encoder, columns, chunk.rows, result)
                        if chunk.ended:
                            waiting = part
                            continue
                    else:
                        encoder.end(result)
                        write_stats(chunk.stats, part.execute_query.stats)
                        part.last = True
                    self._check_size(part)
                except RowgateError as error:
                    await _leave(held, chunks)
                    raise _untold(error) from None
                yield part

    async def _on_table(self, held: HeldTransaction, asked: Any, kind: str) -> Parts:
        try:
            async with contextlib.aclosing(self._tables[kind](held, asked)) as parts:
                async for part in parts:
                    self._check_size(part)
                    yield part
        except RowgateError as error:
            if kind in _WRITES and _is_untold(error) and held.state is State.ACTIVE:
                # It is done, and cannot be undone alone any more; an error must not leave it.
                await held.rollback()
            raise

    def _check_size(self, part: Response) -> None:
        if part.ByteSize() > self._largest_message:
            raise row_too_large(f"{self._largest_message} bytes in a message")

    async def _list_rows(self, held: HeldTransaction, asked: Any) -> Parts:
        encoding = choose_encoding(asked.encoding, "encoding")
        page = await self._on(held).pager.list_rows(await decoded(tables.decode_list_rows, asked, None))
        answer = Response(last=True)
        listed = answer.list_rows
        listed.next_page_token = page.next_page_token
        if page.total is not None:
            listed.total_count = page.total
        listed.total_count_estimated = page.estimated
        async for part in _rows(answer, listed, "list_rows", page.found, encoding):
            yield part

    async def _get_row(self, held: HeldTransaction, asked: Any) -> Parts:
        encoding = choose_encoding(asked.encoding, "encoding")
        found = await self._on(held).reader.get_row(await decoded(tables.decode_get_row, asked, None))
        answer = Response(last=True)
        async for part in _rows(answer, answer.get_row, "get_row", found, encoding):
            yield part

    async def _count_rows(self, held: HeldTransaction, asked: Any) -> Parts:
        count = await self._on(held).reader.count_rows(await decoded(tables.decode_count_rows, asked, None))
        answer = Response(last=True, count_rows=tables.encode_count(count))
        write_stats(count.stats, answer.count_rows.stats)
        yield answer

    async def _insert_rows(self, held: HeldTransaction, asked: Any) -> Parts:
        encoding = choose_encoding(asked.encoding, "encoding")
        inserted = await self._on(held).inserter.insert(await decoded(table_writes.decode_insert_rows, asked, None))
        answer = Response(last=True)
        answer.insert_rows.ignored_rows.extend(inserted.ignored)
        async for part in _rows(answer, answer.insert_rows, "insert_rows", inserted.rows, encoding):
            yield part

    async def _update_rows(self, held: HeldTransaction, asked: Any) -> Parts:
        encoding = choose_encoding(asked.encoding, "encoding")
        changed = await self._on(held).changer.update(await decoded(table_writes.decode_update_rows, asked, None))
        answer = Response(last=True)
        async for part in _rows(answer, answer.update_rows, "update_rows", changed, encoding):
            yield part

    async def _delete_rows(self, held: HeldTransaction, asked: Any) -> Parts:
        encoding = choose_encoding(asked.encoding, "encoding")
        deleted = await self._on(held).changer.delete(await decoded(table_writes.decode_delete_rows, asked, None))
        answer = Response(last=True)
        async for part in _rows(answer, answer.delete_rows, "delete_rows", deleted, encoding):
            yield part

    def _on(self, held: HeldTransaction) -> TableWork:
        return self._work.on(held.view(), held.tables)


async def _leave(held: HeldTransaction, chunks: AsyncGenerator[Chunk, None]) -> None:
    """End a result that can't be sent, and not the transaction, as far as that is possible."""
    held.forgo()
    # Of what else goes wrong now, the transaction's state tells.
    with contextlib.suppress(RowgateError):
        async for _ in chunks:
            pass


def _untold(error: RowgateError) -> RowgateError:
    """An error that an encoder has with a result: what the statement has done, it has done."""
    return error.with_defaults(outcome=Outcome.UNKNOWN.value)


def _is_untold(error: RowgateError) -> bool:
    """Whether it is of how a result is laid out or sent; errors of the database's have its codes."""
    ours = not error.metadata.keys() & {"sqlstate", "vendor_code"}
    return ours and error.reason in _OF_RESULTS and error.outcome == Outcome.UNKNOWN


async def _within(parts: Parts, kind: str) -> Parts:
    """Parts, with the path of a field at fault from the request on."""
    try:
        async with contextlib.aclosing(parts):
            async for part in parts:
                yield part
    except RowgateError as error:
        if error.field is not None:
            error.field = f"{kind}.{error.field}"
        raise


def _check_database(held: HeldTransaction, asked: Any, kind: str) -> None:
    if asked.database not in ("", held.database.name):
        raise RowgateError(
            Reason.INVALID_REQUEST,
            "the transaction is on another database",
            field=f"{kind}.database",
            outcome=Outcome.NOT_RUN,
        )
    asked.database = held.database.name


async def _command(held: HeldTransaction, kind: str, asked: Any) -> None:
    if kind == "commit":
        await held.commit()
    elif kind == "rollback":
        await held.rollback()
    else:
        commands: dict[str, Callable[[str], Awaitable[None]]] = {
            "savepoint": held.savepoint,
            "rollback_to": held.rollback_to,
            "release": held.release,
        }
        try:
            await commands[kind](asked.name)
        except RowgateError as error:
            error.field = error.field and f"{kind}.{error.field}"
            raise


async def _rows(answer: Response, last: Any, kind: str, found: Rows, encoding: Encoding) -> Parts:
    """The messages of an answer with rows: as many as they take, `answer` the last of them."""
    try:
        async for part in _laid_out(answer, last, kind, found, encoding):
            yield part
    except RowgateError as error:
        raise _untold(error) from None


async def _laid_out(answer: Response, last: Any, kind: str, found: Rows, encoding: Encoding) -> Parts:
    pieces = list(_pieces(found.columns, found.rows, encoding))
    encoder: ResultEncoder | None = None
    for piece in pieces[:-1]:
        part = Response()
        result: result_pb2.ResultSet = getattr(part, kind).result
        encoder = encoder or encoding.start(found.columns, result)
        await encoding.lay_out(encoder, found.columns, piece, result)
        yield part
    encoder = encoder or encoding.start(found.columns, last.result)
    await encoding.lay_out(encoder, found.columns, pieces[-1], last.result)
    encoder.end(last.result)
    if kind != "insert_rows":
        last.soft_delete_column = found.soft_delete_column
    write_stats(found.stats, last.stats)
    yield answer


def _pieces(columns: tuple[Column, ...], rows: Sequence[Row], encoding: Encoding) -> Iterator[Sequence[Row]]:
    """Rows for one message each: within the encoding's cells, and about 1 MiB; at least one piece."""
    most = max(1, encoding.cells_per_chunk // max(1, len(columns)))
    meter = ResultMeter(columns, ResultLimits())
    start = size = 0
    for index, row in enumerate(rows):
        width = meter.size((row,))
        if index > start and (index - start >= most or size + width > CHUNK_BYTES):
            yield rows[start:index]
            start, size = index, 0
        size += width
    yield rows[start:]
