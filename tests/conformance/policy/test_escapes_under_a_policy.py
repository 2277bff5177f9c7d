"""Hundreds of attempts to get out of reading, by a role that may read by SQL, and by one that says `read_only`.

Data, files, settings and the sessions of others are as they were. The caller's role has a login of its own: PostgreSQL
lets each login end its own sessions, whatever else it may.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
from collections.abc import AsyncIterator, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import asyncmy
import asyncpg
import pytest

import rowgate
from support.engines import Engine
from support.escapes import SETUP, TEARDOWN
from support.escapes_further import ATTEMPTS
from support.mariadb import MariaDB
from support.policed import Caller, Policed, policed, rows
from support.postgresql import PostgreSQL
from support.throwaway import ADMIN, ADMIN_PASSWORD, DATABASE, HOST

POLICY = """
roles:
  root:
    rules: [{databases: "*", allow: [raw, ddl]}]
  reader:
    rules: [{databases: "*", allow: raw_read}]
    logins: {mariadb: reader, postgresql: reader, sqlite: reader}
"""
_AT_ONCE = 12
_ONE_IN = 4
"""Of the attempts, by the other ways: all of them take five times as long."""
_STATE = {
    "mariadb": (
        "select * from kept order by id",
        "select next_not_cached_value from kept_s",
        (
            "select table_name, table_type, coalesce(table_comment, ''), create_time from information_schema.tables "
            "where table_schema = 'rowgate_test' and (table_name like 'kept%' or table_name in ('gained', 'lost'))"
        ),
        "select routine_name, md5(routine_definition) from information_schema.routines where routine_name like 'kept%'",
        "select trigger_name from information_schema.triggers",
        "select event_name from information_schema.events",
        "select user, host, priv from mysql.global_priv",
        "select db, user from mysql.db",
        "select schema_name from information_schema.schemata",
        (
            "select variable_name, variable_value from information_schema.global_variables "
            "where variable_name not like 'gtid%' and variable_name <> 'timestamp'"
        ),
    ),
    "postgresql": (
        "select * from kept order by id",
        "select last_value, is_called from kept_s",
        (
            "select relname, relkind, relacl::text, relowner, obj_description(oid) from pg_class "
            "where relname like 'kept%' or relname like 'gained%' or relname = 'lost' order by oid"
        ),
        "select proname, prosrc, provolatile from pg_proc where proname like 'kept%' order by oid",
        "select oid from pg_largeobject_metadata",
        "select * from pg_db_role_setting",
        "select gid from pg_prepared_xacts",
        "select rolname from pg_roles order by 1",
        "select nspname from pg_namespace where nspname not like 'pg_%' order by 1",
        "select slot_name from pg_replication_slots",
        "select name, setting from pg_settings",
    ),
    "sqlite": (
        "select * from kept order by id",
        "select * from sqlite_master order by name",
        "select word from kept_words",
        "select * from pragma_user_version, pragma_application_id, pragma_journal_mode, pragma_page_size",
    ),
}


class _Sight:
    """What must stay as it is, seen past the gateway by sessions that must live on."""

    def __init__(self, folder: Path, file: Path, mariadb: Any, postgresql: Any) -> None:
        self.folder, self._file = folder, file
        self._mariadb, self._postgresql = mariadb, postgresql

    async def state(self, name: str) -> list[object]:
        files = sorted(path.name for path in self.folder.iterdir() if self._file.name not in path.name)
        return [files, *[await self._ask(name, sql) for sql in _STATE[name]]]

    async def other(self, name: str) -> str:
        """The id of a session that is not the caller's."""
        if name == "sqlite":
            return "1"
        sql = "select connection_id()" if name == "mariadb" else "select pg_backend_pid()"
        return str((await self._ask(name, sql))[0][0])

    @contextlib.asynccontextmanager
    async def listening(self, channel: str) -> AsyncIterator[tuple[int, list[object]]]:
        """A large object that anybody may write, and what comes on a channel of notifications."""
        heard: list[object] = []

        def hear(*told: object) -> None:
            heard.append(told)

        number = await self._postgresql.fetchval("select lo_from_bytea(0, 'kept')")
        await self._postgresql.execute(f"alter large object {number} owner to further")
        await self._postgresql.add_listener(channel, hear)
        yield number, heard
        await self._postgresql.remove_listener(channel, hear)
        await self._postgresql.execute(f"select lo_unlink({number})")

    async def content(self, number: int) -> object:
        """What a large object holds."""
        return await self._postgresql.fetchval("select lo_get($1)", number)

    async def _ask(self, name: str, sql: str) -> Any:
        if name == "sqlite":
            with closing(sqlite3.connect(self._file)) as connection:
                return connection.execute(sql).fetchall()
        if name == "postgresql":
            return [tuple(row) for row in await self._postgresql.fetch(sql)]
        async with self._mariadb.cursor() as cursor:
            await cursor.execute(sql)
            return sorted(await cursor.fetchall())


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    found = tmp_path_factory.mktemp("further")
    for parent in (found, *found.parents):
        with contextlib.suppress(PermissionError):
            parent.chmod(parent.stat().st_mode | 0o711)
    found.chmod(0o777)
    return found


@pytest.fixture(scope="module")
def logins(mariadb_server: MariaDB, postgresql_server: PostgreSQL) -> Iterator[dict[str, str]]:
    """Logins for reading, that may do more than they should: write, make files, start programs."""
    mariadb_server.execute("create user further identified by 'further-pass'")
    mariadb_server.execute("grant all on rowgate_test.* to further")
    mariadb_server.execute("grant file on *.* to further")
    postgresql_server.script(
        "create role further login password 'further-pass'; grant rowgate to further;"
        "grant pg_write_server_files, pg_execute_server_program to further"
    )
    yield {
        "mariadb": _as(mariadb_server.url),
        "postgresql": _as(postgresql_server.url),
    }
    mariadb_server.execute("drop user further")
    postgresql_server.script("drop owned by further; drop role further")


def _as(url: str) -> str:
    scheme, _, rest = url.partition("://")
    return f"{scheme}://further:further-pass@{rest.rpartition('@')[2]}"


@pytest.fixture(scope="module")
async def further(
    mariadb_server: MariaDB, postgresql_server: PostgreSQL, folder: Path, logins: dict[str, str]
) -> AsyncIterator[Policed]:
    file = folder / "further.db"
    with closing(sqlite3.connect(file)) as connection:
        connection.execute("PRAGMA journal_mode = WAL")
    environment = {
        "ROWGATE_DATABASES__SQLITE__URL": f"sqlite:///{file}",
        "ROWGATE_DATABASES__SQLITE__LOGINS__READER__URL": f"sqlite:///{file}",
        "ROWGATE_DATABASES__MARIADB__URL": mariadb_server.url,
        "ROWGATE_DATABASES__MARIADB__LOGINS__READER__URL": logins["mariadb"],
        "ROWGATE_DATABASES__POSTGRESQL__URL": postgresql_server.url,
        "ROWGATE_DATABASES__POSTGRESQL__LOGINS__READER__URL": logins["postgresql"],
    }
    (folder / "policy").mkdir()
    async with policed(environment, POLICY, folder / "policy") as running:
        root = running.caller("root", "root")
        for statements in (SETUP, TEARDOWN):
            for name, each in statements.items():
                for sql in each:
                    await root("QueryService/ExecuteQuery", {"database": name, "sql": sql})
            if statements is SETUP:
                yield running


@pytest.fixture(scope="module")
async def sight(mariadb_server: MariaDB, postgresql_server: PostgreSQL, folder: Path) -> AsyncIterator[_Sight]:
    postgresql = await asyncpg.connect(
        host=HOST, port=postgresql_server.port, user=ADMIN, password=ADMIN_PASSWORD, database=DATABASE
    )
    mariadb = await asyncmy.connect(
        host=HOST, port=mariadb_server.port, user=ADMIN, password=ADMIN_PASSWORD, db=DATABASE, autocommit=True
    )
    yield _Sight(folder, folder / "further.db", mariadb, postgresql)
    await postgresql.close()
    await mariadb.ensure_closed()


@pytest.mark.parametrize("name", ATTEMPTS)
def test_there_are_more_than_a_hundred_attempts(name: str) -> None:
    assert len(set(ATTEMPTS[name])) == len(ATTEMPTS[name]) >= 100


@pytest.mark.parametrize("name", ["mariadb", "postgresql"])
async def test_statements_run_with_the_login_of_the_role(further: Policed, name: str) -> None:
    asked = {"database": name, "sql": "select current_user as who"}
    for role, login in (("reader", "further"), ("root", "rowgate")):
        ((who,),) = rows(await further.caller("somebody", role)("QueryService/ExecuteQuery", asked))
        assert who.partition("@")[0] == login
    pools = further.gateway._served._pool_metrics._pool_numbers()
    assert pools[f"{name}/reader"].maximum == 10


@pytest.mark.timeout(240)
@pytest.mark.parametrize("role", ["reader", "root"])
async def test_nothing_gets_out_of_reading(further: Policed, sight: _Sight, engine: Engine, role: str) -> None:
    caller = further.caller(role, role)
    other = await sight.other(engine.name)
    before = await sight.state(engine.name)
    attempts = [
        sql.replace("{folder}", os.fspath(sight.folder)).replace("{other}", other) for sql in ATTEMPTS[engine.name]
    ]
    for start in range(0, len(attempts), _AT_ONCE):
        some = attempts[start : start + _AT_ONCE]
        for sql in some:
            await _try(caller, engine, sql, read_only=role == "root")
        assert await sight.state(engine.name) == before, some
    assert await sight.other(engine.name) == other, "the session of another is gone"
    # The next one finds a session as it should be.
    asked = {"database": engine.name, "sql": "select count(*) as n from kept"}
    assert rows(await further.caller("next", role)("QueryService/ExecuteQuery", asked)) == [(2,)]


@pytest.mark.timeout(120)
@pytest.mark.parametrize("role", ["reader", "root"])
async def test_no_other_way_gets_out_of_reading_either(
    further: Policed, sight: _Sight, engine: Engine, role: str
) -> None:
    caller = further.caller(role, role)
    other = await sight.other(engine.name)
    before = await sight.state(engine.name)
    for attempt in ATTEMPTS[engine.name][2 * (role == "root") :: _ONE_IN]:
        sql = attempt.replace("{folder}", os.fspath(sight.folder)).replace("{other}", other)
        await _try_otherwise(caller, engine, sql, read_only=role == "root")
    assert await sight.state(engine.name) == before
    assert await sight.other(engine.name) == other, "the session of another is gone"


@pytest.mark.engines("postgresql")
@pytest.mark.parametrize("role", ["reader", "root"])
async def test_large_objects_and_notifications_come_to_nothing(
    further: Policed, sight: _Sight, engine: Engine, role: str
) -> None:
    caller = further.caller(role, role)
    async with sight.listening("gained") as (number, heard):
        for sql in (
            f"select lo_put({number}, 0, 'lost')",
            "select pg_notify('gained', '')",
            f"select lo_unlink({number})",
        ):
            await _try(caller, engine, sql, read_only=role == "root")
            await _try_otherwise(caller, engine, sql, read_only=role == "root")
        assert await sight.content(number) == b"kept"
        assert not heard


async def _try_otherwise(caller: Caller, engine: Engine, sql: str, *, read_only: bool) -> None:
    """By each RPC but the one that answers with a whole result."""
    options = {"read_only": read_only, "timeout": "5s"}
    asked = {"database": engine.name, "options": options}
    steps = [{"sql": "select 1"}, {"sql": sql}]
    begin = {"begin": {"database": engine.name, "read_only": True, "timeout": "5s"}}
    with contextlib.suppress(rowgate.RowgateError):
        await caller("QueryService/StreamQuery", {**asked, "sql": sql})
    for mode in ("BATCH_MODE_ATOMIC", "BATCH_MODE_INDEPENDENT"):
        with contextlib.suppress(rowgate.RowgateError):
            await caller("QueryService/ExecuteBatch", {**asked, "steps": steps, "mode": mode})
    with contextlib.suppress(rowgate.RowgateError):
        await caller.transact(begin, {"execute_query": {"sql": sql}}, {"commit": {}})


async def _try(caller: Caller, engine: Engine, sql: str, *, read_only: bool) -> None:
    request = {"database": engine.name, "sql": sql, "options": {"read_only": read_only, "timeout": "5s"}}
    with contextlib.suppress(rowgate.RowgateError):
        await caller("QueryService/ExecuteQuery", request)
