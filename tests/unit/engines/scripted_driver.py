"""A driver that does what a test tells it to: SQLAlchemy's real pool above it, no database below it.

Only for what a real database cannot be made to do at the right moment. Everything that happens to a connection is
written into `ScriptedDriver.log`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any

from sqlalchemy import URL
from sqlalchemy.dialects import registry
from sqlalchemy.engine.default import DefaultDialect
from sqlalchemy.pool import AsyncAdaptedQueuePool, Pool
from sqlalchemy.util import await_only

from rowgate_server.engines.description import Description
from rowgate_server.engines.dialects import Dialect
from rowgate_server.engines.driver import ExecuteMode, Remains, ServerFacts, Standing, TransactionOptions
from rowgate_server.engines.results import Column, Completion, Row
from rowgate_server.engines.roles import Role
from rowgate_server.engines.values import AnyStatement, BoundStatement, ValueType
from rowgate_server.errors import Outcome, Reason, RowgateError

Step = Callable[[], Awaitable[None]]


class DriverError(Exception):
    """An error of the scripted driver's."""

    def __init__(self, reason: Reason = Reason.INVALID_SQL, *, broken: bool = False) -> None:
        super().__init__("the driver's own words")
        self.reason = reason
        self.broken = broken


class Link:
    """One connection: a number."""

    def __init__(self, number: int, log: list[str]) -> None:
        self.number = number
        self._log = log

    def close(self) -> None:
        self._log.append(f"close {self.number}")


class _Module:
    """What SQLAlchemy takes for the driver's module."""

    paramstyle = "qmark"
    Error = DriverError

    @staticmethod
    def connect(async_creator_fn: Callable[[], Awaitable[Link]]) -> Link:
        return await_only(async_creator_fn())


class ScriptedDialect(DefaultDialect):
    """Asks nothing of a new connection."""

    name = driver = "scripted"
    is_async = True
    supports_statement_cache = True

    @classmethod
    def import_dbapi(cls) -> Any:
        return _Module

    @classmethod
    def get_pool_class(cls, url: URL) -> type[Pool]:
        del url
        return AsyncAdaptedQueuePool

    def initialize(self, connection: Any) -> None:
        """Nothing to learn."""

    def do_rollback(self, dbapi_connection: Any) -> None:
        """Nothing to undo."""

    def get_isolation_level_values(self, dbapi_conn: Any) -> Sequence[Any]:
        del dbapi_conn
        return ["AUTOCOMMIT"]

    def set_isolation_level(self, dbapi_connection: Any, level: Any) -> None:
        """Every statement is a transaction of its own already."""


registry.register("scripted", __name__, ScriptedDialect.__name__)


async def at_once() -> None:
    """A step that takes no time."""


async def never() -> None:
    """A step that does not end by itself."""
    await asyncio.get_running_loop().create_future()


def lasting(seconds: float) -> Step:
    """A step that takes so long."""
    return lambda: asyncio.sleep(seconds)


def failing(error: BaseException) -> Step:
    """A step that raises."""

    async def fail() -> None:
        raise error

    return fail


class ScriptedCursor:
    """Gives its batches one by one; one that is a step is waited for, and gives no rows of its own."""

    def __init__(
        self,
        *batches: Sequence[Row] | Step,
        columns: int = 1,
        stops: Completion | None = None,
        log: list[str] | None = None,
    ) -> None:
        self.columns = tuple(Column(f"c{index}", ValueType.INT) for index in range(columns))
        self._batches = list(batches)
        self._stops = stops
        self._log = [] if log is None else log

    async def fetch(self) -> Sequence[Row]:
        while self._batches:
            batch = self._batches.pop(0)
            if not callable(batch):
                return batch
            try:
                await batch()
            except asyncio.CancelledError:
                self._log.append("fetch cancelled")
                raise
        return ()

    async def finish(self) -> Completion:
        self._log.append("finish")
        return Completion(affected_rows=7)

    async def stop(self) -> Completion | None:
        self._log.append("stop")
        return self._stops


class ScriptedDriver:
    """Set its steps and its answers, then look at its log."""

    dialect = Dialect.SQLITE
    engine_url = URL.create("scripted")
    outliving = None

    def __init__(self) -> None:
        self.log: list[str] = []
        self.modes: list[ExecuteMode] = []
        self.connecting: Step = at_once
        self.executing: Step = at_once
        self.resetting: Step = at_once
        self.killing: Step = at_once
        self.committing: Step = at_once
        self.looking: Step = at_once
        self.standing = Standing.ACTIVE
        self.remains = Remains.NOTHING
        self.probing: Step = at_once
        self.aborting: Callable[[], None] = lambda: None
        self.cursor = ScriptedCursor
        self.answers: list[ScriptedCursor] = []
        self.defers = False
        self.dead: set[int] = set()
        self.occupying: asyncio.Future[Any] | None = None
        self.deaf = False
        self._links = 0

    @property
    def adapter_options(self) -> dict[str, Any]:
        return {}

    async def connect(self) -> Link:
        await self.connecting()
        self._links += 1
        self.log.append(f"connect {self._links}")
        return Link(self._links, self.log)

    def session(self, connection: Link) -> ScriptedSession:
        return ScriptedSession(self, connection.number)

    async def role(self) -> Role:
        return Role()

    async def probe(self) -> ServerFacts:
        await self.probing()
        return ServerFacts("1.2.3", "main")

    def schema_version(self) -> int | None:
        return None

    async def close(self) -> None:
        self.log.append("driver closed")

    def translate(self, error: BaseException, *, has_parameters: bool) -> RowgateError | None:
        if not isinstance(error, DriverError):
            return None
        words = "masked" if has_parameters else "the database's words"
        outcome = None if error.reason is Reason.DATABASE_UNAVAILABLE else Outcome.ROLLED_BACK
        return RowgateError(error.reason, words, outcome=outcome, sqlstate="SCRPT", vendor_code="42")

    def is_broken(self, error: BaseException) -> bool:
        return not isinstance(error, DriverError) or error.broken


class ScriptedSession:
    """The session on one link."""

    begins_late = False

    def __init__(self, driver: ScriptedDriver, number: int) -> None:
        self._driver = driver
        self._number = number

    async def execute(self, statement: AnyStatement, mode: ExecuteMode) -> ScriptedCursor:
        self._note(f"execute {self._number} {statement.fragments[0]}")
        self._driver.modes.append(mode)
        await self._driver.executing()
        return self._driver.answers.pop(0)

    async def execute_many(self, statements: Sequence[BoundStatement]) -> Sequence[int] | int:
        self._note(f"execute many {self._number} {statements[0].fragments[0]}")
        await self._driver.executing()
        return [1] * len(statements)

    async def describe(self, statement: BoundStatement, *, valued: bool) -> Description:
        del valued
        self._note(f"execute {self._number} {statement.fragments[0]}")
        await self._driver.executing()
        return Description(columns=(Column("c0", ValueType.INT),), parameters=(), writes=False)

    async def begin(self, options: TransactionOptions) -> None:
        del options
        self._note(f"begin {self._number}")

    async def commit(self) -> None:
        self._note(f"commit {self._number}")
        await self._driver.committing()

    async def rollback(self) -> None:
        self._note(f"rollback {self._number}")
        await self._driver.committing()

    async def control(self, sql: str) -> None:
        self._note(f"{sql} {self._number}")
        await self._driver.committing()

    async def standing(self, error: Exception | None) -> Standing:
        await self._driver.looking()
        return Standing.ACTIVE if error is None else self._driver.standing

    async def remains(self) -> Remains:
        return self._driver.remains

    async def reset(self) -> None:
        self._note(f"reset {self._number}")
        await self._driver.resetting()

    async def kill(self) -> bool:
        self._note(f"kill {self._number}")
        await self._driver.killing()
        return not self._driver.deaf

    def defer_reset(self, *, reads: bool) -> bool:
        return reads and self._driver.defers

    def alive(self) -> bool:
        return self._number not in self._driver.dead

    def lost(self) -> bool:
        return not self.alive()

    def reflecting(self) -> AbstractContextManager[None]:
        return nullcontext()

    def abort(self) -> None:
        self._note(f"abort {self._number}")
        self._driver.aborting()

    def occupies(self) -> asyncio.Future[Any] | None:
        return self._driver.occupying

    def _note(self, line: str) -> None:
        self._driver.log.append(line)
