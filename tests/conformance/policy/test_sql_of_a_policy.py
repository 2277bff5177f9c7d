"""Raw SQL under a policy: for databases as a whole, by what it does; and how much of everything a role may have."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

import rowgate
from support.engines import Engine
from support.policed import Caller, Policed, rows, values

Q, T = "QueryService/", "TableService/"


async def _refused(call: Any) -> rowgate.RowgateError:
    with pytest.raises(rowgate.RowgateError) as caught:
        await call
    return caught.value


def _asked(engine: Engine, sql: str, **options: Any) -> list[tuple[str, dict[str, Any]]]:
    """The same statement in every way that a caller has."""
    request = {"database": engine.name, "sql": sql, "options": options}
    batch = {"database": engine.name, "steps": [{"sql": sql}]}
    return [
        (f"{Q}ExecuteQuery", request),
        (f"{Q}StreamQuery", request),
        (f"{Q}ExecuteQuery", {**request, "options": {**options, "mode": "QUERY_MODE_PROFILE"}}),
        (f"{Q}ExecuteBatch", batch),
        (f"{Q}ExecuteBatch", {**batch, "mode": "BATCH_MODE_INDEPENDENT"}),
    ]


async def test_table_rules_allow_no_sql(gateway_with_policy: Policed, engine: Engine, notes: str) -> None:
    member = gateway_with_policy.caller("alice", "member", tenant="acme")
    for method, request in [
        *_asked(engine, f"select * from {notes}"),
        *_asked(engine, "select 1", read_only=True),
        (f"{Q}ExecuteQuery", {"database": engine.name, "sql": "select 1", "options": {"mode": "QUERY_MODE_DESCRIBE"}}),
        (f"{Q}ExecuteQuery", {"database": engine.name, "sql": "select 1", "options": {"mode": "QUERY_MODE_PLAN"}}),
    ]:
        assert isinstance(await _refused(member(method, request)), rowgate.PermissionDenied), method


async def test_whoever_may_read_by_sql_writes_nothing_by_it(
    gateway_with_policy: Policed, root: Caller, engine: Engine, notes: str
) -> None:
    reader = gateway_with_policy.caller("r", "sql_reader")
    answer = await reader(f"{Q}ExecuteQuery", {"database": engine.name, "sql": f"select count(*) as n from {notes}"})
    assert rows(answer) == [(6,)]
    for sql in (f"delete from {notes}", f"update {notes} set body = 'x'", "create table gained (id int)", "begin"):
        for method, request in _asked(engine, sql):
            try:
                answer = await reader(method, request)
            except rowgate.RowgateError as error:
                assert isinstance(error, (rowgate.PermissionDenied, rowgate.ReadOnly)), (sql, method)  # noqa: PT017 - a batch has it in its answer
            else:
                assert "PERMISSION_DENIED" in str(answer), (sql, method)
    # In a transaction that may write, nothing but words would keep its SQL from writing.
    answers = await reader.transact({"begin": {"database": engine.name}}, {"execute_query": {"sql": "select 1 as one"}})
    assert answers[1]["error"]["reason"] == "PERMISSION_DENIED"
    answers = await reader.transact(
        {"begin": {"database": engine.name, "read_only": True}}, {"execute_query": {"sql": "select 1 as one"}}
    )
    assert rows(answers[1]["execute_query"]) == [(1,)]
    assert rows(await root(f"{Q}ExecuteQuery", {"database": engine.name, "sql": f"select count(*) from {notes}"})) == [
        (6,)
    ]


async def test_whoever_may_write_by_sql_makes_no_table(
    gateway_with_policy: Policed, engine: Engine, notes: str
) -> None:
    writer = gateway_with_policy.caller("w", "sql_writer")
    await writer(f"{Q}ExecuteQuery", {"database": engine.name, "sql": f"update {notes} set body = 'x' where id = 1"})
    for sql in ("create table gained (id int)", f"drop table {notes}", f"alter table {notes} add y int"):
        error = await _refused(writer(f"{Q}ExecuteQuery", {"database": engine.name, "sql": sql}))
        assert isinstance(error, rowgate.PermissionDenied), sql
    error = await _refused(writer(f"{T}ListRows", {"database": engine.name, "table": notes}))
    assert isinstance(error, rowgate.PermissionDenied), "SQL is no rule about tables"


async def test_rows_and_time_of_a_call_are_bounded_by_the_role(
    gateway_with_policy: Policed, engine: Engine, notes: str
) -> None:
    slow = gateway_with_policy.caller("s", "slow")
    page = await slow(f"{T}ListRows", {"database": engine.name, "table": notes, "page_size": 100})
    assert len(rows(page)) == 3
    assert page["next_page_token"]
    for method, request in _asked(engine, f"select * from {notes}")[:2]:
        assert isinstance(await _refused(slow(method, request)), rowgate.ResultTooLarge), method
    error = await _refused(slow(f"{Q}ExecuteQuery", {"database": engine.name, "sql": engine.endless}))
    assert isinstance(error, rowgate.StatementTimeout)
    assert "limits.time" in error.metadata["limit"]


async def test_bytes_of_an_answer_are_bounded_by_the_role(
    gateway_with_policy: Policed, root: Caller, engine: Engine, notes: str
) -> None:
    narrow = gateway_with_policy.caller("n", "narrow")
    few = {"database": engine.name, "table": notes, "columns": ["id"]}
    assert len(rows(await narrow(f"{T}ListRows", few))) == 6
    long = {"database": engine.name, "sql": f"update {notes} set body = '{'x' * 40}', secret = '{'y' * 40}'"}
    await root(f"{Q}ExecuteQuery", long)
    repeated = f"select a.body, a.secret, b.body from {notes} a cross join {notes} b"
    for method, request in _asked(engine, repeated)[:2]:
        assert isinstance(await _refused(narrow(method, request)), rowgate.ResultTooLarge), method


async def test_the_steps_of_a_batch_count_like_calls(gateway_with_policy: Policed, engine: Engine) -> None:
    caller = gateway_with_policy.caller(f"steps-{engine.name}", "steps")
    batch = {"database": engine.name, "steps": [{"sql": "select 1"}] * 4}
    await caller(f"{Q}ExecuteBatch", batch)
    error = await _refused(caller(f"{Q}ExecuteQuery", {"database": engine.name, "sql": "select 1"}))
    assert isinstance(error, rowgate.RowgateError)
    assert error.reason == "QUOTA_EXCEEDED"
    assert error.retry_after is not None
    assert 20 < error.retry_after <= 60, "the debt of one step, and the call itself"


async def test_the_rate_of_calls_is_bounded_for_each_caller_by_itself(
    gateway_with_policy: Policed, engine: Engine, notes: str
) -> None:
    request = {"database": engine.name, "table": notes}
    caller = gateway_with_policy.caller(f"few-{engine.name}", "few")
    for _ in range(3):
        await caller(f"{T}CountRows", request)
    error = await _refused(caller(f"{T}CountRows", request))
    assert isinstance(error, rowgate.RowgateError)
    assert (error.reason, error.outcome) == ("QUOTA_EXCEEDED", rowgate.Outcome.NOT_RUN)
    assert error.retry_after is not None
    assert 0 < error.retry_after <= 20
    await gateway_with_policy.caller(f"other-{engine.name}", "few")(f"{T}CountRows", request)


async def test_requests_of_a_transaction_count_like_calls_and_its_end_is_free(
    gateway_with_policy: Policed, engine: Engine, notes: str
) -> None:
    caller = gateway_with_policy.caller(f"tx-{engine.name}", "few")
    count = {"count_rows": {"table": notes}}
    answers = await caller.transact({"begin": {"database": engine.name}}, count, count, count, {"commit": {}})
    reasons = [answer.get("error", {}).get("reason") for answer in answers]
    assert reasons == [None, None, None, "QUOTA_EXCEEDED", None]


async def test_calls_at_a_time_are_bounded(gateway_with_policy: Policed, engine: Engine) -> None:
    caller = gateway_with_policy.caller(f"single-{engine.name}", "single")
    request = {"database": engine.name, "sql": engine.endless, "options": {"timeout": "0.7s"}}
    calls = [asyncio.ensure_future(caller(f"{Q}ExecuteQuery", request)) for _ in range(2)]
    done, pending = await asyncio.wait(calls, return_when=asyncio.FIRST_COMPLETED)
    (first,) = done
    assert getattr(first.exception(), "reason", "") == "QUOTA_EXCEEDED"
    await asyncio.wait(pending)
    await caller(f"{Q}ExecuteQuery", {"database": engine.name, "sql": "select 1"})


async def test_an_unknown_caller_may_do_nothing(gateway_with_policy: Policed, engine: Engine, notes: str) -> None:
    from support.policed import Caller as Anyone

    anyone = Anyone(gateway_with_policy.channel, "", (), {})
    anyone._metadata = ()
    for method, request in (
        (f"{T}ListRows", {"database": engine.name, "table": notes}),
        (f"{T}InsertRows", {"database": engine.name, "table": notes, "rows": [{"values": values(id=1)}]}),
        (f"{Q}ExecuteQuery", {"database": engine.name, "sql": "select 1"}),
    ):
        assert isinstance(await _refused(anyone(method, request)), rowgate.PermissionDenied)
