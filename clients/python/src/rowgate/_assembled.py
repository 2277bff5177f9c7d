"""One message of an answer that came in several."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from rowgate.v1.query_service_pb2 import TransactResponse
from rowgate.v1.result_pb2 import ColumnBatch, ResultSet


def assembled(parts: Sequence[TransactResponse]) -> Any:
    """The answer that the parts are: the last one, with the rows of all.

    It is as large as all of them together: what is too large for that is to be streamed.
    """
    answers = [getattr(part, part.WhichOneof("answer") or "error") for part in parts]
    answer = answers[-1]
    if len(answers) > 1:
        answer.result.CopyFrom(_one([each.result for each in answers]))
    return answer


def _one(results: Sequence[ResultSet]) -> ResultSet:
    """A result of which the first has the columns, and each has some rows."""
    whole = ResultSet()
    for each in results:
        whole.columns.extend(each.columns)
        whole.rows.extend(each.rows)
    packed = [each.column_batch for each in results if each.HasField("column_batch")]
    if packed:
        _pack(whole.column_batch, packed)
    return whole


def _pack(whole: ColumnBatch, batches: Sequence[ColumnBatch]) -> None:
    whole.CopyFrom(batches[0])
    for batch in batches[1:]:
        whole.row_count += batch.row_count
        for vector, more in zip(whole.vectors, batch.vectors, strict=True):
            vector.MergeFrom(more)
    for at, vector in enumerate(whole.vectors):
        nulls = [(batch.vectors[at].nulls, batch.row_count) for batch in batches]
        vector.nulls = _strung(nulls) if any(bits for bits, _ in nulls) else b""


def _strung(bitmaps: Sequence[tuple[bytes, int]]) -> bytes:
    """Bitmaps one behind the other, each with its number of bits: bytes do not end where rows do."""
    bits = at = 0
    for bitmap, count in bitmaps:
        bits |= int.from_bytes(bitmap, "little") << at
        at += count
    return bits.to_bytes((at + 7) // 8, "little")
