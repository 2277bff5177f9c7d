"""The values of many sets are bound beside the event loop: every other call would wait for that."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from rowgate_server.engines.deadline import Deadline
from rowgate_server.engines.dialects.sqlite import arguments, session
from rowgate_server.engines.driver import TransactionOptions
from rowgate_server.engines.many import RunFailedError
from rowgate_server.engines.values import BoundStatement, BoundValue, ValueType
from support.sqlites import SQLite

MANY = 5_000
FRAGMENTS = ("insert into things (id) values (", ")")


@pytest.fixture
def threads(monkeypatch: pytest.MonkeyPatch) -> set[int]:
    """On which values are bound."""
    noted: set[int] = set()

    def bind(values: Sequence[BoundValue]) -> list[Any]:
        noted.add(threading.get_ident())
        return arguments.bind(values)

    monkeypatch.setattr(session, "bind", bind)
    return noted


@pytest.mark.parametrize(("count", "beside"), [(2, False), (MANY, True)])
async def test_the_values_of_many_sets_are_bound_beside_the_event_loop(
    tmp_path: Path, threads: set[int], count: int, beside: bool
) -> None:
    file = tmp_path / "data.db"
    sqlite3.connect(file).close()
    db = SQLite(file)
    await db.run("create table things (id integer primary key)")
    threads.clear()
    runs = [BoundStatement(FRAGMENTS, (BoundValue(ValueType.INT, number),)) for number in range(count)]
    lease: Any = await db.pool.checkout(Deadline.soonest((10, "the test")), reads=False)
    await lease.session.begin(TransactionOptions(many=True))
    assert await lease.session.execute_many(runs) == count
    assert (threading.get_ident() not in threads) is beside
    with pytest.raises(RunFailedError) as caught:
        await lease.session.execute_many([*runs, BoundStatement(FRAGMENTS, (BoundValue(ValueType.UINT, 2**64 - 1),))])
    assert caught.value.index == count
    await lease.session.rollback()
    lease.end(sound=True)
    await db.pool.close()
