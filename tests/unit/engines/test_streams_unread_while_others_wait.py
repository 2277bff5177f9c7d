"""Who may go on without reading, and who is ended for it: nobody while nobody waits."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager

import pytest
from unit.engines.clock import now, on_the_clock, settle
from unit.engines.scripted_driver import DriverError, ScriptedCursor, ScriptedDriver, lasting
from unit.engines.station import call, rows

from rowgate_server.engines.caller import caller
from rowgate_server.engines.executor import Executor
from rowgate_server.engines.pool import Pool, PoolSettings
from rowgate_server.engines.results import Column
from rowgate_server.engines.values import BoundStatement, ValueType
from rowgate_server.errors import Outcome, Reason, RowgateError
from rowgate_server.observability.metrics import Metrics


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

    async def stream(self, name: str, *pauses: float, row: str = "") -> asyncio.Task[None]:
        """One whose reader pauses so long behind each of its chunks, and for good behind the last."""
        with of(name):
            task = asyncio.create_task(self._read(name, (*pauses, 3600.0), row))
        self._tasks.append(task)
        await settle()
        return task

    async def ask(self, name: str) -> float:
        """How long a statement waits for its connection."""
        asked = now()
        self.driver.answers.append(ScriptedCursor(rows(1)))
        with of(name):
            await self._executor.run(call(seconds=3600))
        return now() - asked

    async def close(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self.pool.close()

    async def _read(self, name: str, pauses: tuple[float, ...], row: str) -> None:
        cursor = ScriptedCursor(*([(row,)] for _ in range(len(pauses) + 1)))
        cursor.columns = (Column("c", ValueType.STRING),)
        self.driver.answers.append(cursor)
        statement = call(seconds=3600)._replace(statement=BoundStatement((name,), ()))
        try:
            async for _ in self._executor.stream(statement, 1):
                await asyncio.sleep(pauses[0])
                pauses = pauses[1:]
        except RowgateError as error:
            self.error = error

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


@on_the_clock
async def test_a_stream_that_is_not_read_goes_while_another_caller_waits_and_no_more_of_them() -> None:
    async with hogged(2) as pool:
        await pool.stream("a")
        await pool.stream("a")
        await asyncio.sleep(100)
        assert pool.killed() == [], "nobody waits"
        assert await pool.ask("b") == pytest.approx(0.2)
        assert pool.killed() == ["a"]
        assert await pool.ask("b") == 0
        await asyncio.sleep(100)
        assert pool.killed() == ["a"], "one is enough"


@on_the_clock
async def test_its_reader_is_told_why_and_that_nobody_knows_what_became_of_it() -> None:
    async with hogged(1) as pool:
        await pool.stream("a", 20)
        assert 4 <= await pool.ask("b") <= 4.4
        await asyncio.sleep(20)
        assert pool.error is not None
        assert (pool.error.reason, pool.error.outcome) == (Reason.STATEMENT_TIMEOUT, Outcome.UNKNOWN)
        assert pool.error.metadata["limit"] == "4s unread while others wait"
        assert (pool.error.metadata["database"], pool.error.metadata["query_id"]) == ("db", "id")


@on_the_clock
async def test_a_reader_that_pauses_for_less_is_left_alone_however_many_wait() -> None:
    async with hogged(1) as pool:
        await pool.stream("a", 3.9, *[0.9] * 50, 3.9)
        assert 53.9 <= await pool.ask("b") <= 54.3, "the last pause is for good"


@on_the_clock
async def test_one_that_reads_in_drops_only_is_no_better() -> None:
    async with hogged(1) as pool:
        await pool.stream("a", *[3.0] * 50)
        assert 5 <= await pool.ask("b") <= 5.4


@on_the_clock
async def test_what_it_has_left_unread_while_nobody_waited_is_not_held_against_it() -> None:
    async with hogged(1) as pool:
        await pool.stream("a", 100, *[0.9] * 50)
        await asyncio.sleep(100.5)
        assert await pool.ask("b") > 40


@on_the_clock
async def test_what_takes_long_to_send_has_longer() -> None:
    async with hogged(1) as pool:
        await pool.stream("a", row="x" * 4 * 1024 * 1024)
        assert 7 <= await pool.ask("b") <= 7.4


@on_the_clock
async def test_a_caller_s_own_waiting_ends_none_of_its_streams() -> None:
    async with hogged(1) as pool:
        await pool.stream("a")
        asking = asyncio.create_task(pool.ask("a"))
        await asyncio.sleep(50)
        assert pool.killed() == []
        asking.cancel()
        await asyncio.gather(asking, return_exceptions=True)
        pool.driver.answers.clear()


@on_the_clock
async def test_it_is_the_caller_with_the_most_who_makes_room() -> None:
    async with hogged(3) as pool:
        await pool.stream("b")
        await asyncio.sleep(1)
        await pool.stream("a")
        await pool.stream("a")
        await asyncio.sleep(10)
        await pool.ask("c")
        assert pool.killed() == ["a"]


@on_the_clock
async def test_a_line_that_is_gone_at_once_ends_nobody() -> None:
    async with hogged(2) as pool:
        await pool.stream("a")
        await asyncio.sleep(10)
        pool.driver.executing = lambda: asyncio.sleep(0.05)
        waited = await asyncio.gather(*(pool.ask(name) for name in "bcd"))
        assert max(waited) < 0.2
        await asyncio.sleep(1)
        assert pool.killed() == []


@on_the_clock
async def test_one_goes_as_well_where_it_is_the_server_that_has_no_room_and_no_more_of_them() -> None:
    async with hogged(10, room=3) as pool:
        await pool.stream("b", *[0.9] * 200)
        for _ in range(2):
            await pool.stream("a")
        await asyncio.sleep(100)
        assert pool.killed() == [], "nobody waits"
        pool.driver.killing = lasting(0.3)
        assert 0.2 <= await pool.ask("c") <= 0.8
        assert pool.killed() == ["a"]
        assert await pool.ask("c") == 0
        await asyncio.sleep(10)
        assert pool.killed() == ["a"], "one is enough"


@on_the_clock
async def test_whoever_waits_for_room_is_served_once_a_reader_has_taken_nothing_for_too_long() -> None:
    async with hogged(10, room=1) as pool:
        await pool.stream("a")
        assert 4 <= await pool.ask("b") <= 4.5


@on_the_clock
async def test_a_caller_s_own_waiting_for_room_ends_none_of_its_streams() -> None:
    async with hogged(10, room=1) as pool:
        await pool.stream("a")
        await asyncio.sleep(10)
        with pytest.raises(RowgateError):
            await pool.ask("a")
        assert pool.killed() == []
        pool.driver.answers.clear()


@on_the_clock
async def test_who_has_most_connections_makes_room_and_not_who_waits_for_most() -> None:
    async with hogged(10, room=3) as pool:
        await pool.stream("b")
        await asyncio.sleep(1)
        await pool.stream("a")
        await pool.stream("a")
        await asyncio.sleep(10)
        await asyncio.gather(*(pool.ask(name) for name in "bbbbbc"))
        assert pool.killed() == ["a"]
