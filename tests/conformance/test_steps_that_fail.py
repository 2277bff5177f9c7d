"""What is told of the step of a batch that failed: which run of it, and what became of it. Late ones never begin."""

from __future__ import annotations

import pytest

import rowgate
from rowgate import Step
from support.engines import Engine


@pytest.mark.parametrize("before", [0, 1, 700])
async def test_the_run_that_failed_is_named(db: rowgate.Database, table: str, before: int) -> None:
    rows = [(number, "x") for number in range(before)]
    await db.query(f"insert into {table} (id, name) values (10000, 'x')")
    with pytest.raises(rowgate.DuplicateKey) as caught:
        await db.execute_many(f"insert into {table} (id, name) values (?, ?)", [*rows, (10000, "y"), (10001, "z")])
    assert (caught.value.metadata["param_set"], caught.value.step) == (str(before), 0)


async def test_the_run_whose_values_do_not_fit_is_named(db: rowgate.Database, engine: Engine, table: str) -> None:
    number = {"sqlite": 2**63, "mariadb": 2**40, "postgresql": 2**40}[engine.name]
    with pytest.raises(rowgate.ValueOutOfRange) as caught:
        await db.execute_many(f"insert into {table} (id, name) values (?, 'x')", [(1,), (2,), (number,)])
    assert caught.value.metadata["param_set"] == "2"


async def test_a_run_with_a_list_of_its_own_length_is_named(db: rowgate.Database, table: str) -> None:
    rows: list[dict[str, object]] = [{"ids": [1], "n": "x"}, {"ids": [1, 2], "n": None}]
    await db.query(f"insert into {table} (id, name) values (1, 'x')")
    with pytest.raises(rowgate.NotNullViolation) as caught:
        await db.execute_many(f"update {table} set name = :n where id in :ids", rows)
    assert caught.value.metadata["param_set"] == "1"


@pytest.mark.parametrize("mode", ["atomic", "independent"])
@pytest.mark.parametrize("step", ["", "select 1; select 2", "select :x", Step("select ?", 1, 2), "commit"])
async def test_what_is_wrong_in_itself_was_not_run(db: rowgate.Database, mode: str, step: Step | str) -> None:
    if mode == "atomic":
        with pytest.raises(rowgate.RowgateError) as caught:
            await db.batch([step])
        error = caught.value
    else:
        (answer,) = await db.batch([step], mode="independent")
        assert isinstance(answer, rowgate.RowgateError)
        error = answer
    assert (error.outcome, error.step) == (rowgate.Outcome.NOT_RUN, 0)


async def test_no_step_begins_after_the_time_of_its_batch(db: rowgate.Database, engine: Engine, table: str) -> None:
    insert = f"insert into {table} (id, name) values (?, 'x')"
    steps: list[Step | str] = [engine.endless, Step(insert, 1), Step.many(insert, [(2,)])]
    slow, *late = await db.with_options(timeout=1).batch(steps, mode="independent")
    assert isinstance(slow, rowgate.StatementTimeout)
    assert [getattr(each, "outcome", None) for each in late] == [rowgate.Outcome.NOT_RUN] * 2
    assert (await db.query(f"select count(*) from {table}")).scalar() == 0
