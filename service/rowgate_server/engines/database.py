"""One database that the gateway serves: its driver, pool, executor and health, put together."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from copy import copy
from dataclasses import dataclass
from types import MappingProxyType
from typing import TypeVar

from sqlalchemy import Connection, Inspector, inspect
from sqlalchemy.exc import NoSuchTableError
from sqlalchemy.util import greenlet_spawn

from rowgate_server.engines.availability import Availability
from rowgate_server.engines.deadline import Deadline
from rowgate_server.engines.dialects import Dialect
from rowgate_server.engines.driver import Driver
from rowgate_server.engines.executor import Executor
from rowgate_server.engines.held import HeldExecutor
from rowgate_server.engines.limits import ResultLimits
from rowgate_server.engines.pool import Pool, PoolSettings
from rowgate_server.engines.transaction import Transaction
from rowgate_server.engines.underway import UnderWay
from rowgate_server.errors import Outcome, Reason, RowgateError
from rowgate_server.observability.metrics import DatabaseMetrics, PoolNumbers
from rowgate_server.observability.statements import DatabaseStatements

_T = TypeVar("_T")

_numbers = itertools.count(1)

_REFUSED = ("28", "3D")
"""SQLSTATEs of logins that are refused."""


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
    """One database, by the name that the configuration gives it; `login` where that is not the gateway's own."""

    def __init__(
        self,
        name: str,
        driver: Driver,
        pool: PoolSettings,
        bounds: Bounds,
        availability: Availability,
        metrics: DatabaseMetrics,
        login: str = "",
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
        self._metrics = metrics
        self._pool = Pool(driver, pool, metrics)
        availability.listen(self._probed)
        executor = Executor(driver, self._pool)
        self.executor: Executor | HeldExecutor = executor
        self._under_way = executor.under_way

    def within(self, transaction: Transaction) -> Database:
        """The same, but that its statements run in a transaction."""
        held = copy(self)
        held.executor = HeldExecutor(transaction)
        return held

    @property
    def in_transaction(self) -> bool:
        """Whether its statements run in a transaction that a caller holds."""
        return isinstance(self.executor, HeldExecutor)

    def bounded(self, bounds: Bounds) -> Database:
        """The same within other bounds."""
        narrower = copy(self)
        narrower.bounds = bounds
        return narrower

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

    def schema_version(self) -> int | None:
        """A number that changes when anyone changes tables; None where it can't be told at once, without a request."""
        return self._driver.schema_version()

    def pool_numbers(self) -> PoolNumbers:
        """What the pool holds at this moment."""
        return self._pool.numbers()

    def show_breaker(self, *, shown: bool) -> None:
        """Whether its breaker is told of under its name."""
        self._metrics.show(shown=shown)

    def count_load(self, *, ok: bool) -> None:
        """Tables have been looked up, or their look-up has failed."""
        self._catalog_loads["ok" if ok else "failed"] += 1

    async def reflect(self, read: Callable[[Inspector], _T], deadline: Deadline) -> _T:
        """Call a function with SQLAlchemy's Inspector on a connection of the pool.

        Raises:
            RowgateError: what the database has against it; any other error of SQLAlchemy's as it is.
        """
        lease = await self._pool.checkout(deadline)
        sound, loaded = False, False
        try:
            async with asyncio.timeout_at(deadline.at):
                with lease.session.reflecting():
                    result = await greenlet_spawn(
                        lambda: read(inspect(Connection(self._pool.sync_engine, lease.checked_out)))
                    )
            sound = loaded = True
        except NoSuchTableError:
            sound = loaded = True
            raise
        except TimeoutError:
            if deadline.remaining() > 0:
                raise
            raise deadline.exceeded("while the schema was read", Outcome.NOT_RUN) from None
        except Exception as error:
            cause = getattr(error, "orig", None) or error
            cause = cause.__cause__ or cause
            translated = self._driver.translate(cause, has_parameters=False)
            sound = translated is not None and not self._driver.is_broken(cause)
            if translated is None or isinstance(error, RowgateError):
                raise
            raise translated from error
        finally:
            self.count_load(ok=loaded)
            lease.end(sound=sound)
        return result

    def _probed(self, up: bool) -> None:
        """A server that refuses the login is left to refuse each caller: it does so at once, and says why."""
        error = self.availability.error
        told = None if up or error is None else self._driver.translate(error, has_parameters=False)
        self._pool.breaker.probed(up or (told is not None and told.metadata.get("sqlstate", "").startswith(_REFUSED)))

    async def retire(self) -> None:
        """Stop probing, keep no connection that is not in use, and wait until none is."""
        await self.availability.stop()
        await self._pool.retire()

    async def close(self) -> None:
        """Stop probing, wait for clean-ups, close every connection."""
        await self.availability.stop()
        await self._pool.close()


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
