"""DESCRIBE and PLAN on real SQLite files: whose limits hold, and what errors know."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from unit.core.sqlite_files import databases, fill

from rowgate_server.core.access import Switches
from rowgate_server.core.explain import Explained, Explainer
from rowgate_server.core.query import QueryMode, QueryOptions, QueryRequest
from rowgate_server.engines.values import BoundValue, ValueType
from rowgate_server.errors import Outcome, Reason, RowgateError

MODES = [QueryMode.DESCRIBE, QueryMode.PLAN]


@pytest.fixture
async def explainer(tmp_path: Path) -> AsyncIterator[Explainer]:
    file = fill(tmp_path / "main.db", "create table things (id integer primary key, name text)")
    # One connection: what one statement leaves behind, the next one would find.
    async with databases({"main": file}, pool__size="1", pool__max_overflow="0", limits__unary_rows="3") as found:
        yield Explainer(found, Switches({}))


async def explain(explainer: Explainer, sql: str, mode: QueryMode, **options: Any) -> Explained:
    values = options.pop("params", {})
    return await explainer.explain(QueryRequest("", sql, params=values, options=QueryOptions(mode=mode, **options)))


async def test_a_description_and_a_plan(explainer: Explainer) -> None:
    described = await explain(explainer, "select * from things where id = :id", QueryMode.DESCRIBE)
    assert [column.name for column in described.columns] == ["id", "name"]
    assert described.description is not None
    assert [(each.name, each.position) for each in described.description.parameters] == [("id", 1)]
    assert (described.description.only_reads, described.plan) == (True, None)
    one = {"id": BoundValue(ValueType.INT, 1)}
    planned = await explain(explainer, "select * from things where id = :id", QueryMode.PLAN, params=one)
    assert planned.plan is not None
    assert [node.target for node in planned.plan.nodes] == ["things"]
    assert (planned.columns, planned.description) == ((), None)
    assert planned.stats.query_id != described.stats.query_id


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize(
    ("sql", "reason"),
    [
        ("select 1; select 2", Reason.MULTIPLE_STATEMENTS),
        ("select ?, :a", Reason.INVALID_PARAMETER),
        ("select * from nowhere", Reason.UNKNOWN_TABLE),
        ("", Reason.INVALID_SQL),
    ],
)
async def test_an_error_names_the_database_and_says_that_nothing_was_run(
    explainer: Explainer, mode: QueryMode, sql: str, reason: Reason
) -> None:
    with pytest.raises(RowgateError) as caught:
        await explain(explainer, sql, mode)
    assert caught.value.reason is reason
    assert caught.value.outcome == Outcome.NOT_RUN
    assert caught.value.metadata["database"] == "main"
    assert caught.value.metadata["query_id"]


async def test_a_profile_that_is_refused_was_not_run(explainer: Explainer) -> None:
    with pytest.raises(RowgateError) as caught:
        await explain(explainer, "select ?, :a", QueryMode.PROFILE)
    assert caught.value.outcome == Outcome.NOT_RUN


async def test_the_caller_s_limits_cut_no_plan_and_the_server_s_caps_hold(explainer: Explainer) -> None:
    two = "select * from things a, things b"
    planned = await explain(explainer, two, QueryMode.PLAN, max_rows=1, max_bytes=1)
    assert planned.plan is not None
    assert len(planned.plan.nodes) == 2
    assert (planned.stats.truncation, planned.stats.row_count) == (None, 0)
    with pytest.raises(RowgateError) as caught:
        await explain(explainer, two + ", things c, things d", QueryMode.PLAN)
    assert caught.value.reason is Reason.RESULT_TOO_LARGE
    assert caught.value.outcome == Outcome.NOT_RUN


async def test_a_write_is_planned_in_a_session_that_refuses_writes_and_the_next_call_may_write(
    explainer: Explainer,
) -> None:
    for mode in MODES:
        await explain(explainer, "delete from things", mode, read_only=True)
        await explain(
            explainer, "create table others (id)" if mode is QueryMode.DESCRIBE else "delete from things", mode
        )


async def test_the_timeout_decides(explainer: Explainer) -> None:
    for mode in MODES:
        with pytest.raises(RowgateError) as caught:
            await explain(explainer, "select 1", mode, timeout=1e-9)
        assert caught.value.reason is Reason.STATEMENT_TIMEOUT
        assert caught.value.outcome == Outcome.NOT_RUN
        assert caught.value.metadata["limit"].startswith("options.timeout")


async def test_an_unknown_database_is_told(explainer: Explainer) -> None:
    with pytest.raises(RowgateError) as caught:
        await explainer.explain(QueryRequest("nowhere", "select 1", options=QueryOptions(mode=QueryMode.PLAN)))
    assert caught.value.reason is Reason.UNKNOWN_DATABASE
