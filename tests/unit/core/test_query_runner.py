"""Raw SQL on real SQLite files: whose limit decides, what the figures mean, what errors know."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import aclosing
from pathlib import Path
from typing import Any

import pytest
from unit.core.sqlite_files import databases, fill

from rowgate_server.core.access import Switches
from rowgate_server.core.query import QueryOptions, QueryRequest, QueryRunner
from rowgate_server.engines.results import Stats, Truncation
from rowgate_server.engines.values import BoundValue, ValueType
from rowgate_server.errors import Outcome, Reason, RowgateError

COUNTING = "with recursive n(x) as (select 1 union all select x + 1 from n limit {}) select x from n"
ENDLESS = "with recursive n(x) as (select 1 union all select x + 1 from n) select count(*) from n"
CELLS = 8192


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return fill(
        tmp_path / "main.db",
        "create table things (id integer primary key, name text)",
        "insert into things values (1, 'a'), (2, 'b'), (3, 'c')",
    )


@pytest.fixture
async def runner(file: Path) -> AsyncIterator[QueryRunner]:
    # One connection: what one statement leaves behind, the next one would find.
    async with databases({"main": file}, pool__size="1", pool__max_overflow="0", limits__unary_rows="100") as found:
        yield QueryRunner(found, lambda _: None, Switches({}))


async def _stats(runner: QueryRunner, sql: str, **options: Any) -> Stats:
    return (await runner.execute(QueryRequest("", sql, options=QueryOptions(**options)))).stats


async def _streamed(runner: QueryRunner, request: QueryRequest) -> int:
    """The rows of a stream, read to its end."""
    return sum([len(chunk.rows) async for chunk in runner.stream(request, CELLS)])


async def _error(runner: QueryRunner, request: QueryRequest) -> RowgateError:
    with pytest.raises(RowgateError) as caught:
        await runner.execute(request)
    with pytest.raises(RowgateError) as streamed:
        await _streamed(runner, request)
    assert streamed.value.reason is caught.value.reason
    assert streamed.value.metadata.keys() == caught.value.metadata.keys()
    return caught.value


# Figures


@pytest.mark.parametrize(
    ("sql", "affected"),
    [
        ("select * from things", None),
        ("update things set name = 'x' where id < 3", 2),
        ("update things set name = 'x' where id = 9", 0),
        ("delete from things", 3),
        ("insert into things (name) values ('d'), ('e')", 2),
        ("insert into things (name) values ('d'), ('e') returning id", 2),
        ("update things set name = 'x' returning id", 3),
        ("create table others (x)", None),
        ("values (1), (2)", None),
        ("-- a comment\n/* and another */ delete from things", 3),
    ],
)
async def test_only_writes_tell_affected_rows(runner: QueryRunner, sql: str, affected: int | None) -> None:
    assert (await _stats(runner, sql)).completion.affected_rows == affected


async def test_a_cut_list_of_returned_rows_is_no_count_of_them(runner: QueryRunner) -> None:
    stats = await _stats(runner, "update things set name = 'x' returning id", max_rows=1)
    assert (stats.row_count, stats.truncation) == (1, Truncation.MAX_ROWS)
    assert stats.completion.affected_rows in (None, 3)


@pytest.mark.parametrize(
    ("sql", "last"),
    [
        ("insert into things (name) values ('d')", 4),
        ("insert into things values (77, 'd')", 77),
        ("replace into things values (2, 'd')", 2),
        ("insert into things values (9223372036854775807, 'd')", 2**63 - 1),
        # Rowids may be negative, and the wire's number may not: the insert went through all the same.
        ("insert into things values (-5, 'd')", None),
        ("insert into things values (0, 'd')", None),
        ("update things set name = 'x'", None),
        ("select 1", None),
    ],
)
async def test_the_last_insert_id_is_that_of_an_insert(runner: QueryRunner, sql: str, last: int | None) -> None:
    await _stats(runner, "insert into things values (3000, 'earlier')")
    await _stats(runner, "delete from things where id = 3000")
    assert (await _stats(runner, sql)).completion.last_insert_id == last


async def test_every_run_has_a_name_of_its_own(runner: QueryRunner) -> None:
    names = {(await _stats(runner, "select 1")).query_id for _ in range(5)}
    assert len(names) == 5
    assert all(re.fullmatch("[0-9a-f]{32}", name) for name in names)


# Limits


async def test_a_unary_result_over_the_servers_cap_fails_and_a_stream_has_none(runner: QueryRunner) -> None:
    request = QueryRequest("", COUNTING.format(101))
    with pytest.raises(RowgateError) as caught:
        await runner.execute(request)
    assert caught.value.reason is Reason.RESULT_TOO_LARGE
    assert caught.value.metadata["limit"] == "100 rows"
    assert "StreamQuery" in caught.value.metadata["hint"]
    assert len((await runner.execute(QueryRequest("", COUNTING.format(100)))).rows) == 100
    assert await _streamed(runner, request) == 101


async def test_the_callers_own_limit_cuts_and_says_so(runner: QueryRunner) -> None:
    stats = await _stats(runner, COUNTING.format(1000), max_rows=10)
    assert (stats.row_count, stats.truncation) == (10, Truncation.MAX_ROWS)
    stats = await _stats(runner, COUNTING.format(10), max_rows=10)
    assert (stats.row_count, stats.truncation) == (10, None)


@pytest.mark.parametrize(
    ("own", "call_timeout", "limit"),
    [
        (0.1, None, "options.timeout 0.1s"),
        (0.1, 10.0, "options.timeout 0.1s"),
        (10.0, 0.1, "the call's deadline 0.1s"),
        (1e11, 0.1, "the call's deadline 0.1s"),
        (None, 0.1, "the call's deadline 0.1s"),
    ],
)
async def test_the_soonest_limit_decides_and_is_named(
    runner: QueryRunner, own: float | None, call_timeout: float | None, limit: str
) -> None:
    request = QueryRequest("", ENDLESS, options=QueryOptions(timeout=own), call_timeout=call_timeout)
    error = await _error(runner, request)
    assert (error.reason, error.metadata["limit"]) == (Reason.STATEMENT_TIMEOUT, limit)


async def test_the_servers_own_limit_decides_where_the_caller_sets_none(file: Path) -> None:
    async with databases({"main": file}, timeouts__statement="0.2s", timeouts__stream="0.3s") as found:
        runner = QueryRunner(found, lambda _: None, Switches({}))
        with pytest.raises(RowgateError) as caught:
            await runner.execute(QueryRequest("", ENDLESS))
        assert caught.value.metadata["limit"] == "databases.main.timeouts.statement 0.2s"
        with pytest.raises(RowgateError) as caught:
            await _streamed(runner, QueryRequest("", ENDLESS))
        assert caught.value.metadata["limit"] == "databases.main.timeouts.stream 0.3s"


async def test_a_statement_that_ran_out_of_time_leaves_its_connection_to_the_next(runner: QueryRunner) -> None:
    with pytest.raises(RowgateError):
        await runner.execute(QueryRequest("", ENDLESS, options=QueryOptions(timeout=0.1)))
    assert (await runner.execute(QueryRequest("", "select 1"))).rows == [(1,)]


# Streams


async def test_columns_come_first_and_figures_last(runner: QueryRunner) -> None:
    chunks = [chunk async for chunk in runner.stream(QueryRequest("", COUNTING.format(20_000)), CELLS)]
    assert [column.name for column in chunks[0].columns or ()] == ["x"]
    assert not any(chunk.columns for chunk in chunks[1:])
    assert chunks[-1].stats is not None
    assert not any(chunk.stats for chunk in chunks[:-1])
    assert [cell for chunk in chunks for (cell,) in chunk.rows] == list(range(1, 20_001))


async def test_a_stream_that_is_closed_early_leaves_its_connection_to_the_next(runner: QueryRunner) -> None:
    async with aclosing(runner.stream(QueryRequest("", COUNTING.format(1_000_000)), CELLS)) as chunks:
        assert (await anext(chunks)).rows
    assert (await runner.execute(QueryRequest("", "select 1"))).rows == [(1,)]


async def test_a_task_that_is_cancelled_leaves_its_connection_to_the_next(runner: QueryRunner) -> None:
    task = asyncio.create_task(runner.execute(QueryRequest("", ENDLESS)))
    await asyncio.wait([task], timeout=0.1)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert (await runner.execute(QueryRequest("", "select 1"))).rows == [(1,)]


# Errors


async def test_an_error_of_the_database_knows_where_it_came_from(runner: QueryRunner) -> None:
    error = await _error(runner, QueryRequest("", "insert into things values (1, 'a')"))
    assert error.reason is Reason.DUPLICATE_KEY
    assert error.metadata["database"] == "main"
    assert re.fullmatch("[0-9a-f]{32}", error.metadata["query_id"])
    assert error.outcome == Outcome.ROLLED_BACK


@pytest.mark.parametrize(
    ("sql", "params", "reason"),
    [
        ("", {}, Reason.INVALID_SQL),
        ("select 1; select 2", {}, Reason.MULTIPLE_STATEMENTS),
        ("select :x", {}, Reason.INVALID_PARAMETER),
        ("select 1", {"x": BoundValue(ValueType.INT, 1)}, Reason.INVALID_PARAMETER),
    ],
)
async def test_an_error_of_the_text_never_reaches_the_database(
    runner: QueryRunner, sql: str, params: dict[str, BoundValue], reason: Reason
) -> None:
    error = await _error(runner, QueryRequest("main", sql, params))
    assert (error.reason, error.metadata["database"]) == (reason, "main")
    assert error.outcome in (None, Outcome.NOT_RUN)


async def test_a_statement_over_the_limit_is_refused(file: Path) -> None:
    async with databases({"main": file}, limits__sql_bytes="1kB") as found:
        error = await _error(
            QueryRunner(found, lambda _: None, Switches({})), QueryRequest("", f"select '{'x' * 2000}'")
        )
    assert error.reason is Reason.INVALID_SQL


@pytest.mark.parametrize("name", ["nowhere", "MAIN", "main ", "main\0"])
async def test_a_database_that_is_not_there(runner: QueryRunner, name: str) -> None:
    error = await _error(runner, QueryRequest(name, "select 1"))
    assert (error.reason, error.field, error.metadata["database"]) == (Reason.UNKNOWN_DATABASE, "database", name)


async def test_read_only_is_asked_for_by_the_caller_or_set_by_the_operator(runner: QueryRunner, file: Path) -> None:
    sql = "delete from things"
    error = await _error(runner, QueryRequest("", sql, options=QueryOptions(read_only=True)))
    assert error.reason is Reason.READ_ONLY
    async with databases({"main": file}, limits__read_only="true") as found:
        assert (
            await _error(QueryRunner(found, lambda _: None, Switches({})), QueryRequest("", sql))
        ).reason is Reason.READ_ONLY
    assert (await _stats(runner, sql)).completion.affected_rows == 3
