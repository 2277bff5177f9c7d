"""Transact on every engine: what lasts, what is undone, and where a transaction stands after each request."""

from __future__ import annotations

from typing import Any

import grpc.aio
import pytest

import rowgate
from rowgate._encode import encode
from rowgate.v1 import query_service_pb2, result_pb2, table_service_pb2, transact_pb2
from support.engines import Engine
from support.transactions import Request, Transact, query

LEVELS = {
    "sqlite": ["SERIALIZABLE"],
    "mariadb": ["READ_UNCOMMITTED", "READ_COMMITTED", "REPEATABLE_READ", "SERIALIZABLE"],
    "postgresql": ["READ_COMMITTED", "REPEATABLE_READ", "SERIALIZABLE"],
}


async def names(db: rowgate.Database, table: str) -> list[Any]:
    return (await db.query(f"select name from {table} order by id")).scalars()


async def test_a_commit_makes_all_of_it_last(tx: Transact, db: rowgate.Database, table: str) -> None:
    assert (await tx.sql(f"insert into {table} (id, name) values (1, ?)", "a")).affected == 1
    assert (await tx.sql(f"insert into {table} (id, name) values (2, ?)", "b")).affected == 1
    assert (await tx.sql(f"select id, name from {table} order by id")).rows == [(1, "a"), (2, "b")]
    assert await names(db, table) == []
    committed = await tx.commit()
    assert (committed.kind, committed.state) == ("commit", "COMMITTED")
    assert await tx.half_close() is grpc.StatusCode.OK
    assert await names(db, table) == ["a", "b"]


async def test_answers_are_numbered_and_come_in_order(tx: Transact, table: str) -> None:
    for number in range(1, 21):
        await tx.send(execute_query=query(f"insert into {table} (id, name) values ({number}, 'x')"))
    answers = [await tx.answer() for _ in range(20)]
    assert [answer.last.sequence for answer in answers] == list(range(2, 22))
    assert {answer.affected for answer in answers} == {1}
    await tx.rollback()


async def test_a_half_close_without_a_commit_rolls_back(tx: Transact, db: rowgate.Database, table: str) -> None:
    await tx.sql(f"insert into {table} (id, name) values (1, 'a')")
    assert await tx.half_close() is grpc.StatusCode.OK
    assert await names(db, table) == []


async def test_a_rollback_undoes_and_ends_it(tx: Transact, db: rowgate.Database, table: str) -> None:
    await tx.sql(f"insert into {table} (id, name) values (1, 'a')")
    assert (await tx.rollback()).state == "ROLLED_BACK"
    late = await tx.sql("select 1 as x")
    assert (late.error.reason, late.error.metadata["outcome"], late.state) == (
        "INVALID_REQUEST",
        "NOT_RUN",
        "ROLLED_BACK",
    )
    assert await names(db, table) == []


async def test_an_error_is_an_answer_with_the_state_that_the_engine_leaves(
    tx: Transact, db: rowgate.Database, engine: Engine, table: str
) -> None:
    await tx.sql(f"insert into {table} (id, name) values (1, 'a')")
    await tx.savepoint("here")
    failed = await tx.sql(f"insert into {table} (id, name) values (1, 'b')")
    assert failed.error.reason == "DUPLICATE_KEY"
    assert failed.error.code == grpc.StatusCode.ALREADY_EXISTS.value[0]
    assert failed.error.metadata["database"] == engine.name
    assert failed.state == ("FAILED" if engine.name == "postgresql" else "ACTIVE")
    if failed.state == "FAILED":
        for answer in (await tx.sql("select 1 as x"), await tx.commit()):
            assert (answer.error.reason, answer.state) == ("INVALID_REQUEST", "FAILED")
    assert (await tx.rollback_to("here")).state == "ACTIVE"
    await tx.sql(f"insert into {table} (id, name) values (2, 'c')")
    assert (await tx.commit()).state == "COMMITTED"
    assert await names(db, table) == ["a", "c"]


async def test_what_the_gateway_refuses_leaves_the_transaction_as_it_was(
    tx: Transact, db: rowgate.Database, table: str
) -> None:
    await tx.sql(f"insert into {table} (id, name) values (1, 'a')")
    refused = [
        await tx.sql("select 1 as x; select 2 as y"),
        await tx.sql("select :x as x"),
        await tx.sql("select 1 as x", max_rows=-1),
        await tx.sql("select 1 as x", read_only=True),
        await tx.sql("select 1 as x", mode=query_service_pb2.QUERY_MODE_PLAN),
        await tx.ask(execute_query=query_service_pb2.ExecuteQueryRequest(database="elsewhere", sql="select 1")),
        await tx.ask(begin=transact_pb2.BeginTransaction()),
        await tx.ask(),
        await tx.savepoint(""),
        await tx.savepoint("x" * 65),
        await tx.rollback_to("nowhere"),
        await tx.release("nowhere"),
    ]
    for answer in refused:
        assert answer.state == "ACTIVE"
        assert answer.error.code == grpc.StatusCode.INVALID_ARGUMENT.value[0], answer.error
    assert [violation.field for violation in refused[5].error.field_violations] == ["execute_query.database"]
    assert (await tx.commit()).state == "COMMITTED"
    assert await names(db, table) == ["a"]


async def test_savepoints_nest(tx: Transact, db: rowgate.Database, table: str) -> None:
    for number, name in enumerate(("outer", "in'ner; --"), 1):
        await tx.savepoint(name)
        await tx.sql(f"insert into {table} (id, name) values ({number}, ?)", name)
    assert (await tx.rollback_to("in'ner; --")).last.rollback_to.name == "in'ner; --"
    await tx.sql(f"insert into {table} (id, name) values (3, 'kept')")
    assert (await tx.release("outer")).state == "ACTIVE"
    assert (await tx.rollback_to("outer")).error.reason == "INVALID_REQUEST"
    await tx.commit()
    assert await names(db, table) == ["outer", "kept"]


async def test_a_large_result_comes_in_chunks_and_the_transaction_goes_on(
    tx: Transact, engine: Engine, table: str
) -> None:
    series = engine.series.format(n=30000)
    await tx.sql(f"insert into {table} (id, name) select i, 'x' from ({series}) as numbers")
    answer = await tx.sql(f"select id, name from {table} order by id")
    assert len(answer.parts) > 3
    assert [row[0] for row in answer.rows] == list(range(1, 30001))
    assert [part.last for part in answer.parts] == [False] * (len(answer.parts) - 1) + [True]
    assert all(part.sequence == answer.last.sequence for part in answer.parts)
    cut = await tx.sql(f"select id, name from {table} order by id", max_rows=2)
    assert len(cut.rows) == 2
    assert cut.last.execute_query.stats.truncated
    assert cut.state == "ACTIVE"
    assert (await tx.sql(f"select count(*) as n from {table}")).rows == [(30000,)]


@pytest.mark.parametrize("level", ["READ_UNCOMMITTED", "READ_COMMITTED", "REPEATABLE_READ", "SERIALIZABLE"])
async def test_an_isolation_level_is_given_or_refused_by_name(
    channel: grpc.aio.Channel, engine: Engine, level: str
) -> None:
    isolation = transact_pb2.IsolationLevel.Value(f"ISOLATION_LEVEL_{level}")
    async with Transact(channel) as tx:
        if level not in LEVELS[engine.name]:
            with pytest.raises(grpc.aio.AioRpcError, match=level.replace("_", " ")) as caught:
                await tx.begin(engine.name, isolation=isolation)
            assert caught.value.code() is grpc.StatusCode.UNIMPLEMENTED
            return
        await tx.begin(engine.name, isolation=isolation)
        # What MariaDB tells here is the session's level, which is what the gateway sets.
        told = {
            "postgresql": "select current_setting('transaction_isolation') as level",
            "mariadb": "select @@tx_isolation as level",
        }.get(engine.name)
        if told:
            ((answer,),) = (await tx.sql(told)).rows
            assert answer.upper().replace(" ", "_").replace("-", "_") == level


async def test_a_read_only_transaction_writes_nothing(
    channel: grpc.aio.Channel, engine: Engine, db: rowgate.Database, table: str
) -> None:
    async with Transact(channel) as tx:
        await tx.begin(engine.name, read_only=True)
        assert (await tx.sql("select 1 as x", read_only=True)).rows == [(1,)]
        refused = await tx.sql(f"insert into {table} (id, name) values (1, 'a')")
        assert refused.error.reason == "READ_ONLY"
    await db.query(f"insert into {table} (id, name) values (2, 'b')")
    assert await names(db, table) == ["b"]


async def test_deferrable_is_postgresqls(channel: grpc.aio.Channel, engine: Engine) -> None:
    how = {"isolation": transact_pb2.ISOLATION_LEVEL_SERIALIZABLE, "read_only": True, "deferrable": True}
    async with Transact(channel) as tx:
        if engine.name != "postgresql":
            with pytest.raises(grpc.aio.AioRpcError) as caught:
                await tx.begin(engine.name, **how)
            assert caught.value.code() is grpc.StatusCode.UNIMPLEMENTED
            assert engine.name in (caught.value.details() or "").lower()
            return
        await tx.begin(engine.name, **how)
        assert (await tx.sql("select current_setting('transaction_deferrable') as d")).rows == [("on",)]
    async with Transact(channel) as tx:
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await tx.begin(engine.name, deferrable=True)
        assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT


async def test_a_lock_is_waited_for_no_longer_than_begin_says(
    channel: grpc.aio.Channel, engine: Engine, db: rowgate.Database, table: str
) -> None:
    await db.query(f"insert into {table} (id, name) values (1, 'a')")
    update = f"update {table} set name = 'b' where id = 1"
    async with Transact(channel) as holder, Transact(channel) as waiter:
        await holder.begin(engine.name)
        await holder.sql(update)
        begin = transact_pb2.BeginTransaction(database=engine.name)
        begin.lock_timeout.FromMilliseconds(300)
        await waiter.ask(begin=begin)
        late = await waiter.sql(update)
        assert late.error.reason == "LOCK_TIMEOUT"
        assert late.error.code == grpc.StatusCode.ABORTED.value[0]
        assert late.state == {"postgresql": "FAILED"}.get(engine.name, "ACTIVE" if engine.name == "mariadb" else
                                                          "ROLLED_BACK")  # fmt: skip


async def test_tables_are_read_and_written_within_it(tx: Transact, db: rowgate.Database, table: str) -> None:
    rows = [table_service_pb2.RowValues(values={"id": encode(n), "name": encode(f"n{n}")}) for n in (1, 2, 3)]
    inserted = await tx.ask(insert_rows=table_service_pb2.InsertRowsRequest(table=table, rows=rows))
    assert (inserted.rows, inserted.affected) == ([(1,), (2,), (3,)], 3)
    key = {"id": encode(2)}
    updated = await tx.ask(update_rows=table_service_pb2.UpdateRowsRequest(
        table=table, key=key, values={"name": encode("new")}, returning=["name"]))  # fmt: skip
    assert updated.rows == [("new",)]
    deleted = await tx.ask(delete_rows=table_service_pb2.DeleteRowsRequest(table=table, key={"id": encode(1)}))
    assert deleted.affected == 1
    got = await tx.ask(get_row=table_service_pb2.GetRowRequest(table=table, key=key, columns=["id", "name"]))
    assert got.rows == [(2, "new")]
    listed = await tx.ask(list_rows=table_service_pb2.ListRowsRequest(table=table, columns=["id"], page_size=1))
    assert listed.rows == [(2,)]
    assert listed.last.list_rows.next_page_token
    counted = await tx.ask(count_rows=table_service_pb2.CountRowsRequest(table=table))
    assert counted.last.count_rows.count == 2
    assert await names(db, table) == []
    await tx.commit()
    assert await names(db, table) == ["new", "n3"]


async def test_a_table_request_that_fails_undoes_only_itself(tx: Transact, db: rowgate.Database, table: str) -> None:
    row = {"id": encode(1), "name": encode("a")}
    await tx.ask(insert_rows=table_service_pb2.InsertRowsRequest(
        table=table, rows=[table_service_pb2.RowValues(values=row)]))  # fmt: skip
    many = await tx.ask(update_rows=table_service_pb2.UpdateRowsRequest(
        table=table, values={"name": encode("b")}, allow_unfiltered=True, max_affected=1, dry_run=True))  # fmt: skip
    assert (many.affected, many.state) == (1, "ACTIVE")
    await tx.sql(f"insert into {table} (id, name) values (2, 'c')")
    refused = await tx.ask(update_rows=table_service_pb2.UpdateRowsRequest(
        table=table, values={"name": encode("b")}, allow_unfiltered=True, max_affected=1))  # fmt: skip
    assert (refused.error.reason, refused.state) == ("TOO_MANY_ROWS_AFFECTED", "ACTIVE")
    missing = await tx.ask(get_row=table_service_pb2.GetRowRequest(table=table, key={"id": encode(9)}))
    assert (missing.error.reason, missing.state) == ("ROW_NOT_FOUND", "ACTIVE")
    unknown = await tx.ask(list_rows=table_service_pb2.ListRowsRequest(table=table, columns=["nome"]))
    assert (unknown.error.reason, unknown.state) == ("UNKNOWN_COLUMN", "ACTIVE")
    assert [each.field for each in unknown.error.field_violations] == ["list_rows.columns[0]"]
    await tx.commit()
    assert await names(db, table) == ["a", "c"]


@pytest.mark.parametrize("encoding", ["ROWS", "COLUMNS", "ARROW"])
async def test_results_come_in_every_encoding(tx: Transact, encoding: str) -> None:
    number = result_pb2.ResultEncoding.Value(f"RESULT_ENCODING_{encoding}")
    answer = await tx.sql("select 1 as x", encoding=number)
    field = {"ROWS": "rows", "COLUMNS": "column_batch", "ARROW": "arrow_ipc"}[encoding]
    assert any(field == told.name for part in answer.parts for told, _ in part.execute_query.result.ListFields())


async def test_the_first_request_is_begin(channel: grpc.aio.Channel) -> None:
    for request in (Request(execute_query=query("select 1")), Request()):
        async with Transact(channel) as tx:
            await tx.call.write(request)
            with pytest.raises(grpc.aio.AioRpcError, match="first request is not begin") as caught:
                await tx.answer()
            assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    async with Transact(channel) as tx:
        assert await tx.half_close() is grpc.StatusCode.OK


async def test_a_second_commit_is_refused_and_changes_nothing(tx: Transact, db: rowgate.Database, table: str) -> None:
    await tx.sql(f"insert into {table} (id, name) values (1, 'a')")
    await tx.commit()
    for answer in (await tx.commit(), await tx.sql("select 1 as x"), await tx.savepoint("x"), await tx.rollback()):
        assert (answer.error.reason, answer.state) == ("INVALID_REQUEST", "COMMITTED")
    assert await names(db, table) == ["a"]


async def test_sessions_leave_nothing_to_the_next_transaction(
    channel: grpc.aio.Channel, engine: Engine, table: str
) -> None:
    for _ in range(4):
        async with Transact(channel) as tx:
            begin = transact_pb2.BeginTransaction(database=engine.name, read_only=True)
            begin.lock_timeout.FromMilliseconds(1500)
            await tx.ask(begin=begin)
            await tx.sql("select 1 as x")
            await tx.half_close()
        async with Transact(channel) as tx:
            await tx.begin(engine.name)
            told = {"postgresql": ("show lock_timeout", "0"), "mariadb": ("select @@innodb_lock_wait_timeout as x", 50)}
            if engine.name in told:
                sql, usual = told[engine.name]
                assert (await tx.sql(sql)).rows == [(usual,)]
            assert (await tx.sql(f"insert into {table} (id, name) values (1, 'a')")).affected == 1
