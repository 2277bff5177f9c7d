"""Steps of a batch, before anything is sent."""

from __future__ import annotations

from typing import Any

import grpc
import pytest
from unit.client.scripted import Fault, ScriptedGateway

import rowgate
from rowgate import Step
from rowgate.v1 import batch_pb2, query_service_pb2


@pytest.mark.parametrize(
    ("steps", "words"),
    [
        ("select 1", "a batch takes a list"),
        (Step("select 1"), "a batch takes a list"),
        ([7], "a step is SQL or a Step, not a int"),
        ([("select ?", 1)], "not a tuple"),
    ],
)
async def test_what_is_no_step_is_refused(db: rowgate.Client, gateway: ScriptedGateway, steps: Any, words: str) -> None:
    with pytest.raises(TypeError, match=words):
        await db.batch(steps)
    assert gateway.received == []


async def test_what_is_no_mode_is_refused(db: rowgate.Client) -> None:
    with pytest.raises(TypeError, match="'atomic' or 'independent'"):
        await db.batch(["select 1"], mode="both")  # type: ignore[call-overload]  # that is the test


@pytest.mark.parametrize("row", ["text", b"text", 7, None, {1, 2}])
def test_what_is_no_row_is_refused(row: Any) -> None:
    with pytest.raises(TypeError, match="a row is a sequence"):
        Step.many("insert into t values (?)", [row])


def test_no_rows_are_refused_rather_than_run_once_without_values() -> None:
    with pytest.raises(rowgate.InvalidParameter, match="no row"):
        Step.many("delete from t", [])


def test_a_value_that_cannot_be_sent_is_named_with_its_row() -> None:
    with pytest.raises(rowgate.InvalidParameter) as caught:
        Step.many("insert into t values (?, ?)", [(1, 2), (3, {4})])
    assert (caught.value.metadata["param_set"], caught.value.metadata["parameter"]) == ("1", "1")
    with pytest.raises(rowgate.InvalidParameter, match="not both"):
        Step("select ?, :a", 1, a=2)
    with pytest.raises(rowgate.InvalidSql):
        Step("select '\ud800'")


def test_a_step_says_what_it_is() -> None:
    assert repr(Step("select 1")) == "<Step 'select 1'>"
    assert repr(Step.many("insert", [(1,), (2,)])) == "<Step 'insert' for 2 rows>"


async def test_a_batch_is_sent_with_the_options_of_the_view(db: rowgate.Client, gateway: ScriptedGateway) -> None:
    step = batch_pb2.BatchStepAnswer(result=batch_pb2.BatchStepResult())
    gateway.will(query_service_pb2.ExecuteBatchResponse(steps=[step]))
    await db.using("shop").with_options(tag="t", max_rows=3, timeout=10).batch(["select 1"])
    request = gateway.request
    assert (request.database, request.options.tag, request.options.max_rows) == ("shop", "t", 3)
    assert 0 < request.options.timeout.ToNanoseconds() < 10e9


async def test_a_batch_is_asked_again_only_where_nothing_is_left_of_it(
    db: rowgate.Client, gateway: ScriptedGateway
) -> None:
    whole = query_service_pb2.ExecuteBatchResponse(
        steps=[batch_pb2.BatchStepAnswer(result=batch_pb2.BatchStepResult())]
    )
    for metadata, calls in (({"outcome": "NOT_RUN"}, 2), ({"outcome": "UNKNOWN"}, 1), ({}, 1)):
        gateway.received.clear()
        fault = Fault(grpc.StatusCode.UNAVAILABLE, "DATABASE_UNAVAILABLE", metadata=metadata)
        if calls == 2:
            gateway.will(fault, whole)
            await db.batch(["select 1"])
        else:
            gateway.will(fault)
            with pytest.raises(rowgate.DatabaseUnavailable):
                await db.batch(["select 1"])
        assert len(gateway.received) == calls


async def test_an_answer_that_makes_no_sense_is_told(db: rowgate.Client, gateway: ScriptedGateway) -> None:
    gateway.will(query_service_pb2.ExecuteBatchResponse())
    with pytest.raises(rowgate.ProtocolError, match="1 steps have 0 answers"):
        await db.batch(["select 1"])
    gateway.will(query_service_pb2.ExecuteBatchResponse(steps=[batch_pb2.BatchStepAnswer()]))
    with pytest.raises(rowgate.ProtocolError, match="neither"):
        await db.batch(["select 1"], mode="independent")
