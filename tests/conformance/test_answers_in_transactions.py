"""How many messages an answer of a transaction takes: as few as its rows allow."""

from __future__ import annotations

import pytest

from rowgate.v1 import result_pb2
from support.engines import Engine
from support.transactions import Transact


@pytest.mark.parametrize("encoding", ["ROWS", "COLUMNS", "ARROW"])
async def test_a_small_result_and_its_figures_are_one_message(tx: Transact, engine: Engine, encoding: str) -> None:
    number = result_pb2.ResultEncoding.Value(f"RESULT_ENCODING_{encoding}")
    for sql, rows in ((engine.series.format(n=3), 3), ("select 1 as x where 1 = 0", 0)):
        # What takes longer than 50 ms to come is not waited for.
        answers = [await tx.sql(sql, encoding=number) for _ in range(5)]
        answer = min(answers, key=lambda each: len(each.parts))
        assert (len(answer.parts), answer.last.execute_query.stats.row_count) == (1, rows)
        assert len(answer.last.execute_query.result.columns) == 1


async def test_a_result_of_several_messages_has_its_figures_with_its_last_rows(tx: Transact, engine: Engine) -> None:
    answers = [await tx.sql(engine.series.format(n=20000)) for _ in range(3)]
    for answer in answers:
        assert len(answer.rows) == 20000
        assert [part.execute_query.HasField("stats") for part in answer.parts] == [part.last for part in answer.parts]
    assert any(answer.parts[-1].execute_query.result.rows for answer in answers)
