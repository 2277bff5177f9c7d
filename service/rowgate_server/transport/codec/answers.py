"""A whole result in one answer, laid out as the bytes that go on the wire."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, TypeVar, cast

from rowgate.v1 import result_pb2
from rowgate_server.engines.results import Column, Row, result_too_large
from rowgate_server.transport.codec.encodings import Encoding, heading


class _Message(Protocol):
    def SerializeToString(self) -> bytes: ...


class _Answer(_Message, Protocol):
    """A message whose field number 1 is its `result`."""

    @property
    def result(self) -> result_pb2.ResultSet: ...


_T = TypeVar("_T", bound=_Answer)
_M = TypeVar("_M", bound=_Message)


async def with_result(
    answer: _T,
    encoding: Encoding,
    columns: tuple[Column, ...],
    rows: Sequence[Row],
    largest: int,
    *,
    committed: bool = False,
) -> _T:
    """The answer with its result.

    It is bytes by now, which the interceptor chain passes on as they are; the type is the one that the stubs ask of a
    servicer.

    Args:
        answer: all but the result.
        encoding: how the result is laid out.
        columns: the result's.
        rows: the result's.
        largest: bytes of the largest message that the server sends.
        committed: whether what was asked is done for certain, and lasts.

    Raises:
        RowgateError: RESULT_TOO_LARGE for what gRPC would refuse to send: cells weigh more on the wire than their
            content.
    """
    encoder = encoding.encoder(columns)
    await encoding.lay_out(encoder, columns, rows, answer.result)
    encoder.end(answer.result)
    return sealed(answer, heading(columns), largest, committed=committed)


def sealed(answer: _M, head: bytes, largest: int, *, committed: bool = False) -> _M:
    """The answer as bytes, behind those of `heading`, or of nothing.

    Raises:
        RowgateError: RESULT_TOO_LARGE.
    """
    octets = head + answer.SerializeToString()
    if len(octets) > largest:
        raise result_too_large(f"{largest} bytes in a message", committed=committed)
    return cast("_M", octets)
