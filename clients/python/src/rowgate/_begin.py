"""What a transaction is to be like."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from math import inf
from typing import Any, Final, Literal, TypeAlias, TypedDict

from rowgate._options import CallOptions
from rowgate.v1 import transact_pb2 as pb

Isolation: TypeAlias = Literal["read_uncommitted", "read_committed", "repeatable_read", "serializable"]

_LEVELS: Final[Mapping[object, pb.IsolationLevel.ValueType]] = {
    "read_uncommitted": pb.ISOLATION_LEVEL_READ_UNCOMMITTED,
    "read_committed": pb.ISOLATION_LEVEL_READ_COMMITTED,
    "repeatable_read": pb.ISOLATION_LEVEL_REPEATABLE_READ,
    "serializable": pb.ISOLATION_LEVEL_SERIALIZABLE,
}
_NAMES: Final = {"isolation", "read_only", "deferrable", "lock_timeout", "idle_timeout", "timeout"}


class TransactionState(StrEnum):
    """Where a transaction stands."""

    ACTIVE = "ACTIVE"
    """Anything may come next."""
    FAILED = "FAILED"
    """A statement has failed, and the database takes no more: back to a savepoint, or to the beginning."""
    COMMITTED = "COMMITTED"
    """Its changes last."""
    ROLLED_BACK = "ROLLED_BACK"
    """Its changes are undone."""
    UNKNOWN = "UNKNOWN"
    """The commit was sent, and its answer was lost, or not all could be rolled back: look before a retry."""


class TransactionOptions(TypedDict, total=False):
    """What `transaction` takes; what is left out is as the database, or the view, has it.

    Attributes:
        isolation: how much it sees of others: "read_uncommitted", "read_committed", "repeatable_read" or
            "serializable"; NotSupported where the database has no such level.
        read_only: refuse writes (`ReadOnly`).
        deferrable: PostgreSQL: wait until it can run without ever failing to be serialised; only with "serializable"
            and `read_only`.
        lock_timeout: seconds that a statement may wait for a lock (`LockTimeout`); whole ones on MySQL and MariaDB.
        idle_timeout: seconds that it may wait for its caller (`TransactionExpired`); the gateway's own limit holds too.
        timeout: seconds for all of it. None: only the gateway's limit. Left out: the view's.
    """

    isolation: Isolation
    read_only: bool
    deferrable: bool
    lock_timeout: float
    idle_timeout: float
    timeout: float | None


def begin_request(database: str, options: CallOptions, asked: TransactionOptions) -> pb.BeginTransaction:
    """The request, but for the timeout, which every attempt computes.

    Raises:
        TypeError: there is no such option, or no such isolation level.
        ValueError: one is out of range.
    """
    if unknown := asked.keys() - _NAMES:
        raise TypeError(f"a transaction has no option {min(unknown)!r}")
    isolation = asked.get("isolation")
    if isolation is not None and isolation not in _LEVELS:
        raise TypeError(f"isolation is one of {', '.join(map(repr, _LEVELS))}")
    request = pb.BeginTransaction(
        database=database,
        isolation=_LEVELS[isolation] if isolation else pb.ISOLATION_LEVEL_UNSPECIFIED,
        read_only=options.read_only or asked.get("read_only", False),
        deferrable=asked.get("deferrable", False),
        tag=options.tag,
        **options.routed(),
    )
    for name in ("lock_timeout", "idle_timeout", "timeout"):
        seconds: Any = asked.get(name)
        if seconds is not None and not 0 < seconds < inf:
            raise ValueError(f"{name} must be more than 0 and finite")
        if seconds is not None and name != "timeout":
            getattr(request, name).FromNanoseconds(max(1, round(seconds * 1e9)))
    return request
