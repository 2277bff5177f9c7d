"""Transact's messages: what a transaction is to be like, and errors as answers."""

from __future__ import annotations

from google.protobuf import duration_pb2

from rowgate.v1 import transact_pb2
from rowgate_server.core.transactions.beginning import Begin
from rowgate_server.core.transactions.held import HeldTransaction, State
from rowgate_server.engines import clock
from rowgate_server.engines.driver import Isolation
from rowgate_server.errors import Outcome, Reason, RowgateError
from rowgate_server.transport.codec.queries import TAG
from rowgate_server.transport.codec.routes import decode_reading

_LEVELS: dict[int, Isolation | None] = {
    transact_pb2.ISOLATION_LEVEL_UNSPECIFIED: None,
    transact_pb2.ISOLATION_LEVEL_READ_UNCOMMITTED: Isolation.READ_UNCOMMITTED,
    transact_pb2.ISOLATION_LEVEL_READ_COMMITTED: Isolation.READ_COMMITTED,
    transact_pb2.ISOLATION_LEVEL_REPEATABLE_READ: Isolation.REPEATABLE_READ,
    transact_pb2.ISOLATION_LEVEL_SERIALIZABLE: Isolation.SERIALIZABLE,
}
STATES: dict[State, transact_pb2.TransactionState.ValueType] = {
    State.NONE: transact_pb2.TRANSACTION_STATE_UNSPECIFIED,
    State.ACTIVE: transact_pb2.TRANSACTION_STATE_ACTIVE,
    State.FAILED: transact_pb2.TRANSACTION_STATE_FAILED,
    State.COMMITTED: transact_pb2.TRANSACTION_STATE_COMMITTED,
    State.ROLLED_BACK: transact_pb2.TRANSACTION_STATE_ROLLED_BACK,
    State.UNKNOWN: transact_pb2.TRANSACTION_STATE_UNKNOWN,
}


def decode_begin(message: transact_pb2.BeginTransaction, call_timeout: float | None) -> Begin:
    """What a transaction is to be like, checked.

    Raises:
        RowgateError: INVALID_REQUEST, with the field at fault.
    """
    if message.isolation not in _LEVELS:
        raise _refused("isolation", "the gateway does not know this isolation level")
    if message.tag and not TAG.match(message.tag):
        raise _refused("tag", "a tag is 1 to 64 of A-Z a-z 0-9 . _ / : -")
    return Begin(
        database=message.database,
        isolation=_LEVELS[message.isolation],
        read_only=message.read_only,
        deferrable=message.deferrable,
        lock_timeout=_seconds(message, "lock_timeout"),
        idle_timeout=_seconds(message, "idle_timeout"),
        timeout=_seconds(message, "timeout"),
        call_timeout=call_timeout,
        tag=message.tag,
        reading=decode_reading(
            message, bounded=message.HasField("max_staleness"), read_only=message.read_only, prefix="begin."
        ),
    )


def encode_begun(held: HeldTransaction) -> transact_pb2.TransactionBegun:
    """What has begun, and its limits."""
    return transact_pb2.TransactionBegun(
        transaction_id=held.id,
        database=held.database.name,
        idle_timeout=_duration(held.idle_timeout),
        timeout=_duration(max(0.0, held.deadline.at - clock.now())),
    )


def _seconds(message: transact_pb2.BeginTransaction, field: str) -> float | None:
    if field not in {descriptor.name for descriptor, _ in message.ListFields()}:
        return None
    duration: duration_pb2.Duration = getattr(message, field)
    seconds = duration.seconds + duration.nanos / 1e9
    if seconds <= 0:
        raise _refused(field, f"{field} is not above zero")
    return seconds


def _duration(seconds: float) -> duration_pb2.Duration:
    whole = duration_pb2.Duration()
    whole.FromMilliseconds(round(seconds * 1000))
    return whole


def _refused(field: str, message: str) -> RowgateError:
    return RowgateError(Reason.INVALID_REQUEST, message, field=f"begin.{field}", outcome=Outcome.NOT_RUN)
