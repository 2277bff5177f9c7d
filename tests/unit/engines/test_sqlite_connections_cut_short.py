"""A connection to a file that nobody wants any more while it is made: it ends with its thread, wherever it is."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from unit.core.sqlite_files import fill

from rowgate_server.engines.connector import Attempt, Connector, ConnectorSettings
from rowgate_server.engines.dialects.sqlite import SQLiteDriver, driver
from rowgate_server.engines.dialects.sqlite.connection import Connection
from rowgate_server.engines.dialects.sqlite.driver import SQLiteFile, SQLiteTimeouts
from rowgate_server.observability.metrics import Metrics

Step = tuple[asyncio.Future[Any], Callable[[], Any]]


class Watched(Connection):
    """Tells of each step that its thread is asked for."""

    made: Watched
    asked: Callable[[Step], None]

    def __init__(self, connector: Callable[[], Any], lock: float) -> None:
        super().__init__(connector, lock)
        tapped: Any = self
        self._queue, self._tx = self._tx, tapped
        type(self).made = self

    def put_nowait(self, step: Step) -> None:
        self._queue.put_nowait(step)
        type(self).asked(step)

    @property
    def lives(self) -> bool:
        self._thread.join(5)
        return self._thread.is_alive()


async def cancelled_at(step: int, connector: Connector, *, answered: bool, again: bool) -> bool:
    """Whether making a connection takes so many steps; it was cancelled in that one then, and has ended."""
    seen = 0

    def asked(asked_for: Step) -> None:
        nonlocal seen
        seen += 1
        if seen == step and answered:
            asked_for[0].add_done_callback(lambda _: making.cancel())
        elif seen == step or (seen == step + 1 and again):
            asyncio.get_running_loop().call_soon(making.cancel)

    Watched.asked = asked
    making = asyncio.ensure_future(connector.new_one(Attempt(), lambda: None))
    (made,) = await asyncio.gather(making, return_exceptions=True)
    if not isinstance(made, BaseException):
        await connector.check_in(made, unfit="other")
        return False
    assert isinstance(made, asyncio.CancelledError), (step, made)
    assert not Watched.made.lives, step
    return True


@pytest.mark.parametrize("answered", [False, True], ids=["before its answer", "with its answer"])
@pytest.mark.parametrize("again", [False, True], ids=["once", "twice"])
async def test_one_that_is_cancelled_in_any_step_is_closed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, answered: bool, again: bool
) -> None:
    monkeypatch.setattr(driver, "Connection", Watched)
    file = SQLiteFile(fill(tmp_path / "main.db"))
    step, long_enough = 1, 5
    while True:
        sqlite = SQLiteDriver(file, SQLiteTimeouts(connect=10, lock=0.1))
        connector = Connector(sqlite, ConnectorSettings(1, 0, pre_ping=False), Metrics().database("db").connections)
        cancelled = await cancelled_at(step, connector, answered=answered, again=again)
        await connector.close()
        await sqlite.close()
        if not cancelled:
            break
        step += 1
    assert step > long_enough, "SQLAlchemy asks a new connection for several things"
