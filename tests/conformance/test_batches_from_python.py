"""The Python client's batches, from end to end."""

from __future__ import annotations

import pytest

import rowgate
from rowgate import Step, StepResult
from support.engines import Engine


async def count(db: rowgate.Database, table: str) -> int:
    return int((await db.query(f"select count(*) from {table}")).scalar())


async def test_a_batch_answers_step_by_step(db: rowgate.Database, table: str) -> None:
    inserted, changed, found = await db.batch(
        [
            Step(f"insert into {table} (id, name) values (:id, :name)", id=1, name="a"),
            f"update {table} set name = 'b'",
            Step(f"select name from {table} where id = ?", 1),
        ]
    )
    assert (inserted.affected_rows, changed.affected_rows, found.scalar()) == (1, 1, "b")


async def test_of_an_atomic_batch_the_failed_step_is_raised_and_nothing_lasts(db: rowgate.Database, table: str) -> None:
    insert = f"insert into {table} (id, name) values (1, 'a')"
    with pytest.raises(rowgate.DuplicateKey) as caught:
        await db.batch([insert, insert, insert])
    assert (caught.value.step, caught.value.outcome) == (1, rowgate.Outcome.ROLLED_BACK)
    assert caught.value.code is not None
    assert await count(db, table) == 0


async def test_independent_steps_have_an_error_in_their_place(db: rowgate.Database, table: str) -> None:
    insert = f"insert into {table} (id, name) values (?, 'a')"
    answers = await db.batch([Step(insert, 1), Step(insert, 1), Step(insert, 2)], mode="independent")
    assert [isinstance(answer, StepResult) for answer in answers] == [True, False, True]
    assert isinstance(answers[1], rowgate.DuplicateKey)
    assert answers[1].step == 1
    assert await count(db, table) == 2


async def test_one_statement_for_many_rows(db: rowgate.Database, engine: Engine, table: str) -> None:
    positional = await db.execute_many(
        f"insert into {table} (id, name, amount) values (?, ?, ?)",
        ((number, f"it's {number}", None if number % 2 else number + 1) for number in range(1000)),
    )
    assert positional.affected_rows == 1000
    named = await db.execute_many(
        f"update {table} set name = :name where id < :below",
        [{"name": "x", "below": 10}, {"name": "y", "below": 5}],
    )
    assert named.affected_rows == 15
    assert named.affected_by_run == (() if engine.name == "sqlite" else (10, 5))
    rows = await db.query(f"select id, name from {table} where id < 3 order by id")
    copied = await db.execute_many(f"insert into {table} (id, name) values (? + 2000, ?)", rows)
    assert copied.affected_rows == 3
    with pytest.raises(rowgate.DuplicateKey) as caught:
        await db.execute_many(f"insert into {table} (id, name) values (?, 'z')", [(5000,), (1,)])
    assert caught.value.outcome is rowgate.Outcome.ROLLED_BACK
    assert await count(db, table) == 1003


async def test_a_read_only_view_runs_no_write(db: rowgate.Database, table: str) -> None:
    reading = db.with_options(read_only=True)
    with pytest.raises(rowgate.ReadOnly):
        await reading.execute_many(f"insert into {table} (id, name) values (?, 'z')", [(1,)])
    (only,) = await reading.batch([f"select count(*) from {table}"])
    assert only.scalar() == 0
