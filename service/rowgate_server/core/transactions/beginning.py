"""What a transaction is asked to be like, and what of that its engine has."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import NamedTuple

from rowgate_server.core.explain import engine_of
from rowgate_server.core.plans import Engine
from rowgate_server.engines.database import Database
from rowgate_server.engines.deadline import Deadline
from rowgate_server.engines.dialects import Dialect
from rowgate_server.engines.driver import Isolation, TransactionOptions
from rowgate_server.engines.routing import PRIMARY, Reading
from rowgate_server.errors import Outcome, Reason, RowgateError

_ALL = frozenset(Isolation)
LEVELS: dict[Dialect, frozenset[Isolation]] = {
    Dialect.MYSQL: _ALL,
    Dialect.POSTGRESQL: _ALL - {Isolation.READ_UNCOMMITTED},
    Dialect.SQLITE: frozenset({Isolation.SERIALIZABLE}),
}
_SHORTEST = 0.01
"""Seconds of a limit."""
_LONGEST_WAIT = 2_000_000.0
"""Seconds: PostgreSQL counts milliseconds in 32 bits."""
_SHORTEST_WAIT = 0.001
"""Seconds: none at all is no limit to PostgreSQL."""
_NAMES = {
    Engine.MYSQL: "MySQL",
    Engine.MARIADB: "MariaDB",
    Engine.POSTGRESQL: "PostgreSQL",
    Engine.SQLITE: "SQLite",
}


class TransactionRules(NamedTuple):
    """What the configuration says of one database's transactions.

    Attributes:
        most: how many may be open.
        idle_timeout: the longest that one may be idle, in seconds.
        timeout: the longest that one may take, in seconds.
        most_of_logins: how many may be open with each of the other logins, which have pools of their own.
    """

    most: int
    idle_timeout: float
    timeout: float
    most_of_logins: Mapping[str, int] = MappingProxyType({})


class Begin(NamedTuple):
    """What a transaction is to be like. Seconds; None: no limit of the caller's."""

    database: str
    isolation: Isolation | None = None
    read_only: bool = False
    deferrable: bool = False
    lock_timeout: float | None = None
    idle_timeout: float | None = None
    timeout: float | None = None
    call_timeout: float | None = None
    tag: str = ""
    reading: Reading = PRIMARY


def options_of(begin: Begin, database: Database) -> TransactionOptions:
    """What the engine is asked for.

    Raises:
        RowgateError: NOT_SUPPORTED for what it does not have, INVALID_REQUEST for what has no meaning.
    """
    engine = _NAMES[engine_of(database)]
    level = begin.isolation
    for name, seconds in (("idle_timeout", begin.idle_timeout), ("timeout", begin.timeout)):
        if seconds is not None and seconds < _SHORTEST:
            raise RowgateError(
                Reason.INVALID_REQUEST,
                "the time is shorter than it takes to be told of it: 10 ms at the least",
                field=f"begin.{name}",
                outcome=Outcome.NOT_RUN,
            )
    if level is not None and level not in LEVELS[database.dialect]:
        others = ", ".join(sorted(each.value for each in LEVELS[database.dialect]))
        raise RowgateError(
            Reason.NOT_SUPPORTED,
            f"{engine} has no {level.value}",
            field="begin.isolation",
            outcome=Outcome.NOT_RUN,
            hint=f"it has {others}",
        )
    read_only = begin.read_only or database.bounds.read_only
    if begin.deferrable:
        if database.dialect is not Dialect.POSTGRESQL:
            raise RowgateError(
                Reason.NOT_SUPPORTED,
                f"{engine} has no deferrable transactions",
                field="begin.deferrable",
                outcome=Outcome.NOT_RUN,
            )
        if level is not Isolation.SERIALIZABLE or not read_only:
            raise RowgateError(
                Reason.INVALID_REQUEST,
                "only a SERIALIZABLE transaction that is read_only can be deferrable",
                field="begin.deferrable",
                outcome=Outcome.NOT_RUN,
            )
    wait = None if begin.lock_timeout is None else min(begin.lock_timeout, _LONGEST_WAIT)
    return TransactionOptions(level, read_only, begin.deferrable, wait)


def in_time(options: TransactionOptions, deadline: Deadline) -> TransactionOptions:
    """The same, but that nothing is to wait for a lock for longer than the transaction may take."""
    if options.lock_timeout is None:
        return options
    return replace(options, lock_timeout=min(options.lock_timeout, max(deadline.remaining(), _SHORTEST_WAIT)))
