"""What is over a role's rows is refused in words that fit, holds up nobody else, and is no write that stays."""

from __future__ import annotations

from collections.abc import Awaitable
from typing import Any

import pytest

import rowgate
from rowgate import Outcome
from support.engines import Engine
from support.policed import Caller, Policed, rows, values

Q, T = "QueryService/", "TableService/"


@pytest.fixture
def scant(gateway_with_policy: Policed) -> Caller:
    """Somebody who may write all rows, and have three."""
    return gateway_with_policy.caller("scant", "scant")


async def _refused(call: Awaitable[Any]) -> rowgate.RowgateError:
    with pytest.raises(rowgate.RowgateError) as caught:
        await call
    return caught.value


@pytest.mark.parametrize("kind", ["execute_query", "delete_rows"])
async def test_a_write_with_more_rows_than_it_may_have_lets_others_write(
    scant: Caller, root: Caller, engine: Engine, notes: str, kind: str
) -> None:
    every = {"table": notes, "allow_unfiltered": True, "returning": ["*"]}
    for _ in range(3):
        error = await _refused(scant(f"{T}DeleteRows", {"database": engine.name, **every, "dry_run": True}))
        assert isinstance(error, rowgate.ResultTooLarge)
        query = {"sql": f"select * from {notes}"}
        request = {"execute_query": query} if kind == "execute_query" else {"delete_rows": every}
        answers = await scant.transact({"begin": {"database": engine.name}}, request)
        assert answers[-1]["error"]["reason"] == "RESULT_TOO_LARGE"
        ended = Outcome.UNKNOWN if kind == "execute_query" else Outcome.ROLLED_BACK
        assert answers[-1]["error"]["metadata"]["outcome"] == ended.value
        change = {"database": engine.name, "table": notes, "key": values(id=1), "values": values(body="x")}
        await root(f"{T}UpdateRows", change)
    counted = await root(f"{T}CountRows", {"database": engine.name, "table": notes})
    assert counted["count"] == "6"


@pytest.mark.parametrize("last", ["commit", "rollback"])
async def test_a_query_with_more_rows_than_it_may_have_does_not_end_its_transaction(
    scant: Caller, root: Caller, engine: Engine, notes: str, last: str
) -> None:
    answers = await scant.transact(
        {"begin": {"database": engine.name}},
        {"execute_query": {"sql": f"update {notes} set body = 'x' where id = 1"}},
        {"execute_query": {"sql": f"select * from {notes}"}},
        {last: {}},
    )
    told = [(answer["error"]["reason"], answer["state"]) for answer in answers if "error" in answer]
    assert told == [("RESULT_TOO_LARGE", "TRANSACTION_STATE_ACTIVE")]
    found = await root(f"{T}GetRow", {"database": engine.name, "table": notes, "key": values(id=1)})
    assert ("first of acme" in str(found)) is (last == "rollback")


@pytest.mark.parametrize("method", ["ExecuteQuery", "StreamQuery"])
async def test_the_role_is_named_where_it_is_the_role_that_bounds(
    scant: Caller, engine: Engine, notes: str, method: str
) -> None:
    error = await _refused(scant(f"{Q}{method}", {"database": engine.name, "sql": f"select * from {notes}"}))
    assert "the caller's role" in str(error)
    assert error.metadata["limit"] == "3 rows"
    assert "StreamQuery" not in error.metadata["hint"]


@pytest.mark.parametrize("role", ["scant", "scant_member"])
async def test_the_rows_that_the_gateway_looks_up_for_itself_do_not_count(
    gateway_with_policy: Policed, root: Caller, engine: Engine, notes: str, role: str
) -> None:
    caller = gateway_with_policy.caller(role, role)
    change = {"database": engine.name, "table": notes, "allow_unfiltered": True, "values": values(body="x")}
    for most in ({}, {"max_affected": 6}):
        changed = await caller(f"{T}UpdateRows", {**change, **most})
        assert changed["stats"]["affected_rows"] == "6"
    error = await _refused(caller(f"{T}UpdateRows", {**change, "returning": ["id"], "values": values(body="y")}))
    assert isinstance(error, rowgate.ResultTooLarge)
    new = [{"values": values(id=number, tenant="acme", body="x")} for number in range(10, 14)]
    error = await _refused(caller(f"{T}InsertRows", {"database": engine.name, "table": notes, "rows": new}))
    assert "the caller's role" in str(error), "the keys of new rows are an answer"
    asked = {"database": engine.name, "sql": f"select count(*) as n from {notes} where body = 'x'"}
    assert rows(await root(f"{Q}ExecuteQuery", asked)) == [(6,)]


@pytest.mark.parametrize(
    ("sql", "words"),
    [
        ("create table gained (id int)", "what tables there are"),
        ("drop table {notes}", "what tables there are"),
        ("analyze", "more than read and write rows"),
    ],
)
async def test_a_statement_is_refused_for_what_it_is(
    scant: Caller, engine: Engine, notes: str, sql: str, words: str
) -> None:
    error = await _refused(scant(f"{Q}ExecuteQuery", {"database": engine.name, "sql": sql.format(notes=notes)}))
    assert isinstance(error, rowgate.PermissionDenied)
    assert words in str(error)
