"""With `read_only` nothing is written, whatever is tried; and what is refused was not run."""

from __future__ import annotations

import contextlib
import os
import sqlite3
from collections.abc import AsyncIterator, Iterator
from contextlib import closing
from pathlib import Path

import pytest

import rowgate
from support.engines import ENGINES
from support.escapes import ATTEMPTS, SETUP, TEARDOWN
from support.mariadb import MariaDB
from support.postgresql import PostgreSQL
from support.process import Gateway

_TABLES = (
    "select table_name, table_type, coalesce(table_comment, ''), create_time from information_schema.tables "
    "where table_schema = 'rowgate_test'"
)
_STATE = {
    "mariadb": (
        "select * from kept order by id",
        "select next_not_cached_value from kept_s",
        _TABLES,
        "select routine_name, md5(routine_definition) from information_schema.routines where routine_name like 'kept%'",
        "select trigger_name from information_schema.triggers",
        "select event_name from information_schema.events",
        "select user, host, priv from mysql.global_priv",
        "select * from mysql.tables_priv",
    ),
    "postgresql": (
        "select * from kept order by id",
        "select last_value, is_called from kept_s",
        (
            "select relname, relkind, relacl::text, relfilenode, obj_description(oid) from pg_class "
            "where relname like 'kept%' or relname like 'gained%' or relname = 'lost' order by oid"
        ),
        "select proname, prosrc from pg_proc where proname like 'kept%' order by oid",
        "select oid from pg_largeobject_metadata",
        "select * from pg_db_role_setting",
        "select gid from pg_prepared_xacts",
    ),
    "sqlite": (
        "select * from kept order by id",
        "select * from sqlite_master order by name",
        "select word from kept_words",
        "select * from pragma_user_version, pragma_application_id, pragma_journal_mode",
    ),
}


class Kept:
    """What must stay as it is on each engine, seen past the gateway."""

    def __init__(self, mariadb: MariaDB, postgresql: PostgreSQL, folder: Path) -> None:
        self.folder = folder
        self.file = folder / "kept.db"
        self._mariadb = mariadb
        self._postgresql = postgresql

    def state(self, name: str) -> list[object]:
        files = sorted(path.name for path in self.folder.iterdir() if not path.name.startswith(self.file.name))
        return [files, *(self._ask(name, sql) for sql in _STATE[name])]

    def _ask(self, name: str, sql: str) -> object:
        if name == "sqlite":
            with closing(sqlite3.connect(self.file)) as connection:
                return connection.execute(sql).fetchall()
        return (self._mariadb if name == "mariadb" else self._postgresql).execute(sql)


@pytest.fixture(scope="module")
def kept(
    mariadb_server: MariaDB, postgresql_server: PostgreSQL, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Kept]:
    """The gateway's logins may write files and start programs here: the most that they could be given."""
    folder = tmp_path_factory.mktemp("kept")
    for parent in (folder, *folder.parents):
        with contextlib.suppress(PermissionError):
            parent.chmod(parent.stat().st_mode | 0o711)
    folder.chmod(0o777)
    mariadb_server.execute("grant file on *.* to rowgate")
    postgresql_server.script("grant pg_write_server_files, pg_execute_server_program to rowgate")
    yield Kept(mariadb_server, postgresql_server, folder)
    mariadb_server.execute("revoke file on *.* from rowgate")
    postgresql_server.script("revoke pg_write_server_files, pg_execute_server_program from rowgate")


@pytest.fixture(scope="module")
async def client(kept: Kept, mariadb_server: MariaDB, postgresql_server: PostgreSQL) -> AsyncIterator[rowgate.Client]:
    with closing(sqlite3.connect(kept.file)) as connection:
        connection.execute("PRAGMA journal_mode = WAL")
    environment = {
        "ROWGATE_DATABASES__SQLITE__URL": f"sqlite:///{kept.file}",
        "ROWGATE_DATABASES__MARIADB__URL": mariadb_server.url,
        "ROWGATE_DATABASES__POSTGRESQL__URL": postgresql_server.url,
    }
    with Gateway.start(environment=environment) as gateway:
        async with rowgate.connect(gateway.address, retry=None) as client:
            for engine in ENGINES:
                for sql in SETUP[engine.name]:
                    await client.using(engine.name).query(sql)
            yield client
            for engine in ENGINES:
                for sql in TEARDOWN[engine.name]:
                    await client.using(engine.name).query(sql)
        assert gateway.terminate() == 0, gateway.stderr


async def _stream(db: rowgate.Database, sql: str) -> None:
    async with db.stream(sql) as rows:
        async for _ in rows:
            pass


@pytest.mark.parametrize(("name", "sql"), [(name, sql) for name, attempts in ATTEMPTS.items() for sql in attempts])
async def test_nothing_gets_out_of_a_call_that_only_reads(
    client: rowgate.Client, kept: Kept, name: str, sql: str
) -> None:
    db = client.using(name).with_options(read_only=True)
    sql = sql.replace("{folder}", os.fspath(kept.folder))
    before = kept.state(name)
    refusals = []
    for run in (db.query(sql), _stream(db, sql), db.profile(sql)):
        try:
            await run
        except rowgate.RowgateError as error:
            refusals.append(error)
    assert kept.state(name) == before
    assert {error.outcome for error in refusals} <= {rowgate.Outcome.NOT_RUN, rowgate.Outcome.ROLLED_BACK}


@pytest.mark.parametrize("name", ATTEMPTS)
def test_there_are_many_attempts(name: str) -> None:
    assert len(set(ATTEMPTS[name])) == len(ATTEMPTS[name]) >= 40


@pytest.mark.parametrize(
    ("name", "sql"),
    [
        ("mariadb", "set statement max_statement_time = 9 for delete from kept"),
        ("mariadb", "begin not atomic set session transaction read write; delete from kept; end"),
        ("mariadb", "call kept_p()"),
        ("postgresql", "call kept_p()"),
        ("postgresql", "do $$ begin delete from kept; end $$"),
        ("sqlite", "vacuum"),
        ("sqlite", "delete from kept"),
    ],
)
async def test_what_does_not_begin_like_reading_is_refused_by_the_gateway(
    client: rowgate.Client, name: str, sql: str
) -> None:
    with pytest.raises(rowgate.ReadOnly) as caught:
        await client.using(name).with_options(read_only=True).query(sql)
    assert caught.value.outcome is rowgate.Outcome.NOT_RUN
    assert "SELECT" in caught.value.metadata["hint"]
