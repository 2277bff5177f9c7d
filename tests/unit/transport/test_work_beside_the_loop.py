"""What takes long to decode, or to lay out, is done in a thread: every other call would wait for it."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from types import SimpleNamespace
from typing import Any

import pytest

from rowgate.v1 import result_pb2
from rowgate_server.core.batches import StepAnswer, StepResult
from rowgate_server.engines.results import Column, Result, Row, Stats
from rowgate_server.engines.values import Array, ValueType
from rowgate_server.observability.callers import current_caller
from rowgate_server.transport.codec.batches import are_many
from rowgate_server.transport.codec.encodings import ROWS, Encoding
from rowgate_server.transport.decoding import decoded

MANY = 100


class NotingThreads:
    """An encoder that notes on which threads it works."""

    def __init__(self, columns: tuple[Column, ...]) -> None:
        del columns
        self.threads: list[int] = []

    def put(self, rows: Sequence[Row], result: result_pb2.ResultSet) -> None:
        """Note it."""
        del rows, result
        self.threads.append(threading.get_ident())

    def end(self, result: result_pb2.ResultSet) -> None:
        """Nothing ends it."""
        del result


@pytest.fixture(params=[None, ("its caller", 65_536)], ids=["small", "large"])
def call(request: pytest.FixtureRequest) -> Iterator[Any]:
    call = SimpleNamespace(held=request.param)
    token = current_caller.set(call)
    yield call
    current_caller.reset(token)


async def test_a_large_request_is_decoded_beside_the_loop(call: Any) -> None:
    thread, said = await decoded(lambda said: (threading.get_ident(), said), "this")
    assert said == "this"
    assert (thread == threading.get_ident()) == (call.held is None)


def array(*sizes: int) -> Array:
    members: Any = 1
    for size in reversed(sizes):
        members = [members] * size
    return Array(ValueType.INT, members)


@pytest.mark.parametrize(
    ("rows", "beside"),
    [
        ([(1, array(MANY - 4)), (2, None)], False),
        ([(1, array(MANY)), (2, None)], True),
        ([(1, array(MANY // 2)), (2, array(MANY // 2))], True),
        ([(1, array(2, 1, MANY // 2))], True),
        ([(1, array(0)), (2, None)], False),
        ([(1, None)] * (MANY // 2 + 1), True),
        ([(1, Array(ValueType.INT, [None, [1]]))], False),
        ([(1, Array(ValueType.INT, [None, [1] * MANY]))], True),
        ([(1, Array(ValueType.INT, [[], [1] * MANY]))], True),
        ([(1, Array(ValueType.INT, [[], [[]] * MANY]))], True),
        ([(1, Array(ValueType.INT, [[], [[1] * MANY]]))], True),
    ],
)
async def test_many_cells_and_members_of_arrays_are_laid_out_beside_the_loop(rows: list[Row], beside: bool) -> None:
    columns = (Column("id", ValueType.INT), Column("many", ValueType.LIST))
    encoder = NotingThreads(columns)
    await Encoding(NotingThreads, MANY).lay_out(encoder, columns, rows, result_pb2.ResultSet())
    (thread,) = encoder.threads
    assert (thread != threading.get_ident()) == beside


async def test_rows_are_laid_out_a_few_at_a_time_where_they_may_be() -> None:
    columns, rows = (Column("id", ValueType.INT),), [(number,) for number in range(10_000)]
    at_once, by_slices = NotingThreads(columns), NotingThreads(columns)
    await Encoding(NotingThreads, MANY).lay_out(at_once, columns, rows, result_pb2.ResultSet())
    await Encoding(NotingThreads, MANY, appends=True).lay_out(by_slices, columns, rows, result_pb2.ResultSet())
    assert len(at_once.threads) == 1 < len(by_slices.threads)
    result = result_pb2.ResultSet()
    await ROWS.lay_out(ROWS.start(columns, result), columns, rows, result)
    assert [row.values[0].int_value for row in result.rows] == list(range(10_000))


async def test_few_rows_of_long_arrays_are_laid_out_one_by_one() -> None:
    columns = (Column("id", ValueType.INT), Column("many", ValueType.LIST))
    rows = [(number, Array(ValueType.INT, [1] * 5_000)) for number in range(5)]
    rows += [(number, Array(ValueType.INT, [1])) for number in range(5)]
    encoder = NotingThreads(columns)
    await Encoding(NotingThreads, MANY, appends=True).lay_out(encoder, columns, rows, result_pb2.ResultSet())
    assert len(encoder.threads) == 6


@pytest.mark.parametrize(
    ("steps", "rows", "affected", "many"),
    [
        (1, 100, 0, False),
        (100, 10, 0, False),
        (1, 0, 1000, False),
        (1, 10_000, 0, True),
        (10, 1000, 0, True),
        (1000, 0, 0, True),
        (1, 0, 100_000, True),
    ],
)
def test_a_batch_is_laid_out_beside_the_loop_where_it_is_long(steps: int, rows: int, affected: int, many: bool) -> None:
    result = Result((Column("id", ValueType.INT),), [(1,)] * rows, Stats("id", 0, rows))
    answers: list[StepAnswer] = [StepResult(result, [1] * affected)] * steps
    assert are_many(answers, ROWS) == many


def test_the_columns_of_a_batch_count_too() -> None:
    result = Result(tuple(Column(str(number), ValueType.INT) for number in range(1000)), [], Stats("id", 0, 0))
    assert not are_many([StepResult(result)], ROWS)
    assert are_many([StepResult(result)] * 2, ROWS)
