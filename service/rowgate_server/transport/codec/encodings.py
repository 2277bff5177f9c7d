"""The encodings of results: which the gateway knows, and what each costs."""

from __future__ import annotations

import asyncio
import importlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from rowgate.v1 import result_pb2
from rowgate_server.engines.chunks import CHUNK_CELLS
from rowgate_server.engines.results import Column, Columns, Row
from rowgate_server.errors import Outcome, Reason, RowgateError
from rowgate_server.transport.codec.columns import ColumnsEncoder
from rowgate_server.transport.codec.rows import RowsEncoder


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
    """

    encoder: Callable[[tuple[Column, ...]], ResultEncoder]
    cells_per_chunk: int

    def start(self, columns: tuple[Column, ...], result: result_pb2.ResultSet) -> ResultEncoder:
        """Describe the columns in the first message, and answer what puts rows into it and all others."""
        if not isinstance(columns, Columns):
            result.MergeFrom(_described(columns))
        else:
            if columns.made is None:
                columns.made = _described(columns)
            result.MergeFrom(columns.made)
        return self.encoder(columns)


def _described(columns: tuple[Column, ...]) -> result_pb2.ResultSet:
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
    return result_pb2.ResultSet(columns=described)


ROWS = Encoding(RowsEncoder, cells_per_chunk=CHUNK_CELLS)
# A cell costs a tenth of what it costs in ROWS, but for SQLite's, which cost the same: its columns tell no type.
COLUMNS = Encoding(ColumnsEncoder, cells_per_chunk=4 * CHUNK_CELLS)

_ENCODINGS: dict[int, Encoding] = {
    result_pb2.RESULT_ENCODING_UNSPECIFIED: ROWS,
    result_pb2.RESULT_ENCODING_ROWS: ROWS,
    result_pb2.RESULT_ENCODING_COLUMNS: COLUMNS,
}


async def lay_out(
    encoding: Encoding, columns: tuple[Column, ...], rows: Sequence[Row], result: result_pb2.ResultSet
) -> None:
    """A whole result in one message; in a thread where so many cells would hold up every other call."""
    result.SetInParent()
    encoder = encoding.start(columns, result)
    if len(rows) * len(columns) > encoding.cells_per_chunk:
        await asyncio.to_thread(encoder.put, rows, result)
    else:
        encoder.put(rows, result)
    encoder.end(result)


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
            "the gateway was installed without Arrow", field, hint="pip install rowgate-server[arrow]"
        ) from None
    from rowgate_server.transport.codec.arrow import ArrowEncoder

    return Encoding(ArrowEncoder, cells_per_chunk=4 * CHUNK_CELLS)


def _not_supported(message: str, field: str, hint: str | None = None) -> RowgateError:
    return RowgateError(Reason.NOT_SUPPORTED, message, field=field, outcome=Outcome.NOT_RUN, hint=hint)
