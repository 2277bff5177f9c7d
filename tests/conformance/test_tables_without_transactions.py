"""What a failed statement left behind is never told undone: rows of MyISAM and Aria, and what procedures committed."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

import rowgate
from rowgate.v1 import batch_pb2, query_service_pb2, query_service_pb2_grpc
from support.engines import Engine
from support.transactions import Transact

pytestmark = pytest.mark.engines("mariadb")  # on the others every table has transactions
THREE = "insert into {} (id, name) values (1, 'a'), (2, 'b'), (1, 'c')"


@pytest.fixture(params=["myisam", "aria"])
async def kept(db: rowgate.Database, table: str, request: pytest.FixtureRequest) -> AsyncIterator[str]:
    """A table that keeps what it was given."""
    name = f"{table}_k"
    await db.query(f"create table {name} (id integer primary key, name varchar(40)) engine={request.param}")
    yield name
    await db.query(f"drop table {name}")


async def ids(db: rowgate.Database, table: str) -> list[int]:
    return [row[0] for row in (await db.query(f"select id from {table} order by id")).rows]


@pytest.mark.parametrize("way", ["query", "stream", "independent"])
async def test_a_statement_by_itself_is_told_undone_only_where_it_is(
    db: rowgate.Database, table: str, kept: str, way: str
) -> None:
    outcomes = []
    for name in (table, kept):
        with pytest.raises(rowgate.DuplicateKey) as caught:
            await _run(db, THREE.format(name), way)
        outcomes.append((caught.value.outcome, await ids(db, name)))
    assert outcomes == [("ROLLED_BACK", []), ("UNKNOWN", [1, 2])]


async def _run(db: rowgate.Database, sql: str, way: str) -> None:
    if way == "query":
        await db.query(sql)
    elif way == "stream":
        async with db.stream(sql) as rows:
            async for _ in rows:
                pass
    else:
        (answer,) = await db.batch([sql], mode="independent")
        assert isinstance(answer, rowgate.RowgateError)
        raise answer


async def test_a_trigger_that_writes_elsewhere_is_seen(db: rowgate.Database, table: str, kept: str) -> None:
    await db.query(
        f"create trigger {kept}_t before insert on {table} for each row insert into {kept} (id) values (new.id)"
    )
    with pytest.raises(rowgate.DuplicateKey) as caught:
        await db.query(THREE.format(table))
    assert (caught.value.outcome, await ids(db, table), bool(await ids(db, kept))) == ("UNKNOWN", [], True)


async def test_a_list_of_tables_to_drop_may_be_dropped_in_part(db: rowgate.Database, kept: str) -> None:
    await db.query(f"create table {kept}_2 (a int)")
    with pytest.raises(rowgate.UnknownTable) as caught:
        await db.query(f"drop table {kept}_2, {kept}_3")
    assert caught.value.outcome == "UNKNOWN"


async def test_a_failed_procedure_may_have_done_something(db: rowgate.Database, table: str) -> None:
    await db.query(
        f"create procedure {table}_p() begin insert into {table} (id, name) values (1, 'a'); select * from no; end"
    )
    try:
        with pytest.raises(rowgate.UnknownTable) as caught:
            await db.query(f"call {table}_p()")
        assert (caught.value.outcome, await ids(db, table)) == ("UNKNOWN", [1])
    finally:
        await db.query(f"drop procedure {table}_p")


async def test_a_transaction_tells_what_no_rollback_undoes(
    tx: Transact, db: rowgate.Database, table: str, kept: str
) -> None:
    await tx.sql(f"insert into {table} (id, name) values (1, 'a')")
    undone = await tx.sql(THREE.format(table))
    failed = await tx.sql(THREE.format(kept))
    assert [each.error.metadata["outcome"] for each in (undone, failed)] == ["ROLLED_BACK", "UNKNOWN"]
    ended = await tx.rollback()
    assert (ended.state, ended.error.reason, ended.error.metadata["outcome"]) == ("UNKNOWN", "NOT_SUPPORTED", "UNKNOWN")
    assert (await ids(db, table), await ids(db, kept)) == ([], [1, 2])


async def test_a_savepoint_that_does_not_undo_all_says_so(tx: Transact, table: str, db: rowgate.Database) -> None:
    await db.query(f"create table {table}_m (id integer) engine=myisam")
    try:
        await tx.savepoint("a")
        await tx.sql(f"insert into {table}_m values (1)")
        back = await tx.rollback_to("a")
        assert (back.state, back.error.metadata["outcome"]) == ("ACTIVE", "UNKNOWN")
        assert (await tx.sql(f"insert into {table} (id, name) values (1, 'a')")).state == "ACTIVE"
        assert (await tx.commit()).state == "COMMITTED"
    finally:
        await db.query(f"drop table {table}_m")


@pytest.mark.parametrize("many", [False, True])
async def test_a_batch_tells_which_steps_were_not_undone(
    queries: query_service_pb2_grpc.QueryServiceAsyncStub, engine: Engine, table: str, kept: str, many: bool
) -> None:
    sets = [batch_pb2.ParamSet()] * 2 if many else []
    steps = [f"insert into {kept} (id) values (1)", f"insert into {table} (id, name) values (1, 'a')"] * 2
    request = query_service_pb2.ExecuteBatchRequest(
        database=engine.name,
        steps=[batch_pb2.BatchStep(sql=sql) for sql in steps[1:3]]
        + [batch_pb2.BatchStep(sql=steps[3], param_sets=sets)],
    )
    answer: Any = await queries.ExecuteBatch(request)
    assert [step.skipped for step in answer.steps[:2]] == [batch_pb2.SKIP_REASON_NOT_UNDONE] * 2
    assert (answer.failed_step, answer.steps[2].error.metadata["outcome"]) == (2, "UNKNOWN")


async def test_a_table_write_tells_what_was_not_undone(db: rowgate.Database, kept: str) -> None:
    rows = [{"id": 1}, {"id": 2}, {"id": 1}]
    with pytest.raises(rowgate.DuplicateKey) as caught:
        await db.table(kept).insert(rows)
    assert (caught.value.outcome, await ids(db, kept)) == ("UNKNOWN", [1, 2])


async def test_a_key_that_is_no_key_any_more_is_not_told_undone(db: rowgate.Database, kept: str) -> None:
    await db.table(kept).insert({"id": 1, "name": "a"})
    await db.query(f"alter table {kept} drop primary key")
    await db.query(f"insert into {kept} (id, name) values (1, 'b')")
    with pytest.raises(rowgate.RowgateError) as caught:
        await db.table(kept).update({"name": "c"}, key=1)
    names = {row[0] for row in (await db.query(f"select name from {kept}")).rows}
    assert caught.value.outcome == ("UNKNOWN" if "c" in names else "NOT_RUN")
