"""A pool that is hogged: by streams that are read when the test says so, and by transactions that do nothing."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager

from unit.engines.clock import now, settle
from unit.engines.scripted_driver import DriverError, ScriptedCursor, ScriptedDriver
from unit.engines.station import call, rows

from rowgate_server.engines.caller import caller
from rowgate_server.engines.deadline import Deadline
from rowgate_server.engines.driver import TransactionOptions
from rowgate_server.engines.executor import Executor
from rowgate_server.engines.pool import Pool, PoolSettings
from rowgate_server.engines.results import Column
from rowgate_server.engines.transaction import Transaction
from rowgate_server.engines.values import BoundStatement, ValueType
from rowgate_server.errors import Reason, RowgateError
from rowgate_server.observability.metrics import Metrics

_LONG = Deadline(1e9, 1e9, "the test's")


@contextmanager
def of(name: str) -> Iterator[None]:
    token = caller.set(name)
    try:
        yield
    finally:
        caller.reset(token)


class RoomyDriver(ScriptedDriver):
    """To a server that has room for so many connections."""

    def __init__(self, room: int) -> None:
        super().__init__()
        self._room = room
        self.connecting = self._connect

    def translate(self, error: BaseException, *, has_parameters: bool) -> RowgateError | None:
        del error, has_parameters
        return RowgateError(Reason.DATABASE_UNAVAILABLE, "no room").with_defaults(sqlstate="53300")

    async def _connect(self) -> None:
        if sum(line.startswith("connect") for line in self.log) - len(self.gone()) >= self._room:
            raise DriverError

    def gone(self) -> set[str]:
        return {line.split()[1] for line in self.log if line.startswith(("abort", "close"))}


class Hogged:
    """A pool of so many connections to a server with room for so many; streams are read when the test says so."""

    def __init__(self, size: int, room: int) -> None:
        self.driver = RoomyDriver(room)
        settings = PoolSettings(size, 0, recycle=0, pre_ping=False, wait_timeout=60.0)
        self.pool = Pool(self.driver, settings, Metrics().database("db"))
        self._executor = Executor(self.driver, self.pool)
        self.ended: list[tuple[str, float]] = []
        self.error: RowgateError | None = None
        self._tasks: list[asyncio.Task[None]] = []

    async def stream(self, name: str, *pauses: float, row: str = "", work: float = 0.0) -> asyncio.Task[None]:
        """One whose reader pauses so long behind each of its chunks, and for good behind the last.

        Each is so long in the making before it is sent.
        """
        with of(name):
            task = asyncio.create_task(self._read(name, (*pauses, 3600.0), row, work))
        self._tasks.append(task)
        await settle()
        return task

    async def rest(self, name: str) -> Transaction:
        """A transaction that waits for its caller at once; where it gives way, it ends."""
        begun: asyncio.Future[Transaction] = asyncio.get_running_loop().create_future()
        with of(name):
            self._tasks.append(asyncio.create_task(self._rest(name, begun)))
        return await begun

    async def ask(self, name: str) -> float:
        """How long a statement waits for its connection."""
        asked = now()
        self.driver.answers.append(ScriptedCursor(rows(1)))
        with of(name):
            await self._executor.run(call(seconds=3600))
        return now() - asked

    async def ask_in_vain(self, name: str, seconds: float) -> None:
        """A statement that has no connection for so long, and leaves."""
        asking = asyncio.create_task(self.ask(name))
        await asyncio.sleep(seconds)
        assert not asking.done()
        asking.cancel()
        await asyncio.gather(asking, return_exceptions=True)
        self.driver.answers.clear()

    async def close(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self.pool.close()

    async def _read(self, name: str, pauses: tuple[float, ...], row: str, work: float) -> None:
        cursor = ScriptedCursor(*([(row,)] for _ in range(len(pauses) + 1)))
        cursor.columns = (Column("c", ValueType.STRING),)
        self.driver.answers.append(cursor)
        statement = call(seconds=3600)._replace(statement=BoundStatement((name,), ()))
        try:
            async for chunk in self._executor.stream(statement, 1):
                await asyncio.sleep(work)
                chunk.sending()
                await asyncio.sleep(pauses[0])
                pauses = pauses[1:]
        except RowgateError as error:
            self.error = error

    async def _rest(self, name: str, begun: asyncio.Future[Transaction]) -> None:
        over = asyncio.Event()

        def give_way(seconds: float) -> None:
            self.ended.append((name, seconds))
            over.set()

        async with self._executor.transaction(TransactionOptions(), _LONG) as transaction:
            transaction.listing.idle(now(), _LONG, lambda _: None, give_way)
            begun.set_result(transaction)
            await over.wait()

    def killed(self) -> list[str]:
        """Whose connections."""
        ran = dict(line.split()[1:] for line in self.driver.log if line.startswith("execute"))
        return [ran[line.split()[1]] for line in self.driver.log if line.startswith("kill")]


@asynccontextmanager
async def hogged(size: int, room: int = 1000) -> AsyncIterator[Hogged]:
    found = Hogged(size, room)
    yield found
    await found.close()
    assert found.pool.numbers().in_use == 0
    assert not found.pool.pauses.resting
