"""Table requests of a transaction do not wait for that itself: for its locks, its connection, what waits behind it."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

import rowgate
from support.engines import Engine
from support.eventually import eventually
from support.postgresql import PostgreSQL
from support.process import Gateway

WITHIN = 5
"""Seconds, after which a transaction that waits for itself is given up."""
_numbers = itertools.count(1)


@pytest.fixture(scope="module")
def locking_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Of SQLite's, with a rollback journal: a large write keeps all others from reading."""
    file: Path = tmp_path_factory.mktemp("narrow") / "without_wal.db"
    file.touch()
    return file


@pytest.fixture(scope="module")
async def narrow(urls: dict[str, str], locking_file: Path) -> AsyncIterator[rowgate.Client]:
    """A gateway whose transaction has the only connection; or on SQLite, a lock that keeps all others from reading."""
    places = {
        f"ROWGATE_DATABASES__{name}__POOL__{key}": number
        for name in ("MARIADB", "POSTGRESQL")
        for key, number in (("SIZE", "1"), ("MAX_OVERFLOW", "0"))
    }
    environment = {**urls, **places, "ROWGATE_DATABASES__SQLITE__URL": f"sqlite:///{locking_file}"}
    with Gateway.start(environment=environment) as gateway:
        async with rowgate.connect(gateway.address, retry=None) as client:
            yield client


@pytest.fixture
async def crowded(narrow: rowgate.Client, engine: Engine) -> rowgate.Database:
    return narrow.using(engine.name)


@pytest.fixture
async def unknown(db: rowgate.Database) -> AsyncIterator[str]:
    """A table that no request has asked for yet, with one row."""
    name = f"asked_late_{next(_numbers)}"
    await db.query(f"create table {name} (id integer primary key, name varchar(40) default 'none')")
    await db.query(f"insert into {name} values (1, 'a')")
    yield name
    await db.query(f"drop table {name}")


@pytest.mark.engines("sqlite", "postgresql")
async def test_a_transaction_knows_a_table_as_it_has_made_it(db: rowgate.Database, unknown: str) -> None:
    assert await db.table(unknown).count() == 1  # and it is known as it was
    async with db.transaction(timeout=WITHIN) as tx:
        await tx.query(f"alter table {unknown} add column added integer")
        await tx.table(unknown).insert({"id": 2, "name": "b", "added": 7})
        assert (await tx.table(unknown).get(id=2))["added"] == 7
        async with tx.savepoint() as before:
            await tx.query(f"alter table {unknown} add column further integer")
            assert (await tx.table(unknown).get(id=2))["further"] is None
            await before.rollback()
        assert list((await tx.table(unknown).get(id=2)).keys()) == ["id", "name", "added"]
        await tx.rollback()
    assert list((await db.table(unknown).get(id=1)).keys()) == ["id", "name"]


@pytest.mark.engines("sqlite", "postgresql")
async def test_what_a_transaction_has_made_of_a_table_stays_its_own(db: rowgate.Database, unknown: str) -> None:
    async with db.transaction(timeout=WITHIN) as tx:
        await tx.query(f"alter table {unknown} drop column name")
        assert list((await tx.table(unknown).get(id=1)).keys()) == ["id"]
        await tx.rollback()
    # A column that is missing from what is known would be missed by nobody else.
    assert list((await db.table(unknown).get(id=1)).keys()) == ["id", "name"]


@pytest.mark.engines("postgresql")
async def test_what_locks_a_table_against_all_others_does_not_stop_its_own_transaction(
    db: rowgate.Database, unknown: str
) -> None:
    async with db.transaction(timeout=WITHIN) as tx:
        await tx.query(f"truncate {unknown}")
        await tx.table(unknown).insert({"id": 2, "name": "b"})
        assert (await tx.table(unknown).get(id=2))["name"] == "b"
        await tx.rollback()
    assert await db.table(unknown).count() == 1


@pytest.mark.engines("postgresql")
async def test_what_waits_behind_the_transaction_does_not_stop_it(
    db: rowgate.Database, unknown: str, engine: Engine, postgresql_server: PostgreSQL
) -> None:
    alter = f"alter table {unknown} add column added integer"
    async with db.transaction(timeout=WITHIN) as tx:
        await tx.query(f"select * from {unknown}")
        altering = asyncio.create_task(asyncio.to_thread(postgresql_server.execute, alter))
        running = engine.running.format(text=alter)
        await eventually(lambda: postgresql_server.execute(running)[0][0] == 1, 5, "it waits")
        assert (await tx.table(unknown).get(id=1))["name"] == "a"
        assert (await tx.table(unknown).where(id=1).count()) == 1
    await altering


async def test_a_transaction_that_leaves_no_connection_to_others_needs_none(
    crowded: rowgate.Database, engine: Engine
) -> None:
    name = f"alone_{next(_numbers)}"
    await crowded.query(f"create table {name} (id integer primary key, name varchar(1000))")
    try:
        for read_only in (True, False):
            if read_only and engine.name == "sqlite":
                continue  # which then lets others read
            async with crowded.transaction(timeout=WITHIN, read_only=read_only) as tx:
                if not read_only:
                    filler = engine.series.format(n=6000)
                    text = "printf('%900d', i)" if engine.name == "sqlite" else "'x'"
                    await tx.query(f"insert into {name} select i, {text} from ({filler}) as filler")
                assert (await tx.table(name).where(id=6000).count()) == (0 if read_only else 1)
                with pytest.raises(rowgate.UnknownTable, match=name):
                    await tx.table(f"{name}x").count()
                assert (await tx.query("select 1")).scalar() == 1
                await tx.rollback()
        assert await crowded.table(name).count() == 0
    finally:
        await crowded.query(f"drop table {name}")


@pytest.mark.engines("postgresql")
async def test_a_lock_of_others_that_is_waited_for_in_vain_leaves_the_transaction_as_it_was(
    db: rowgate.Database, unknown: str
) -> None:
    async with db.transaction(timeout=WITHIN) as other:
        await other.query(f"truncate {unknown}")
        async with db.transaction(timeout=WITHIN, lock_timeout=0.1) as tx:
            await tx.query("select 1")
            with pytest.raises(rowgate.LockTimeout):
                await tx.table(unknown).get(id=1)
            assert (await tx.query("select 2")).scalar() == 2
        await other.rollback()
