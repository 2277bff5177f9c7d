"""SQLite's OR FAIL keeps what the statement had done, and OR ROLLBACK ends the transaction: both are told."""

from __future__ import annotations

import pytest

import rowgate
from support.transactions import Transact

pytestmark = pytest.mark.engines("sqlite")
THREE = "insert {} into {} (id, name) values (1, 'a'), (2, 'b'), (1, 'c')"


async def count(db: rowgate.Database, table: str) -> object:
    return (await db.query(f"select count(*) from {table}")).scalar()


@pytest.mark.parametrize(
    ("clause", "outcome", "left"),
    [("", "ROLLED_BACK", 0), ("or rollback", "ROLLED_BACK", 0), ("or fail", "UNKNOWN", 2)],
)
async def test_a_statement_by_itself(db: rowgate.Database, table: str, clause: str, outcome: str, left: int) -> None:
    with pytest.raises(rowgate.DuplicateKey) as caught:
        await db.query(THREE.format(clause, table))
    assert (caught.value.outcome, await count(db, table)) == (outcome, left)


async def test_a_trigger_that_fails_keeps_rows_too(db: rowgate.Database, table: str) -> None:
    await db.query(
        f"create trigger {table}_t before insert on {table} when new.id = 3 begin select raise(fail, 'no'); end"
    )
    with pytest.raises(rowgate.CheckViolation) as caught:
        await db.query(f"insert into {table} (id, name) values (1, 'a'), (3, 'b')")
    assert (caught.value.outcome, await count(db, table)) == ("UNKNOWN", 1)


@pytest.mark.parametrize(
    ("clause", "outcome", "state"),
    [("", "ROLLED_BACK", "ACTIVE"), ("or fail", "UNKNOWN", "ACTIVE"), ("or rollback", "ROLLED_BACK", "ROLLED_BACK")],
)
async def test_a_statement_in_a_transaction(
    tx: Transact, db: rowgate.Database, table: str, clause: str, outcome: str, state: str
) -> None:
    await tx.sql(f"insert into {table} (id, name) values (9, 'x')")
    answer = await tx.sql(THREE.format(clause, table))
    assert (answer.error.metadata["outcome"], answer.state) == (outcome, state)
    if state == "ACTIVE":
        assert (await tx.commit()).state == "COMMITTED"
    assert await count(db, table) == {"": 1, "or fail": 3, "or rollback": 0}[clause]


@pytest.mark.parametrize("clause", ["or fail", "or rollback"])
async def test_a_batch_is_undone_all_the_same(db: rowgate.Database, table: str, clause: str) -> None:
    steps = [f"insert into {table} (id, name) values (9, 'x')", THREE.format(clause, table)]
    with pytest.raises(rowgate.DuplicateKey) as caught:
        await db.batch(steps)
    assert (caught.value.outcome, caught.value.step, await count(db, table)) == ("ROLLED_BACK", 1, 0)
    with pytest.raises(rowgate.DuplicateKey) as caught:
        await db.execute_many(f"insert {clause} into {table} (id, name) values (?, 'a')", [(1,), (2,), (1,)])
    assert (caught.value.outcome, await count(db, table)) == ("ROLLED_BACK", 0)


async def test_a_lock_that_is_not_had_is_no_run_that_failed(tx: Transact, db: rowgate.Database, table: str) -> None:
    await tx.sql(f"insert into {table} (id, name) values (9, 'x')")  # it holds the one write lock
    quick = db.with_options(timeout=20)
    with pytest.raises(rowgate.LockTimeout) as caught:
        await quick.execute_many(f"insert into {table} (id, name) values (?, 'a')", [(1,), (2,)])
    assert (caught.value.outcome, "param_set" in caught.value.metadata) == ("ROLLED_BACK", False)
    with pytest.raises(rowgate.LockTimeout) as caught:
        async with db.transaction(lock_timeout=0.1) as other:
            await other.query(f"insert into {table} (id, name) values (1, 'a')")
    assert caught.value.outcome == "ROLLED_BACK"
