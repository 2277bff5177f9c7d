"""Spans of statements end, however a statement does."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

import pytest

from rowgate_server.engines.driver import Driver, ExecuteMode, TransactionOptions
from rowgate_server.engines.results import Completion
from rowgate_server.engines.traced import traced
from rowgate_server.engines.values import BoundStatement
from rowgate_server.errors import Reason, RowgateError
from rowgate_server.observability.tracing import Place, Tracing

SELECT = BoundStatement(("select 1",), ())


class BrokenError(Exception):
    """A driver's own."""


class Span:
    def __init__(self) -> None:
        self.rows = 0
        self.ends: list[str] = []
        self.begins = 0

    def began(self) -> None:
        self.begins += 1

    def returned(self, rows: int) -> None:
        self.rows += rows

    def end(self) -> None:
        self.ends.append("well")

    def fail(self, kind: str, code: str = "") -> None:
        if not self.ends:
            self.ends.append(f"{kind} {code}".strip())


class Spans:
    def __init__(self) -> None:
        self.made: list[tuple[Span, int]] = []

        self.commands: list[tuple[str, Span]] = []

    def command(self, place: Place, operation: str) -> Span:
        assert place.name == "main"
        self.commands.append((operation, Span()))
        return self.commands[-1][1]

    def statement(self, place: Place, fragments: Sequence[str], sets: int = 1) -> Span:
        assert (place.name, fragments) == ("main", SELECT.fragments)
        self.made.append((Span(), sets))
        return self.made[-1][0]


class Cursor:
    columns = ()

    def __init__(self, *, stops: bool, breaks: bool) -> None:
        self._stops, self._breaks = stops, breaks

    async def fetch(self) -> list[tuple[int]]:
        if self._breaks:
            raise BrokenError
        return [(1,), (2,)]

    async def finish(self) -> Completion:
        return Completion()

    async def stop(self) -> Completion | None:
        return Completion() if self._stops else None


class Session:
    stops, breaks, refuses, begins_late = True, False, False, False

    async def begin(self, _: object) -> None:
        await self.commit()

    async def commit(self) -> None:
        if self.refuses:
            raise BrokenError

    async def control(self, _: str) -> None:
        await self.commit()

    rollback = commit

    async def execute(self, *_: object) -> Cursor:
        if self.refuses:
            raise BrokenError
        return Cursor(stops=self.stops, breaks=self.breaks)

    async def execute_many(self, statements: Sequence[BoundStatement]) -> int:
        if self.refuses:
            raise BrokenError
        return len(statements)

    async def kill(self) -> bool:
        return True

    async def reset(self) -> None:
        """Reset."""

    def defer_reset(self, *, reads: bool) -> bool:
        return reads

    def alive(self) -> bool:
        return True

    def lost(self) -> bool:
        return False


class FakeDriver:
    def __init__(self) -> None:
        self.made = Session()

    def session(self, _: object) -> Session:
        return self.made

    def translate(self, error: BaseException, **_: bool) -> RowgateError | None:
        return RowgateError(Reason.INVALID_SQL, "no", sqlstate="42000") if isinstance(error, BrokenError) else None


class Traced:
    """A traced session, what is beneath it, and its spans."""

    def __init__(self) -> None:
        self.spans, self.driver = Spans(), FakeDriver()
        place = Place("main", "sqlite", "test")
        driver = traced(cast("Driver", self.driver), cast("Tracing", self.spans), place)
        self.beneath: Session = self.driver.made
        self.session: Any = driver.session(None)

    async def run(self) -> Any:
        return await self.session.execute(SELECT, ExecuteMode())

    @property
    def ends(self) -> list[list[str]]:
        return [span.ends for span, _ in self.spans.made]


@pytest.fixture
def it() -> Traced:
    return Traced()


async def test_rows_are_counted_to_the_end(it: Traced) -> None:
    cursor = await it.run()
    await cursor.fetch()
    await cursor.fetch()
    await cursor.finish()
    assert (it.ends, it.spans.made[0][0].rows) == ([["well"]], 4)
    await it.session.reset()
    assert it.ends == [["well"]]


async def test_a_result_that_is_stopped_well_has_ended_well(it: Traced) -> None:
    assert await (await it.run()).stop() is not None
    assert it.ends == [["well"]]


async def test_a_result_that_takes_a_kill_ends_with_it(it: Traced) -> None:
    it.beneath.stops = False
    assert await (await it.run()).stop() is None
    assert it.ends == [[]]
    await it.session.kill()
    assert it.ends == [["killed"]]


@pytest.mark.parametrize("how", ["reset", "defer_reset", "execute", "execute_many"])
async def test_a_result_that_nobody_reads_to_its_end_ends_with_what_comes_next(it: Traced, how: str) -> None:
    await it.run()
    if how == "reset":
        await it.session.reset()
    elif how == "defer_reset":
        assert it.session.defer_reset(reads=True)
    elif how == "execute":
        await it.run()
    else:
        await it.session.execute_many([SELECT])
    assert it.ends[0] == ["abandoned"]


async def test_an_error_is_told_by_the_gateway_s_reason_and_the_database_s_code(it: Traced) -> None:
    it.beneath.breaks = True
    with pytest.raises(BrokenError):
        await (await it.run()).fetch()
    it.beneath.refuses = True
    with pytest.raises(BrokenError):
        await it.run()
    with pytest.raises(BrokenError):
        await it.session.execute_many([SELECT])
    assert it.ends == [["INVALID_SQL 42000"]] * 3


async def test_many_sets_are_one_span(it: Traced) -> None:
    assert await it.session.execute_many([SELECT] * 3) == 3
    assert [(span.ends, sets) for span, sets in it.spans.made] == [(["well"], 3)]


async def test_what_begins_and_ends_a_transaction_is_told_and_what_fails_of_it(it: Traced) -> None:
    await it.session.begin(TransactionOptions())
    await it.session.control("ROLLBACK TO SAVEPOINT rowgate_0")
    await it.session.rollback()
    it.beneath.refuses = True
    with pytest.raises(BrokenError):
        await it.session.commit()
    assert [(operation, *span.ends) for operation, span in it.spans.commands] == [
        ("BEGIN", "well"),
        ("ROLLBACK TO SAVEPOINT", "well"),
        ("ROLLBACK", "well"),
        ("COMMIT", "INVALID_SQL 42000"),
    ]


@pytest.mark.parametrize("between", ["reset", "kill", "nothing"])
async def test_what_waits_for_the_first_statement_is_told_with_that_once(it: Traced, between: str) -> None:
    it.beneath.begins_late = True
    await it.session.begin(TransactionOptions())
    if between != "nothing":
        await getattr(it.session, between)()
    await it.run()
    await it.run()
    assert [span.begins for span, _ in it.spans.made] == [int(between == "nothing"), 0]
    assert it.spans.commands == []


async def test_all_else_goes_straight_through(it: Traced) -> None:
    assert it.session.alive()
    assert it.spans.made == []
