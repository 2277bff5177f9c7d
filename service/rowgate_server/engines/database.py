"""One database that the gateway serves: its driver, pool, executor and health, put together."""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from copy import copy
from dataclasses import dataclass
from types import MappingProxyType
from typing import NamedTuple, TypeVar

from sqlalchemy import Inspector
from sqlalchemy.exc import NoSuchTableError

from rowgate_server.engines.availability import Availability
from rowgate_server.engines.connections import Connections
from rowgate_server.engines.deadline import Deadline
from rowgate_server.engines.dialects import Dialect
from rowgate_server.engines.driver import Driver
from rowgate_server.engines.executor import Executor
from rowgate_server.engines.held import HeldExecutor
from rowgate_server.engines.hosts import Host
from rowgate_server.engines.limits import ResultLimits
from rowgate_server.engines.outliving import Outliving
from rowgate_server.engines.routing import Reading, Route, Router
from rowgate_server.engines.running import Call
from rowgate_server.engines.transaction import Transaction
from rowgate_server.engines.underway import UnderWay
from rowgate_server.engines.values import BoundStatement
from rowgate_server.errors import Outcome, Reason, RowgateError
from rowgate_server.observability.host_metrics import HostNumbers
from rowgate_server.observability.ids import new_id
from rowgate_server.observability.metrics import DatabaseMetrics, PoolNumbers
from rowgate_server.observability.statements import DatabaseStatements

_T = TypeVar("_T")

_numbers = itertools.count(1)


class Server(NamedTuple):
    """One of a database's servers, as one login reaches it.

    Attributes:
        address: `host:port`; empty for the only one.
        availability: whether it answers.
        executor: runs the gateway's own questions there.
    """

    address: str
    availability: Availability
    executor: Executor


@dataclass(frozen=True, slots=True)
class Bounds:
    """The limits on statements of one database, the server's own or less: seconds, rows, bytes. None: no such limit.

    `stream_rows` and `stream_bytes` are the caller's role's, which bound unary results as well. `own_rows` and
    `own_bytes` bound what the gateway reads for itself; None: as a unary result. `statement_limit` and `stream_limit`
    say whose limits the two times are; empty: the configuration's of the database.
    """

    statement_timeout: float
    stream_timeout: float
    unary_rows: int
    unary_bytes: int
    sql_bytes: int
    read_only: bool = False
    stream_rows: int | None = None
    stream_bytes: int | None = None
    statement_limit: str = ""
    stream_limit: str = ""
    own_rows: int | None = None
    own_bytes: int | None = None

    def unary(self, max_rows: int | None = None, max_bytes: int | None = None) -> ResultLimits:
        """The limits on a unary result, with the caller's own."""
        rows, size = self.unary_rows, self.unary_bytes
        return ResultLimits(max_rows, max_bytes, rows, size, rows == self.stream_rows, size == self.stream_bytes)

    def streamed(self, max_rows: int | None, max_bytes: int | None) -> ResultLimits:
        """The limits on a result that is streamed, with the caller's own."""
        return ResultLimits(max_rows, max_bytes, self.stream_rows, self.stream_bytes, role_rows=True, role_bytes=True)

    def own(self) -> ResultLimits:
        """The limits on what the gateway reads for itself, whatever the caller's role may have."""
        return ResultLimits(cap_rows=self.own_rows or self.unary_rows, cap_bytes=self.own_bytes or self.unary_bytes)


class Database:
    """One database, by the name that the configuration gives it.

    Args:
        name: that name.
        driver: its kind.
        pool: its connections, those to the primary where it has several servers.
        bounds: the limits on its statements.
        availability: whether it answers.
        metrics: what its statements and look-ups are counted in.
        login: with which login, where that is not the gateway's own.
        router: knows the servers, where there are several.
        own: the same with the gateway's own login, where this is another one.
    """

    def __init__(
        self,
        name: str,
        driver: Driver,
        pool: Connections,
        bounds: Bounds,
        availability: Availability,
        metrics: DatabaseMetrics,
        login: str = "",
        router: Router | None = None,
        own: Database | None = None,
    ) -> None:
        self.name = name
        self.own: Database = own or self
        """The same with the gateway's own login."""
        self.key: str = f"{name}#{next(_numbers)}" if own is None else own.key
        """Another one for every other database, though it comes to be served under the same name."""
        self.login = login
        self.bounds = bounds
        self.availability = availability
        self.statements: DatabaseStatements = metrics.statements
        """What its statements are counted as."""
        self._catalog_loads = metrics.connections.catalog_loads
        self._driver = driver
        self._pool = pool
        self._router = router
        self._all: Connections = pool if router is None else router.everything
        self._primary = Executor(driver, pool)
        self.executor: Executor | HeldExecutor = self._primary
        self._under_way = self._primary.under_way

    def within(self, transaction: Transaction) -> Database:
        """The same, but that its statements run in a transaction."""
        held = copy(self)
        held.executor = HeldExecutor(transaction, self.dialect)
        return held

    @property
    def answering(self) -> Database:
        """The same; or where it is within a transaction that takes no statement any more, without that."""
        if not isinstance(self.executor, HeldExecutor) or self.executor.active:
            return self
        beside = copy(self)
        beside.executor = self._primary
        return beside

    @property
    def in_transaction(self) -> bool:
        """Whether its statements run in a transaction that a caller holds."""
        return isinstance(self.executor, HeldExecutor)

    def bounded(self, bounds: Bounds) -> Database:
        """The same within other bounds."""
        narrower = copy(self)
        narrower.bounds = bounds
        return narrower

    def reading(self, reading: Reading) -> Database:
        """The same for a call that reads, where it is to go; where there is but one server, it goes there.

        Raises:
            RowgateError: INVALID_REQUEST: it is part of a transaction, which is somewhere already.
        """
        if reading.route is Route.PRIMARY:
            return self
        if not isinstance(self.executor, Executor):
            raise RowgateError(
                Reason.INVALID_REQUEST,
                "a transaction is where it was begun",
                field="route",
                hint="set begin.route",
                outcome=Outcome.NOT_RUN,
            )
        if self._router is None:
            return self
        there = copy(self)
        there.executor = self.executor.over(self._router.connections(reading))
        return there

    @property
    def hosts(self) -> Sequence[Host]:
        """Its servers, where it has several, the replicas last."""
        return () if self._router is None else [member.host for member in self._router.members]

    def host_numbers(self) -> Sequence[HostNumbers]:
        """Each of its servers at this moment, where it has several."""
        return () if self._router is None else [member.numbers() for member in self._router.members]

    def servers(self) -> Sequence[Server]:
        """Each of its servers, the replicas last."""
        if self._router is None:
            return [Server("", self.availability, Executor(self._driver, self._pool))]
        return [
            Server(host.address, host.availability, Executor(self._driver, pool)) for host, pool in self._router.members
        ]

    def outliving(self) -> Sequence[Outliving]:
        """The sessions whose statements would outlive this process, of each server."""
        drivers = [self._driver] if self._router is None else [pool.driver for _, pool in self._router.members]
        return [driver.outliving for driver in drivers if driver.outliving is not None]

    @property
    def statement_limit(self) -> str:
        """Whose limit the longest time of a statement is, for errors."""
        return self.bounds.statement_limit or f"databases.{self.name}.timeouts.statement"

    @property
    def stream_limit(self) -> str:
        """Whose limit the longest time of a stream is, for errors."""
        return self.bounds.stream_limit or f"databases.{self.name}.timeouts.stream"

    @property
    def under_way(self) -> Sequence[UnderWay]:
        """The statements that run at this moment, or wait for a connection."""
        return tuple(self._under_way)

    @property
    def dialect(self) -> Dialect:
        """How its SQL is written."""
        return self._driver.dialect

    @property
    def scheme(self) -> str:
        """The engine as the configuration names it: mysql, mariadb, postgresql or sqlite."""
        return self._driver.engine_url.get_backend_name()

    @property
    def reachable(self) -> bool:
        """Whether there is a server that answers some calls, if only those that a replica may."""
        return bool(self.availability.up) or (self._router is not None and self._router.replicas_answer)

    def listen(self, told: Callable[[], None]) -> None:
        """Be told whenever it has come to be up or down, or its replicas have."""
        self.availability.listen(lambda _: told())
        if self._router is not None:
            self._router.listen(told)

    def schema_version(self) -> int | None:
        """A number that changes when anyone changes tables; None where it can't be told at once, without a request."""
        return self._driver.schema_version()

    def pool_numbers(self) -> PoolNumbers:
        """What the pool holds at this moment, those of replicas left out."""
        return self._pool.numbers()

    def replica_numbers(self) -> Mapping[str, PoolNumbers]:
        """What the pools of its replicas hold at this moment, by their names."""
        members = () if self._router is None else self._router.members
        return {host.name: pool.numbers() for host, pool in members if host.replica}

    def show(self, *, shown: bool) -> None:
        """Whether metrics and log tell of its state under its name, and under those of its replicas."""
        self._all.show_breaker(shown=shown)
        for availability in (self.availability, *(host.availability for host in self.hosts)):
            availability.show(shown=shown)

    def count_load(self, *, ok: bool) -> None:
        """Tables have been looked up, or their look-up has failed."""
        self._catalog_loads["ok" if ok else "failed"] += 1

    async def reflect(self, read: Callable[[Inspector], _T], deadline: Deadline, what: str = "DESCRIBE") -> _T:
        """Call a function with SQLAlchemy's Inspector: on a connection to the primary, or in the transaction.

        Args:
            read: the function.
            deadline: when it must be over.
            what: what it is listed as while it runs.

        Raises:
            NoSuchTableError: the function does.
            RowgateError: what the database has against it; any other error of SQLAlchemy's as it is.
        """

        def looked(inspector: Inspector) -> _T | NoSuchTableError:
            try:
                return read(inspector)
            except NoSuchTableError as missing:  # no reason to give up the connection
                return missing

        # It reads; but of what it may leave in the session, nobody keeps account.
        call = Call(BoundStatement((what,), ()), deadline, ResultLimits(), new_id(), reads=False, read_only=True)
        loaded = False
        try:
            executor = self.executor if isinstance(self.executor, HeldExecutor) else self._primary
            found = await executor.inspect(call, looked)
            loaded = True
        finally:
            self.count_load(ok=loaded)
        if isinstance(found, NoSuchTableError):
            raise found
        return found

    @contextlib.contextmanager
    def listing(self, under_way: UnderWay) -> Iterator[None]:
        """While this lasts, it is one of those under way."""
        self._under_way.add(under_way)
        try:
            yield
        finally:
            self._under_way.discard(under_way)

    async def retire(self) -> None:
        """Stop probing, keep no connection that is not in use, and wait until none is."""
        await self.availability.stop()
        await self._all.retire()

    async def close(self) -> None:
        """Stop probing, wait for clean-ups, close every connection."""
        await self.availability.stop()
        await self._all.close()


class Databases:
    """Every database that the gateway serves, by name."""

    def __init__(self, databases: dict[str, Database], default: str | None) -> None:
        self._databases = databases
        self.default = default

    def __iter__(self) -> Iterator[Database]:
        return iter(self._databases.values())

    def exchange(
        self,
        databases: Mapping[str, Database],
        default: str | None,
        logins: Mapping[tuple[str, str], Database] = MappingProxyType({}),
    ) -> None:
        """Hand these out from now on; whoever has been handed another one keeps it.

        Args:
            databases: every one that is served.
            default: the name that an empty one means.
            logins: the same with other logins, by the names of both, for who hands these out.
        """
        del logins
        self._databases, self.default = dict(databases), default

    def only(self, database: Database) -> Databases:
        """One view of one of them, for whatever is asked of it."""
        return Databases({database.name: database}, database.name)

    def name_of(self, name: str) -> str:
        """The name that a request means, whether or not there is such a database."""
        return name or self.default or ""

    def get(self, name: str) -> Database:
        """The database of that name; empty means the default one.

        Raises:
            RowgateError: UNKNOWN_DATABASE.
        """
        found = self._databases.get(self.name_of(name))
        if found is not None:
            return found
        if not name:
            raise RowgateError(
                Reason.UNKNOWN_DATABASE, "no database is named, and the gateway has no default one", field="database"
            )
        raise RowgateError(
            Reason.UNKNOWN_DATABASE, "the gateway serves no database of that name", field="database", database=name
        )
