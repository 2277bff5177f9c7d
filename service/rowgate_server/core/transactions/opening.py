"""Beginning transactions, no more of them than their share of the pool, and ending every one of them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

from rowgate_server.core.policy.guard import enter
from rowgate_server.core.query import QueryRunner
from rowgate_server.core.transactions.beginning import Begin, TransactionRules, in_time, options_of
from rowgate_server.core.transactions.held import HeldTransaction, State
from rowgate_server.core.transactions.shares import Place, Share
from rowgate_server.engines.caller import caller
from rowgate_server.engines.database import Database, Databases
from rowgate_server.engines.deadline import Deadline, of_call
from rowgate_server.errors import Outcome, Reason, RowgateError
from rowgate_server.observability.metrics import TransactionMetrics


class Transactions:
    """Begins transactions.

    Args:
        databases: every one that is served.
        queries: runs raw SQL.
        rules: by the databases' names.
        metrics: by the databases' names.
    """

    def __init__(
        self,
        databases: Databases,
        queries: QueryRunner,
        rules: Mapping[str, TransactionRules],
        metrics: Mapping[str, TransactionMetrics],
    ) -> None:
        self._databases = databases
        self._queries = queries
        self._rules = rules
        self._metrics = metrics
        self._shares: dict[tuple[str, str], Share] = {}

    def database_name(self, name: str) -> str:
        """The name that a transaction's begin means."""
        return self._databases.name_of(name)

    @asynccontextmanager
    async def holding(self, begin: Begin) -> AsyncIterator[HeldTransaction]:
        """A transaction, from its begin on; whatever leaves this without a commit rolls it back.

        Raises:
            RowgateError: UNKNOWN_DATABASE, NOT_SUPPORTED, INVALID_REQUEST, POOL_EXHAUSTED, DATABASE_UNAVAILABLE,
                STATEMENT_TIMEOUT.
        """
        access, database = enter(self._databases, begin.database)
        database = database.reading(begin.reading)
        if access is not None and not access.writes:
            begin = begin._replace(read_only=True)
        metrics = self._metrics[database.name]
        held: HeldTransaction | None = None
        try:
            options = options_of(begin, database)
            deadline, idle = self._limits(begin, database)
            async with (
                self._placed(database, metrics, deadline) as place,
                database.executor.transaction(in_time(options, deadline), deadline) as transaction,
            ):
                held = place.held = HeldTransaction(
                    database,
                    transaction,
                    self._queries,
                    read_only=options.read_only,
                    deadline=deadline,
                    idle=idle,
                )
                yield held
        except RowgateError as error:
            raise error.with_defaults(database=database.name) from error.__cause__
        finally:
            if held is not None:
                metrics.ended(_end(held))

    def _limits(self, begin: Begin, database: Database) -> tuple[Deadline, Deadline]:
        rules, prefix = self._rules[database.name], f"databases.{database.name}.transactions"
        deadline = Deadline.soonest(
            of_call(begin.call_timeout),
            (begin.timeout, "begin.timeout"),
            (rules.timeout, f"{prefix}.timeout"),
        )
        idle = Deadline.soonest(
            (begin.idle_timeout, "begin.idle_timeout"), (rules.idle_timeout, f"{prefix}.idle_timeout")
        )
        return deadline, idle

    @asynccontextmanager
    async def _placed(
        self, database: Database, metrics: TransactionMetrics, deadline: Deadline
    ) -> AsyncIterator[Place]:
        """A place among the open transactions of one pool."""
        rules, key = self._rules[database.name], (database.name, database.login)
        most = rules.most_of_logins[database.login] if database.login else rules.most
        share = self._shares.setdefault(key, Share())
        place = await share.take(caller.get(), most, deadline)
        if place is None:
            metrics.refused()
            if deadline.remaining() <= 0:
                raise deadline.exceeded("waiting for another transaction to end", Outcome.NOT_RUN)
            raise RowgateError(
                Reason.POOL_EXHAUSTED,
                "as many transactions are open as may be",
                retry_after=1.0,
                limit=f"databases.{database.name}.transactions.pool_share: {most} at a time",
                outcome=Outcome.NOT_RUN,
            )
        metrics.open(self._number(database.name))
        try:
            yield place
        finally:
            share.release(place)
            metrics.open(self._number(database.name))

    def _number(self, name: str) -> int:
        return sum(len(share) for key, share in self._shares.items() if key[0] == name)


def _end(held: HeldTransaction) -> str:
    """How it ended, for the metrics."""
    if held.state is State.COMMITTED:
        return "committed"
    if held.state is State.UNKNOWN:
        return "unknown"
    if held.expired:
        return "expired"
    return "rolled_back" if held.state is State.ROLLED_BACK else "abandoned"
