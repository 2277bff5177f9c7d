"""PROFILE: a statement is run, and its steps are told with what was measured."""

from __future__ import annotations

import pytest

import rowgate
from support.engines import Engine
from support.rows import ROWS, count


@pytest.mark.engines("sqlite")
async def test_an_engine_that_measures_nothing_has_no_profile(db: rowgate.Database, filled: str) -> None:
    with pytest.raises(rowgate.NotSupported):
        await db.profile(f"select * from {filled} where name = 'n'")


@pytest.mark.engines("mariadb", "postgresql")
async def test_a_profile_tells_what_was_measured(db: rowgate.Database, filled: str) -> None:
    plan = await db.profile(f"select * from {filled} where name = :name", name="n")
    (node,) = [node for node in plan.walk() if node.target == filled]
    assert (node.actual_rows, node.loops) == (ROWS, 1)
    assert node.actual_time is not None
    assert node.actual_time.total_seconds() > 0
    assert plan.execution_time is not None
    assert plan.execution_time >= node.actual_time
    assert plan.planning_time is not None
    assert "actual" in plan.text


async def test_a_profile_runs_writes(db: rowgate.Database, filled: str, engine: Engine) -> None:
    writes = [
        f"insert into {filled} (id, name) values (9001, 'x')",
        f"delete from {filled} where id <= 3",
    ]
    for sql in writes:
        if engine.name == "sqlite":
            with pytest.raises(rowgate.NotSupported):
                await db.profile(sql)
        else:
            plan = await db.profile(sql)
            assert filled in {node.target for node in plan.walk()}
    assert await count(db, filled) == (ROWS if engine.name == "sqlite" else ROWS + 1 - 3)


async def test_a_profile_of_a_write_is_refused_where_only_reading_is_allowed(
    db: rowgate.Database, filled: str, engine: Engine
) -> None:
    refusal = rowgate.NotSupported if engine.name == "sqlite" else rowgate.ReadOnly
    with pytest.raises(refusal):
        await db.with_options(read_only=True).profile(f"delete from {filled}")
    assert await count(db, filled) == ROWS


async def test_a_profile_that_fails_changes_nothing(db: rowgate.Database, filled: str, engine: Engine) -> None:
    refusal = rowgate.NotSupported if engine.name == "sqlite" else rowgate.DuplicateKey
    with pytest.raises(refusal) as caught:
        await db.profile(f"insert into {filled} (id, name) values (9001, 'x'), (1, 'y')")
    expected = rowgate.Outcome.NOT_RUN if engine.name == "sqlite" else rowgate.Outcome.ROLLED_BACK
    assert caught.value.outcome is expected
    assert await count(db, filled) == ROWS


async def test_a_profile_is_ended_at_its_deadline(db: rowgate.Database, engine: Engine) -> None:
    refusal = rowgate.NotSupported if engine.name == "sqlite" else rowgate.StatementTimeout
    with pytest.raises(refusal):
        await db.with_options(timeout=1.5).profile(engine.endless)
