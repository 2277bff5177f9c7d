"""Transact's begin and what is answered to it, as messages and as the core has them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rowgate.v1 import transact_pb2
from rowgate_server.core.transactions.beginning import Begin
from rowgate_server.core.transactions.held import State
from rowgate_server.engines.driver import Isolation
from rowgate_server.errors import Outcome, Reason, RowgateError
from rowgate_server.transport.codec.transactions import STATES, decode_begin

DURATIONS = ("lock_timeout", "idle_timeout", "timeout")


def refused(message: transact_pb2.BeginTransaction) -> RowgateError:
    with pytest.raises(RowgateError) as caught:
        decode_begin(message, None)
    assert (caught.value.reason, caught.value.outcome) == (Reason.INVALID_REQUEST, Outcome.NOT_RUN)
    return caught.value


def test_an_empty_begin_asks_for_nothing_in_particular() -> None:
    assert decode_begin(transact_pb2.BeginTransaction(), 4.5) == Begin("", call_timeout=4.5)


def test_each_level_of_the_protos_is_known() -> None:
    found = {
        name.removeprefix("ISOLATION_LEVEL_"): decode_begin(
            transact_pb2.BeginTransaction(isolation=number), None
        ).isolation
        for name, number in transact_pb2.IsolationLevel.items()
    }
    assert found == {"UNSPECIFIED": None, **{level.value.replace(" ", "_"): level for level in Isolation}}
    unknown = transact_pb2.BeginTransaction.FromString(b"\x10\x63")
    assert refused(unknown).field == "begin.isolation"


def test_each_state_has_its_own_on_the_wire() -> None:
    names = {state.name: transact_pb2.TransactionState.Name(number) for state, number in STATES.items()}
    assert names.pop("NONE") == "TRANSACTION_STATE_UNSPECIFIED"
    assert names == {name: f"TRANSACTION_STATE_{name}" for name in names}
    assert STATES.keys() == set(State)


@given(st.sampled_from(DURATIONS), st.integers(1, 10**15))
def test_a_duration_above_zero_is_kept(field: str, nanos: int) -> None:
    message = transact_pb2.BeginTransaction()
    getattr(message, field).FromNanoseconds(nanos)
    begin = decode_begin(message, None)
    assert getattr(begin, field) == pytest.approx(nanos / 1e9)
    assert [name for name in DURATIONS if getattr(begin, name) is not None] == [field]


@pytest.mark.parametrize("field", DURATIONS)
@pytest.mark.parametrize("seconds", [0, -1])
def test_no_time_at_all_is_refused(field: str, seconds: int) -> None:
    message = transact_pb2.BeginTransaction()
    getattr(message, field).FromSeconds(seconds)
    assert refused(message).field == f"begin.{field}"


@pytest.mark.parametrize("tag", ["a b", "ä", "x" * 65, "a\n"])
def test_a_tag_that_logs_would_not_take_is_refused(tag: str) -> None:
    assert refused(transact_pb2.BeginTransaction(tag=tag)).field == "begin.tag"


def test_what_is_asked_for_arrives() -> None:
    begin = decode_begin(
        transact_pb2.BeginTransaction(database="shop", read_only=True, deferrable=True, tag="nightly/1"), None
    )
    assert begin == Begin("shop", read_only=True, deferrable=True, tag="nightly/1")
