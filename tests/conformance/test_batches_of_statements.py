"""ExecuteBatch on every engine: all or nothing, or each by itself; many sets of values, and rows counted right."""

from __future__ import annotations

import asyncio
from typing import Any

import grpc.aio
import pytest

import rowgate
from rowgate._decode import decode_row
from rowgate._encode import encode
from rowgate._status import error_from_rpc
from rowgate.v1 import batch_pb2, query_service_pb2, query_service_pb2_grpc
from support.engines import Engine
from support.transactions import Transact

LOCKED = {
    "mariadb": "select count(*) = 0 as x from information_schema.processlist where info like 'update {table} %'",
    "postgresql": "select count(*) = 0 as x from pg_stat_activity where wait_event_type = 'Lock'"
    " and query like 'update {table} %'",
}
"""Whether no update of the table waits: none but for a lock takes so long as to be seen."""
ATOMIC, INDEPENDENT = batch_pb2.BATCH_MODE_ATOMIC, batch_pb2.BATCH_MODE_INDEPENDENT


class Batches:
    def __init__(self, queries: query_service_pb2_grpc.QueryServiceAsyncStub, database: str) -> None:
        self._stub: Any = queries
        self._database = database

    async def run(self, *steps: Any, mode: Any = ATOMIC, **options: Any) -> Any:
        request = query_service_pb2.ExecuteBatchRequest(
            database=self._database,
            steps=[step(each) if isinstance(each, str) else each for each in steps],
            mode=mode,
            options=query_service_pb2.QueryOptions(**options) if options else None,
        )
        try:
            return await self._stub.ExecuteBatch(request)
        except grpc.aio.AioRpcError as error:
            raise error_from_rpc(error) from None


def step(sql: str, *values: Any, many: Any = ()) -> batch_pb2.BatchStep:
    sets = [batch_pb2.ParamSet(positional_params=[encode(value) for value in row]) for row in many]
    return batch_pb2.BatchStep(sql=sql, positional_params=[encode(value) for value in values], param_sets=sets)


def told(answer: Any) -> list[str]:
    return [
        {"result": "result", "error": each.error.reason, "skipped": batch_pb2.SkipReason.Name(each.skipped)}[
            each.WhichOneof("answer")
        ]
        for each in answer.steps
    ]


@pytest.fixture
def batches(queries: query_service_pb2_grpc.QueryServiceAsyncStub, engine: Engine) -> Batches:
    return Batches(queries, engine.name)


async def names(db: rowgate.Database, table: str) -> list[Any]:
    return (await db.query(f"select name from {table} order by id")).scalars()


async def test_a_batch_answers_step_by_step(batches: Batches, db: rowgate.Database, table: str) -> None:
    answer = await batches.run(
        step(f"insert into {table} (id, name) values (1, ?)", "a"),
        f"update {table} set name = 'b' where id = 1",
        f"select id, name from {table}",
    )
    assert told(answer) == ["result"] * 3
    assert not answer.HasField("failed_step")
    assert [answer.steps[index].result.stats.affected_rows for index in (0, 1)] == [1, 1]
    assert [decode_row(row.values) for row in answer.steps[2].result.result.rows] == [(1, "b")]
    assert await names(db, table) == ["b"]


async def test_of_an_atomic_batch_all_is_done_or_nothing(batches: Batches, db: rowgate.Database, table: str) -> None:
    insert = f"insert into {table} (id, name) values (1, 'a')"
    answer = await batches.run(insert, insert, insert)
    assert told(answer) == ["SKIP_REASON_ROLLED_BACK", "DUPLICATE_KEY", "SKIP_REASON_NOT_RUN"]
    assert answer.failed_step == 1
    assert answer.steps[1].error.metadata["step"] == "1"
    assert await names(db, table) == []


async def test_an_atomic_batch_with_a_malformed_step_runs_nothing(
    batches: Batches, db: rowgate.Database, table: str
) -> None:
    answer = await batches.run(f"insert into {table} (id, name) values (1, 'a')", "select :x as x", "select 1 as x")
    assert told(answer) == ["SKIP_REASON_NOT_RUN", "INVALID_PARAMETER", "SKIP_REASON_NOT_RUN"]
    assert await names(db, table) == []


async def test_independent_steps_are_each_their_own(batches: Batches, db: rowgate.Database, table: str) -> None:
    insert = f"insert into {table} (id, name) values (?, 'a')"
    answer = await batches.run(
        step(insert, 1), step(insert, 1), step(insert, many=[(2,), (3,), (3,)]), step(insert, 4), mode=INDEPENDENT
    )
    assert told(answer) == ["result", "DUPLICATE_KEY", "DUPLICATE_KEY", "result"]
    assert answer.failed_step == 1
    assert len(await names(db, table)) == 2


async def test_many_sets_are_run_together_and_counted_right(
    batches: Batches, db: rowgate.Database, engine: Engine, table: str
) -> None:
    rows = [(number, f"it's {number} \\") for number in range(2000)]
    answer = await batches.run(
        step(f"insert into {table} (id, name) values (?, ?)", many=rows),
        step(f"update {table} set name = ? where id >= ? and id < ?", many=[("x", 0, 10), ("y", 5, 6), ("z", -5, 0)]),
        step(f"delete from {table} where id = ?", many=[(1,), (1,), (1999,)]),
    )
    assert [each.result.stats.affected_rows for each in answer.steps] == [2000, 11, 2]
    by_run = [list(each.result.affected_rows) for each in answer.steps]
    assert by_run == ([[], [], []] if engine.name == "sqlite" else [[1] * 2000, [10, 1, 0], [1, 0, 1]])
    assert (await db.query(f"select count(*) as n from {table}")).scalar() == 1998
    assert (await db.query(f"select name from {table} where id = 77")).scalar() == "it's 77 \\"


async def test_of_many_sets_all_are_run_or_none(batches: Batches, db: rowgate.Database, table: str) -> None:
    rows = [(number % 700, "x") for number in range(1000)]
    answer = await batches.run(f"delete from {table}", step(f"insert into {table} (id, name) values (?, ?)", many=rows))
    assert told(answer) == ["SKIP_REASON_ROLLED_BACK", "DUPLICATE_KEY"]
    assert await names(db, table) == []


async def test_values_of_several_types_go_into_one_statement(
    batches: Batches, db: rowgate.Database, table: str
) -> None:
    insert = f"insert into {table} (id, name, amount) values (?, ?, ?)"
    answer = await batches.run(step(insert, many=[(1, "a", 1), (2, "b", None), (3, "c", "2.50")]))
    assert told(answer) == ["result"], answer
    assert answer.steps[0].result.stats.affected_rows == 3
    assert len(await names(db, table)) == 3


@pytest.mark.parametrize("count", [0, 1001, 100_000])
async def test_too_few_or_too_many_steps_are_refused(batches: Batches, count: int) -> None:
    with pytest.raises(rowgate.InvalidRequest, match="1 to 1000 steps"):
        await batches.run(*[batch_pb2.BatchStep(sql="select 1")] * count)


async def test_what_is_not_for_batches_is_refused(batches: Batches, engine: Engine, table: str) -> None:
    assert told(await batches.run(step("select ? as x", many=[(1,), (2,)]))) == ["INVALID_REQUEST"]
    both = batch_pb2.BatchStep(sql="select 1", params={"x": encode(1)}, param_sets=[batch_pb2.ParamSet()])
    with pytest.raises(rowgate.InvalidRequest) as caught:
        await batches.run(both)
    assert caught.value.field_violations[0].field == "steps[0].param_sets"
    with pytest.raises(rowgate.InvalidRequest):
        await batches.run("select 1", mode=query_service_pb2.QUERY_MODE_PLAN + 7)
    assert told(await batches.run("commit")) == ["NOT_SUPPORTED"]
    if engine.name == "mariadb":
        assert told(await batches.run(f"alter table {table} add column b int")) == ["NOT_SUPPORTED"]


async def test_a_read_only_batch_writes_nothing(batches: Batches, db: rowgate.Database, table: str) -> None:
    insert = f"insert into {table} (id, name) values (1, 'a')"
    for mode in (ATOMIC, INDEPENDENT):
        assert told(await batches.run("select 1 as x", insert, mode=mode, read_only=True))[1] == "READ_ONLY"
    assert await names(db, table) == []


@pytest.mark.engines("mariadb", "postgresql")  # SQLite has one writer at a time
async def test_a_deadlock_among_many_runs_leaves_none_of_them(
    batches: Batches, db: rowgate.Database, engine: Engine, table: str, channel: grpc.aio.Channel
) -> None:
    """What MariaDB runs behind the one that met with the deadlock is undone too: it was in the pipeline already."""
    await db.query(f"insert into {table} (id, name) values (1, 'a'), (2, 'a'), (3, 'a')")
    update = f"update {table} set name = ? where id = ?"
    async with Transact(channel) as tx:
        await tx.begin(engine.name)
        await tx.sql(f"update {table} set name = 'o' where id = 2")
        for number in range(100, 120):
            # With so many changes it is the batch that MariaDB gives up.
            await tx.sql(f"insert into {table} (id, name) values ({number}, 'o')")
        running = asyncio.create_task(batches.run(step(update, many=[("b", 1), ("b", 2), ("b", 3), ("b", 1)])))
        async with asyncio.timeout(20):
            while (await db.query(LOCKED[engine.name].format(table=table))).scalar():  # noqa: ASYNC110 - of another process
                await asyncio.sleep(0.02)
        mine = await tx.sql(f"update {table} set name = 'o' where id = 1")
        await (tx.rollback() if mine.kind == "error" else tx.commit())
        ended = told(await running)
    assert (ended == ["DEADLOCK"]) is (mine.kind != "error")
    names_of = (await db.query(f"select name from {table} where id in (1, 2, 3) order by id")).scalars()
    assert names_of == (["o", "o", "a"] if mine.kind != "error" else ["b", "b", "b"])


async def test_a_column_that_a_batch_adds_is_found_at_once(batches: Batches, db: rowgate.Database, table: str) -> None:
    assert await db.table(table).all() == []  # the table is known from now on
    insert = f"insert into {table} (id, name, added) values (1, 'a', 7)"
    answer = await batches.run(f"alter table {table} add column added integer", insert, mode=INDEPENDENT)
    assert told(answer) == ["result", "result"]
    (row,) = await db.table(table).all()
    assert row["added"] == 7
