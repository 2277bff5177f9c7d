"""SQLite's sessions, on a real file, through the driver, the pool and the executor."""

from __future__ import annotations

import asyncio
import gc
import sqlite3
import threading
from collections.abc import AsyncIterator
from contextlib import aclosing, closing, suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rowgate_server.engines.deadline import Deadline
from rowgate_server.engines.dialects.sqlite.connection import Connection
from rowgate_server.engines.dialects.sqlite.session import SQLiteSession
from rowgate_server.engines.driver import ExecuteMode
from rowgate_server.engines.executor import Call
from rowgate_server.engines.limits import ResultLimits
from rowgate_server.engines.results import Row, Truncation
from rowgate_server.engines.values import NULL, BoundStatement, BoundValue, ValueType
from rowgate_server.errors import Reason, RowgateError
from support.sqlites import SQLite, call

V = ValueType
SERIES = "with recursive s (i) as (select 1 union all select i + 1 from s where i < {}) "
ENDLESS = SERIES.format(10**12) + "select count(*) from s"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    file = tmp_path / "data.db"
    with closing(sqlite3.connect(file)) as connection:
        connection.executescript(
            "pragma journal_mode = wal; create table parent (id integer primary key);"
            "create table things (id integer primary key, name text, parent references parent)"
        )
    return file


@pytest.fixture
async def db(file: Path) -> AsyncIterator[SQLite]:
    sqlite = SQLite(file)
    yield sqlite
    await sqlite.pool.close()


@pytest.fixture(scope="module")
async def shared(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[SQLite]:
    file = tmp_path_factory.mktemp("sqlite") / "data.db"
    sqlite3.connect(file).close()
    sqlite = SQLite(file)
    yield sqlite
    await sqlite.pool.close()


CELLS = st.one_of(
    st.none().map(lambda _: NULL),
    st.integers(-(2**63), 2**63 - 1).map(lambda number: BoundValue(V.INT, number)),
    st.integers(0, 2**63 - 1).map(lambda number: BoundValue(V.UINT, number)),
    st.floats(allow_nan=False).map(lambda number: BoundValue(V.DOUBLE, number)),
    st.text().map(lambda text: BoundValue(V.STRING, text)),
    st.binary().map(lambda octets: BoundValue(V.BYTES, octets)),
    st.decimals(allow_nan=False, allow_infinity=False).map(lambda number: BoundValue(V.DECIMAL, format(number, "f"))),
    st.datetimes().map(lambda moment: BoundValue(V.DATETIME, moment.isoformat())),
    st.uuids().map(lambda uuid: BoundValue(V.UUID, str(uuid))),
)


@given(st.lists(CELLS, min_size=1, max_size=5))
async def test_any_value_comes_back_as_it_went(shared: SQLite, values: list[BoundValue]) -> None:
    result = await shared.run("select " + ", ".join("§" for _ in values), *values)
    ((*cells,),) = result.rows
    assert [(type(cell), repr(cell)) for cell in cells] == [(type(value.value), repr(value.value)) for value in values]
    assert {column.type for column in result.columns} == {V.DYNAMIC}


async def test_truth_is_an_integer(db: SQLite) -> None:
    assert await db.cell("select §", BoundValue(V.BOOL, True)) == 1


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (BoundValue(V.UINT, 2**63), Reason.VALUE_OUT_OF_RANGE),
        (BoundValue(V.DOUBLE, float("nan")), Reason.VALUE_OUT_OF_RANGE),
        (BoundValue(V.LIST, []), Reason.NOT_SUPPORTED),
    ],
)
async def test_what_sqlite_cannot_hold_is_refused(db: SQLite, value: BoundValue, reason: Reason) -> None:
    assert (await db.refusal("select §", value)).reason is reason


async def test_columns_have_names_and_may_share_one(db: SQLite) -> None:
    result = await db.run("select 1 as a, 2 as a, 3 + 4")
    assert [column.name for column in result.columns] == ["a", "a", "3 + 4"]


async def test_writes_tell_how_many_rows_and_which_key(db: SQLite) -> None:
    inserted = (await db.run("insert into things (name) values ('a'), ('b')")).stats.completion
    assert (inserted.affected_rows, inserted.last_insert_id) == (2, 2)
    assert (await db.run("update things set name = 'c'")).stats.completion.affected_rows == 2
    ignored = (await db.run("insert or ignore into things (id) values (1)")).stats.completion
    assert (ignored.affected_rows, ignored.last_insert_id) == (0, None)
    assert (await db.run("select 1")).stats.completion.affected_rows is None
    returned = await db.run("insert into things (name) values ('d') returning id, name")
    assert list(returned.rows) == [(3, "d")]
    assert returned.stats.completion.affected_rows == 1


async def test_a_returning_that_is_cut_still_writes_everything(db: SQLite) -> None:
    sql = SERIES.format(1000) + "insert into things (name) select i from s returning id"
    result = await db.run(sql, limits=ResultLimits(max_rows=1))
    assert result.stats.truncation is Truncation.MAX_ROWS
    assert await db.cell("select count(*) from things") == 1000


@pytest.mark.parametrize("width", [1, 100, 20_000])
async def test_every_row_arrives_once_in_order_however_wide(db: SQLite, width: int) -> None:
    count = 300_000 // max(width, 30)
    sql = SERIES.format(count) + f"select i, hex(zeroblob({width})) from s"
    received: list[Row] = []
    async with aclosing(db.executor.stream(call(sql))) as chunks:
        async for chunk in chunks:
            received += chunk.rows
    assert [row[0] for row in received] == list(range(1, count + 1))
    assert {len(row[1]) for row in received} == {2 * width}


async def test_a_transaction_left_open_is_rolled_back(db: SQLite) -> None:
    await db.run("begin")
    await db.run("begin immediate")  # the first one is gone
    await db.run("insert into things (name) values ('kept')")
    assert await db.cell("select count(*) from things") == 1
    assert db.dropped("reset") == 0


async def test_a_connection_with_temporary_tables_is_dropped(db: SQLite) -> None:
    await db.run("create temp table planted (i)")
    assert await db.cell("select count(*) from temp.sqlite_master") == 0
    assert db.dropped("reset") == 1


async def test_a_read_only_call_refuses_writes_and_the_next_one_does_not(db: SQLite) -> None:
    write = "insert into things (name) values ('a')"
    assert (await db.refusal(write, read_only=True)).reason is Reason.READ_ONLY
    assert (await db.refusal("create table x (i)", read_only=True)).reason is Reason.READ_ONLY
    await db.run(write)
    assert await db.cell("select count(*) from things") == 1


async def test_foreign_keys_are_enforced(db: SQLite) -> None:
    error = await db.refusal("insert into things (parent) values (9)")
    assert error.reason is Reason.FOREIGN_KEY_VIOLATION


async def test_a_value_longer_than_the_bound_is_refused(db: SQLite) -> None:
    error = await db.refusal("select zeroblob(1000000000)")
    assert error.reason is Reason.VALUE_OUT_OF_RANGE


async def test_a_guarded_function_asked_late_is_still_denied(db: SQLite) -> None:
    late = (
        SERIES.format(5000)
        + "select i, case when i > 4000 then (select file from pragma_database_list where seq = 0) end from s"
    )
    assert (await db.refusal(late)).reason is Reason.PERMISSION_DENIED
    assert (await db.refusal("attach ':memory:' as other")).reason is Reason.PERMISSION_DENIED
    assert await db.cell("select 1") == 1


async def test_a_lock_held_elsewhere_is_told_after_the_wait(db: SQLite, file: Path) -> None:
    with closing(sqlite3.connect(file, isolation_level=None)) as other:
        other.execute("begin immediate")
        error = await db.refusal("insert into things (name) values ('a')")
    assert error.reason is Reason.LOCK_TIMEOUT
    assert error.retry_after
    await db.run("insert into things (name) values ('a')")


async def free(db: SQLite) -> None:
    """Waits for the connection's clean-up: the pool has one place."""
    async with asyncio.timeout(4):  # below the bound of a clean-up: none must run into it
        await db.run("select 1")


async def test_a_cancelled_statement_ends_and_the_next_call_works(db: SQLite) -> None:
    caller = asyncio.create_task(db.run(ENDLESS))
    while not db.pool.numbers().in_use:  # noqa: ASYNC110 - the pool tells nobody
        await asyncio.sleep(0)
    caller.cancel()
    await asyncio.wait({caller})
    assert caller.cancelled()
    await free(db)
    assert db.dropped("kill") == 0


async def test_a_statement_over_its_time_ends(db: SQLite) -> None:
    late = Call(BoundStatement((ENDLESS,), ()), Deadline.soonest((0.05, "t")), ResultLimits(), "id", reads=True)
    with pytest.raises(RowgateError) as caught:
        await db.executor.run(late)
    assert caught.value.reason is Reason.STATEMENT_TIMEOUT
    await free(db)


async def test_a_statement_cancelled_before_its_first_step_never_runs(db: SQLite) -> None:
    connection = await db.driver.connect()
    session = db.driver.session(connection)
    held, go_on = threading.Event(), threading.Event()

    def hold(_: sqlite3.Connection) -> None:
        held.set()
        go_on.wait()

    holding = asyncio.create_task(session.on_thread(hold))
    await asyncio.to_thread(held.wait)
    write = call("insert into things (name) values ('planted')")
    executing = asyncio.create_task(session.execute(write.statement, ExecuteMode()))
    await asyncio.sleep(0)
    executing.cancel()
    killing = asyncio.create_task(session.kill())
    await asyncio.sleep(0)
    go_on.set()
    await asyncio.gather(holding, killing)
    await connection.close()
    assert await db.cell("select count(*) from things") == 0


async def test_a_stream_left_early_frees_its_connection(db: SQLite) -> None:
    async with aclosing(db.executor.stream(call(SERIES.format(10**9) + "select i from s"))) as chunks:
        assert (await anext(chunks)).rows
    await free(db)


async def test_text_that_is_no_utf_8_spoils_only_its_own_call(db: SQLite) -> None:
    error = await db.refusal("select cast(x'ff' as text)")
    assert error.reason is Reason.INVALID_SQL
    assert await db.cell("select 1") == 1


async def test_a_missing_file_is_unavailable_and_is_not_made(tmp_path: Path) -> None:
    missing = SQLite(tmp_path / "mistyped.db")
    error = await missing.refusal("select 1")
    assert error.reason is Reason.DATABASE_UNAVAILABLE
    assert error.outcome == "NOT_RUN"
    assert "mistyped" not in error.message
    with pytest.raises(sqlite3.OperationalError):
        await missing.driver.probe()
    await missing.pool.close()
    assert not (tmp_path / "mistyped.db").exists()


async def test_a_read_only_file_refuses_writes(file: Path) -> None:
    db = SQLite(file, read_only=True)
    assert (await db.refusal("insert into things (name) values ('a')")).reason is Reason.READ_ONLY
    assert await db.cell("select count(*) from things") == 0
    await db.pool.close()


async def test_a_path_may_hold_what_means_something_in_a_uri(tmp_path: Path) -> None:
    file = tmp_path / "a b?mode=memory#c%20d'é.db"
    with closing(sqlite3.connect(file)) as connection:
        connection.executescript("create table here (i)")
    db = SQLite(file)
    assert await db.cell("select count(*) from here") == 0
    await db.pool.close()


class Running:
    """A statement without end on a connection's own thread, as long as this is entered.

    Attributes:
        ended: somebody had to end it: the test's own thread was held up.
    """

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self.ended = threading.Event()

    async def __aenter__(self) -> Running:
        begun, loop = asyncio.Event(), asyncio.get_running_loop()
        opened: sqlite3.Connection = self._connection._conn

        def tell() -> None:
            loop.call_soon_threadsafe(begun.set)

        def run(connection: sqlite3.Connection) -> None:
            connection.create_function("tell", 0, tell)
            with suppress(sqlite3.OperationalError):
                connection.execute(f"{ENDLESS} where i > 1 or tell() is null").close()

        def end() -> None:
            self.ended.set()
            opened.interrupt()

        self._running = asyncio.create_task(self._connection.on_thread(run))
        self._end = threading.Timer(10, end)
        self._end.start()
        await begun.wait()
        return self

    async def __aexit__(self, *_: object) -> None:
        self._end.cancel()
        while not self._running.done():
            await self._connection.interrupt()
            await asyncio.wait({self._running}, timeout=0.01)


FAILING = {
    "a row that is there": "insert into things (id) values (1)",
    "a step": "select abs(-9223372036854775807 - id) from things",
    "the rest of an EXPLAIN": "query plan select 1 from things",
}


@pytest.mark.parametrize("asked", ["execute", "describe"])
@pytest.mark.parametrize("sql", FAILING.values(), ids=FAILING)
async def test_what_is_left_of_a_statement_that_failed_holds_up_nobody(db: SQLite, sql: str, asked: str) -> None:
    """sqlite3 resets it with its cursor, wherever a collection finds that: what runs by then may have no end."""
    connection = await db.driver.connect()
    session = db.driver.session(connection)
    await session.execute(BoundStatement(("insert into things (id) values (1)",), ()), ExecuteMode())
    statement = BoundStatement((sql,), ())
    errors: list[sqlite3.Error] = []
    try:
        if asked == "execute":
            await session.execute(statement, ExecuteMode())
        else:
            await session.describe(statement, valued=False)
    except sqlite3.Error as error:
        errors.append(error)
    cursor = await session.execute(BoundStatement(("select 1",), ()), ExecuteMode())
    await cursor.finish()  # another statement has taken its place
    async with Running(connection) as running:
        errors.clear()
        gc.collect()
        assert not running.ended.is_set()
    await connection.close()


async def test_what_is_left_of_a_description_that_failed_holds_up_nobody(db: SQLite) -> None:
    connection = await db.driver.connect()
    cursor: Any = await connection.cursor()
    with pytest.raises(sqlite3.OperationalError):  # as SQLAlchemy does it
        await cursor.execute(FAILING["a step"].replace("id", "1").replace("things", "sqlite_schema"))
    await connection.on_thread(lambda _: None)  # the thread knows what it did last
    async with Running(connection) as running:
        cursor = None
        gc.collect()
        assert not running.ended.is_set()
    await connection.close()


async def test_a_probe_tells_the_version_and_leaves_nothing_open(db: SQLite) -> None:
    facts = await db.driver.probe()
    assert (facts.version, facts.default_schema) == (sqlite3.sqlite_version, "main")
    gc.collect()
    assert db.pool.numbers().in_use == 0


async def test_a_connect_that_fails_half_way_leaves_no_thread(db: SQLite, monkeypatch: pytest.MonkeyPatch) -> None:
    threads: list[threading.Thread] = []

    async def fail(session: SQLiteSession, _: object) -> None:
        threads.append(session._connection._thread)
        raise asyncio.CancelledError

    with monkeypatch.context() as patch:
        patch.setattr(SQLiteSession, "on_thread", fail)
        with pytest.raises(asyncio.CancelledError):
            await db.driver.connect()
    (thread,) = threads
    await asyncio.to_thread(thread.join, 10)
    assert not thread.is_alive()
