"""The encodings of results: which the gateway knows, and what each costs."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from rowgate.v1 import query_service_pb2, result_pb2
from rowgate_server.engines.beside import Slices, slices_beside
from rowgate_server.engines.chunks import CHUNK_CELLS
from rowgate_server.engines.results import Column, Columns, Row, cells
from rowgate_server.engines.values import ValueType
from rowgate_server.errors import Outcome, Reason, RowgateError
from rowgate_server.transport.codec.columns import ColumnsEncoder
from rowgate_server.transport.codec.rows import RowsEncoder

_CELLS_AT_ONCE = 4096
"""With the members of arrays; others wait for so many, and for a row that has more."""


class ResultEncoder(Protocol):
    """Lays out one result, message by message."""

    def put(self, rows: Sequence[Row], result: result_pb2.ResultSet) -> None:
        """Put the next rows, or none, into the next message."""

    def end(self, result: result_pb2.ResultSet) -> None:
        """Put into the last message what ends the result."""


@dataclass(frozen=True, slots=True)
class Encoding:
    """One encoding.

    Attributes:
        encoder: makes what lays out one result.
        cells_per_chunk: cells whose layout takes a few milliseconds, for so long it holds the event loop.
        appends: rows may be put into a message one after another; otherwise all at once.
    """

    encoder: Callable[[tuple[Column, ...]], ResultEncoder]
    cells_per_chunk: int
    appends: bool = False

    def start(self, columns: tuple[Column, ...], result: result_pb2.ResultSet) -> ResultEncoder:
        """Describe the columns in the first message, and answer what puts rows into it and all others."""
        result.MergeFrom(_described(columns).message)
        return self.encoder(columns)

    async def lay_out(
        self, encoder: ResultEncoder, columns: tuple[Column, ...], rows: Sequence[Row], result: result_pb2.ResultSet
    ) -> None:
        """Put rows into a message; in a thread where so many cells, or members of arrays, would hold up other calls."""
        if cells(columns, rows) > self.cells_per_chunk:
            await slices_beside(self.put(encoder, columns, rows, result))
        else:
            encoder.put(rows, result)

    def put(
        self, encoder: ResultEncoder, columns: tuple[Column, ...], rows: Sequence[Row], result: result_pb2.ResultSet
    ) -> Slices[None]:
        """Put rows, or none, into a message."""
        for some in _cut(columns, rows) if self.appends and rows else (rows,):
            encoder.put(some, result)
            yield


def _cut(columns: tuple[Column, ...], rows: Sequence[Row]) -> Iterator[Sequence[Row]]:
    """Rows of so many cells together, or single ones."""
    if not any(column.type is ValueType.LIST for column in columns):
        most = max(1, _CELLS_AT_ONCE // max(1, len(columns)))
        yield from (rows[start : start + most] for start in range(0, len(rows), most))
        return
    start = found = 0
    for end, row in enumerate(rows):
        here = cells(columns, (row,))
        if found and found + here > _CELLS_AT_ONCE:
            yield rows[start:end]
            start, found = end, 0
        found += here
    yield rows[start:]


class _Described(NamedTuple):
    message: result_pb2.ResultSet
    answer: bytes


def heading(columns: tuple[Column, ...]) -> bytes:
    """The columns as the bytes of an answer that has them, and nothing else, in its field `result`, number 1.

    Protobuf's parsers merge what follows (https://protobuf.dev/programming-guides/encoding/#last-one-wins), so an
    answer without them is put behind these, which were laid out once for all calls of a statement.
    """
    return _described(columns).answer


def _described(columns: tuple[Column, ...]) -> _Described:
    if not isinstance(columns, Columns):
        return _describe(columns)
    if columns.made is None:
        columns.made = _describe(columns)
    made: _Described = columns.made
    return made


def _describe(columns: tuple[Column, ...]) -> _Described:
    described = [
        result_pb2.Column(
            name=column.name,
            type=result_pb2.ColumnType.ValueType(column.type),
            database_type=column.database_type,
            nullable=column.nullable,
            precision=column.precision,
            scale=column.scale,
            table=column.table,
        )
        for column in columns
    ]
    message = result_pb2.ResultSet(columns=described)
    return _Described(message, query_service_pb2.ExecuteQueryResponse(result=message).SerializeToString())


ROWS = Encoding(RowsEncoder, cells_per_chunk=CHUNK_CELLS, appends=True)
# A cell costs a tenth of what it costs in ROWS, but for SQLite's, which cost the same: its columns tell no type.
COLUMNS = Encoding(ColumnsEncoder, cells_per_chunk=2 * CHUNK_CELLS)

_ENCODINGS: dict[int, Encoding] = {
    result_pb2.RESULT_ENCODING_UNSPECIFIED: ROWS,
    result_pb2.RESULT_ENCODING_ROWS: ROWS,
    result_pb2.RESULT_ENCODING_COLUMNS: COLUMNS,
}


def choose_encoding(number: int, field: str = "options.encoding") -> Encoding:
    """The encoding that a request asks for, in that field.

    Raises:
        RowgateError: NOT_SUPPORTED.
    """
    if number == result_pb2.RESULT_ENCODING_ARROW:
        return _arrow(field)
    found = _ENCODINGS.get(number)
    if found is None:
        raise _not_supported("the gateway does not know this encoding; ROWS, COLUMNS and ARROW it does", field)
    return found


def _arrow(field: str) -> Encoding:
    """Known before the statement runs; imported by the first call that asks, at 60 MB and a tenth of a second."""
    try:
        importlib.import_module("pyarrow")
    except ImportError:
        raise _not_supported(
            "the gateway was installed without Arrow",
            field,
            hint="pip install './service[arrow]' in the gateway's checkout",
        ) from None
    from rowgate_server.transport.codec.arrow import ArrowEncoder

    return Encoding(ArrowEncoder, cells_per_chunk=2 * CHUNK_CELLS)


def _not_supported(message: str, field: str, hint: str | None = None) -> RowgateError:
    return RowgateError(Reason.NOT_SUPPORTED, message, field=field, outcome=Outcome.NOT_RUN, hint=hint)
