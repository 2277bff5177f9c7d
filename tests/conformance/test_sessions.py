"""What one call leaves in its session, the next call does not find."""

from __future__ import annotations

import asyncio
import contextlib

import pytest

import rowgate
from support.engines import Engine
from support.eventually import eventually
from support.mariadb import MariaDB

# What pollutes, what to ask afterwards, and the answer of a clean session (None: an error is right too). The question
# is about the asking session alone: another one's reset may still be under way, behind the answer.
_POLLUTERS: dict[str, list[tuple[str, str, object]]] = {
    "mariadb": [
        ("set @mine = 'planted'", "select @mine as x", None),
        ("set session sql_mode = 'NO_BACKSLASH_ESCAPES'", "select @@sql_mode like '%NO_BACKSLASH%' as x", 0),
        ("set names gbk", "select @@character_set_client as x", "utf8mb4"),
        ("set character_set_results = latin1", "select @@character_set_results as x", "utf8mb4"),
        ("set time_zone = '+09:00'", "select @@time_zone as x", "+00:00"),
        ("begin not atomic set autocommit = 0; end", "select @@autocommit as x", 1),
        ("set sql_select_limit = 1", "select count(*) as x from (select 1 union all select 2) as t", 2),
        ("set foreign_key_checks = 0", "select @@foreign_key_checks as x", 1),
        ("begin not atomic set session transaction read only; end", "select @@tx_read_only as x", 0),
        (
            "select get_lock('planted', 0) as x",
            "select nullif(is_used_lock('planted') <=> connection_id(), 0) as x",
            None,
        ),
        ("create temporary table planted (i int)", "select count(*) as x from planted", None),
        ("prepare planted from 'select 1'", "execute planted", None),
        ("execute immediate 'lock tables planted_lock write'", "select 1 as x", 1),
        ("execute immediate 'start transaction'", "select @@in_transaction as x", 0),
        ("use information_schema", "select database() as x", "rowgate_test"),
        ("set last_insert_id = 77", "select last_insert_id() as x", 0),
    ],
    "postgresql": [
        ("set search_path = pg_catalog", "select current_setting('search_path') as x", '"$user", public'),
        ("set time zone 'Asia/Tokyo'", "select current_setting('TimeZone') as x", "UTC"),
        ("set standard_conforming_strings = off", "select current_setting('standard_conforming_strings') as x", "on"),
        ("set session statement_timeout = 1", "select current_setting('statement_timeout') as x", "3605s"),
        ("set bytea_output = 'escape'", "select current_setting('bytea_output') as x", "hex"),
        ("set my.own = 'planted'", "select nullif(current_setting('my.own', true), '') as x", None),
        ("set client_encoding = 'LATIN1'", "select current_setting('client_encoding') as x", "UTF8"),
        (
            "select set_config('default_transaction_read_only', 'on', false)",
            "select current_setting('default_transaction_read_only') as x",
            "off",
        ),
        (
            "select pg_advisory_lock(hashint8(pg_backend_pid())) as x",
            "select count(*) as x from pg_locks where locktype = 'advisory' and pid = pg_backend_pid()",
            0,
        ),
        (
            "create temporary table planted (i int)",
            "select count(*) as x from pg_class where relname = 'planted' and relnamespace = pg_my_temp_schema()",
            0,
        ),
        ("prepare planted as select 1", "select count(*) as x from pg_prepared_statements where name = 'planted'", 0),
        (
            "declare planted cursor with hold for select 1",
            "select count(*) as x from pg_cursors where name = 'planted'",
            0,
        ),
        ("listen planted", "select count(*) as x from pg_listening_channels()", 0),
    ],
    "sqlite": [
        ("create temp table planted (i int)", "select count(*) as x from temp.sqlite_master", 0),
    ],
}


def _cases() -> list[tuple[str, str, str, object]]:
    return [(engine, *case) for engine, cases in _POLLUTERS.items() for case in cases]


@pytest.mark.parametrize(("name", "pollute", "ask", "clean"), _cases(), ids=lambda case: str(case)[:40])
async def test_a_session_is_clean_for_the_next_call(
    client: rowgate.Client, name: str, pollute: str, ask: str, clean: object
) -> None:
    db = client.using(name)
    if "planted_lock" in pollute:
        await db.query("create table if not exists planted_lock (i int)")
    for _ in range(4):  # the pool's size: every connection is polluted
        # That of a transaction that is left open tells so; the connection is polluted all the same.
        with contextlib.suppress(rowgate.InvalidRequest) if "transaction'" in pollute else contextlib.nullcontext():
            await db.query(pollute)
    answers = await asyncio.gather(*(_answer(db, ask) for _ in range(8)))
    assert set(answers) <= {clean, None if clean is None else clean}


async def _answer(db: rowgate.Database, ask: str) -> object:
    try:
        answer = (await db.query(ask)).scalar()
    except rowgate.RowgateError:
        return None
    return answer if not isinstance(answer, str) else str(answer)


_CONTROL = {
    "mariadb": (
        *("start transaction", "lock tables planted_lock write", "unlock tables", "xa start 'x'"),
        *("set autocommit = 0", "set session transaction read only", "set @@tx_isolation = 'SERIALIZABLE'"),
        "set statement max_statement_time = 9 for begin",
    ),
    "postgresql": (
        *("start transaction", "end", "abort", "prepare transaction 'x'", "lock table planted_lock"),
        *("set transaction read only", "set local transaction_isolation to serializable"),
    ),
    "sqlite": ("begin immediate", "end"),
}


async def test_transactions_are_not_controlled_in_sql(db: rowgate.Database, engine: Engine, table: str) -> None:
    """An OK to BEGIN would make its caller believe in the ROLLBACK that follows."""
    for sql in ("begin", "commit", "rollback", "savepoint s", "release savepoint s", *_CONTROL[engine.name]):
        for read_only in (False, True):
            with pytest.raises(rowgate.NotSupported) as caught:
                await db.with_options(read_only=read_only).query(sql)
            assert caught.value.outcome is rowgate.Outcome.NOT_RUN
            assert "Transact" in caught.value.metadata["hint"] or sql.startswith("set statement"), sql
        with pytest.raises(rowgate.NotSupported):
            async with db.stream(sql):
                pass
    await db.query(f"insert into {table} (id, name) values (1, 'a')")
    assert (await db.query(f"select count(*) as n from {table}")).scalar() == 1


async def test_what_a_view_s_function_changes_is_gone_for_the_next_plain_statement(
    client: rowgate.Client, mariadb_server: MariaDB
) -> None:
    """Between plain statements no reset is made, unless the server reports a change."""
    db = client.using("mariadb")
    mariadb_server.script(
        "create or replace function rowgate_test.pollute() returns int begin "
        "set @planted = 'planted'; set character_set_results = latin1; return get_lock('planted_by_view', 0); end"
    )
    mariadb_server.script("create or replace view rowgate_test.polluting as select rowgate_test.pollute() as polluted")
    mariadb_server.execute("create or replace table rowgate_test.words (id int primary key, word varchar(9))")
    mariadb_server.execute("insert into rowgate_test.words values (1, '日本')")
    try:
        for _ in range(20):
            await asyncio.gather(*(db.query("select polluted from polluting") for _ in range(4)))
            words = await asyncio.gather(*(db.query("select word from words where id = :i", i=1) for _ in range(4)))
            assert {result.scalar() for result in words} == {"日本"}
            asked = await asyncio.gather(*(db.query("select @planted as x") for _ in range(4)))
            assert {result.scalar() for result in asked} == {None}
        held = "select is_used_lock('planted_by_view')"
        await eventually(lambda: mariadb_server.execute(held) == [(None,)], 1, "the lock was let go of")
    finally:
        mariadb_server.execute("drop view rowgate_test.polluting")
        mariadb_server.execute("drop function rowgate_test.pollute")
        mariadb_server.execute("drop table rowgate_test.words")
