"""What SQL may not do to a transaction: begin it, end it, or commit it by the way."""

from __future__ import annotations

import pytest

import rowgate
from support.engines import Engine
from support.transactions import Transact

CONTROL = {
    "sqlite": ["COMMIT", "rollback", "BEGIN", "end", "savepoint x", "/* a */ commit"],
    "postgresql": ["COMMIT", "rollback", "BEGIN", "end", "abort", "start transaction", "savepoint x",
                   "release savepoint x", "prepare transaction 'x'", "set transaction read only",
                   "set session characteristics as transaction read only", "-- a\ncommit"],
    "mariadb": ["COMMIT", "rollback", "BEGIN", "start transaction", "savepoint x", "set autocommit = 1",
                "set @@session.autocommit=0", "set transaction read only", "xa start 'x'", "lock tables {t} write",
                "unlock tables", "set statement max_statement_time=1 for commit", "flush tables with read lock",
                "flush local tables {t} for export", "set statement max_statement_time=1 for backup lock {t}"],
}  # fmt: skip
COMMITTING = ["create table {t}_x (a int)", "alter table {t} add column b int", "truncate {t}", "drop table {t}",
              "rename table {t} to {t}_y", "execute immediate 'commit'", "begin not atomic commit; end",
              "flush tables", "grant usage on *.* to nobody", "set default role none",
              "set @a = 1, default role none", "create temporary sequence {t}_s", "load index into cache {t}",
              "analyze tables {t}"]  # fmt: skip
COMMITTING_NOTHING = ["create temporary table {t}_x (a int)", "create or replace temporary table {t}_x (a int)",
                      "drop temporary table {t}_x", "set role none", "set @password = 'x'"]  # fmt: skip


async def count(db: rowgate.Database, table: str) -> object:
    return (await db.query(f"select count(*) as n from {table}")).scalar()


async def test_sql_ends_no_transaction(tx: Transact, db: rowgate.Database, engine: Engine, table: str) -> None:
    await tx.sql(f"insert into {table} (id, name) values (1, 'a')")
    for sql in CONTROL[engine.name] + (COMMITTING if engine.name == "mariadb" else []):
        answer = await tx.sql(sql.format(t=table))
        assert (answer.error.reason, answer.state) == ("NOT_SUPPORTED", "ACTIVE"), (sql, answer.last)
        assert answer.error.metadata["hint"], sql
    assert await count(db, table) == 0
    await tx.rollback()
    assert await count(db, table) == 0


@pytest.mark.engines("mariadb")
@pytest.mark.parametrize("sql", ["backup lock {t}", "backup unlock", "backup stage start"])
async def test_a_lock_that_would_be_gone_at_once_is_not_answered_with_ok(
    db: rowgate.Database, table: str, sql: str
) -> None:
    with pytest.raises(rowgate.NotSupported) as caught:
        await db.query(sql.format(t=table))
    assert caught.value.outcome is rowgate.Outcome.NOT_RUN
    assert "backup" in caught.value.metadata["hint"]


@pytest.mark.engines("mariadb")  # the others commit nothing unasked
async def test_what_commits_nothing_is_let_through(tx: Transact, db: rowgate.Database, table: str) -> None:
    await tx.sql(f"insert into {table} (id, name) values (1, 'a')")
    for sql in COMMITTING_NOTHING:
        assert (await tx.sql(sql.format(t=table))).state == "ACTIVE", sql
    await tx.rollback()
    assert await count(db, table) == 0


async def test_sql_begins_and_ends_none_in_a_call_of_its_own(db: rowgate.Database, engine: Engine, table: str) -> None:
    for sql in CONTROL[engine.name]:
        with pytest.raises(rowgate.NotSupported) as caught:
            await db.query(sql.format(t=table))
        assert "Transact" in caught.value.metadata["hint"] or "set statement" in sql, sql


@pytest.mark.engines("mariadb")  # SQLite has no procedures; PostgreSQL lets none end the transaction that calls it
async def test_a_procedure_that_commits_is_told_of(tx: Transact, db: rowgate.Database, table: str) -> None:
    await db.query(f"create procedure {table}_ends() begin commit; end")
    try:
        await tx.sql(f"insert into {table} (id, name) values (1, 'a')")
        assert (await tx.sql(f"call {table}_ends()")).state == "COMMITTED"
    finally:
        await db.query(f"drop procedure {table}_ends")
