"""What a call leaves behind in its connection: distributed transactions, profiles, roles, counts, character sets."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from functools import partial

import pytest
from asyncmy.errors import OperationalError

import rowgate
from support.eventually import eventually
from support.mariadb import MariaDB
from support.transactions import Transact

PREPARE = "xa start '{xid}'; insert into {table} (id, name) values (7, 'x'); xa end '{xid}'; xa prepare '{xid}'"


@pytest.fixture
async def xid(table: str, mariadb_server: MariaDB) -> AsyncIterator[str]:
    yield f"x{table}"
    # One that belongs to a connection yet is not to be ended from elsewhere.
    await eventually(lambda: not any(map(partial(kept, mariadb_server), prepared(mariadb_server))), 5, "all were ended")


def kept(server: MariaDB, name: str) -> bool:
    """Whether it could not be rolled back."""
    try:
        server.execute(f"xa rollback '{name}'")
    except OperationalError:
        return True
    return False


def prepared(server: MariaDB) -> set[str]:
    """The names of the distributed transactions that wait for their end."""
    return {row[3] if isinstance(row[3], str) else row[3].decode() for row in server.execute("xa recover")}


@pytest.mark.engines("mariadb")
@pytest.mark.parametrize("way", ["open", "failing", "called", "stopped"])
async def test_a_prepared_transaction_is_told_and_costs_its_connection(
    db: rowgate.Database, table: str, xid: str, mariadb_server: MariaDB, way: str
) -> None:
    """The server would hand it on as a connection that can read no table any more."""
    prepare = PREPARE.format(xid=xid, table=table)
    if way == "called":
        await db.query(f"create procedure {table}_p() begin {prepare}; end")
    sql = {
        "open": f"begin not atomic {prepare}; end",
        "failing": f"begin not atomic {prepare}; signal sqlstate '45000' set message_text = 'failing'; end",
        "called": f"call {table}_p()",
        "stopped": f"begin not atomic {prepare}; select id from {table}; end",
    }[way]
    with pytest.raises(rowgate.RowgateError) as caught:
        await db.query(sql)
    error = caught.value
    assert error.outcome is rowgate.Outcome.UNKNOWN
    if way in {"open", "called"}:
        assert isinstance(error, rowgate.InvalidRequest)
        assert str(error).endswith(f"XA RECOVER lists it: '{xid}'")
        assert "rolled back" not in str(error)
    answers = await asyncio.gather(*(db.query(f"select count(*) from {table} where id = 8") for _ in range(16)))
    assert {answer.scalar() for answer in answers} == {0}
    assert prepared(mariadb_server) == {xid}


@pytest.mark.engines("mariadb")
async def test_a_name_is_told_only_where_it_is_sure(
    db: rowgate.Database, table: str, xid: str, mariadb_server: MariaDB
) -> None:
    mariadb_server.script(
        f"xa start '{xid}2'; insert into {table} (id, name) values (6, 'y'); xa end '{xid}2'; xa prepare '{xid}2'"
    )
    with pytest.raises(rowgate.InvalidRequest, match=r"XA RECOVER lists it$"):
        await db.query(f"begin not atomic {PREPARE.format(xid=xid, table=table)}; end")


@pytest.mark.engines("mariadb")
@pytest.mark.parametrize("end", ["", "; xa end 'left'"])
async def test_one_that_is_not_prepared_is_rolled_back(
    db: rowgate.Database, table: str, mariadb_server: MariaDB, end: str
) -> None:
    with pytest.raises(rowgate.InvalidRequest, match="left it open") as caught:
        await db.query(f"begin not atomic xa start 'left'; insert into {table} (id, name) values (7, 'x'){end}; end")
    assert caught.value.outcome is rowgate.Outcome.UNKNOWN  # tables of other engines may have been among it
    assert (await db.query(f"select count(*) from {table}")).scalar() == 0
    assert prepared(mariadb_server) == set()


@pytest.mark.engines("mariadb")
async def test_a_transaction_that_prepares_another_is_unknown(
    tx: Transact, db: rowgate.Database, table: str, xid: str
) -> None:
    await tx.sql(f"insert into {table} (id, name) values (1, 'a')")
    await db.query(f"create procedure {table}_p() begin commit; {PREPARE.format(xid=xid, table=table)}; end")
    answer = await tx.sql(f"call {table}_p()")
    if answer.kind != "error":
        answer = await tx.commit()
    assert (answer.state, answer.error.metadata["outcome"]) == ("UNKNOWN", "UNKNOWN")
    answers = await asyncio.gather(*(db.query(f"select id from {table} where id = 1") for _ in range(16)))
    assert {answer.scalar() for answer in answers} == {1}


@pytest.mark.engines("mariadb")
@pytest.mark.parametrize("end", ["", "; signal sqlstate '45000'"])
async def test_what_another_engine_keeps_of_one_left_open_is_not_told_undone(
    db: rowgate.Database, table: str, end: str
) -> None:
    await db.query(f"create table {table}_k (id integer) engine=myisam")
    try:
        with pytest.raises(rowgate.RowgateError) as caught:
            await db.query(f"begin not atomic start transaction; insert into {table}_k values (1){end}; end")
        assert caught.value.outcome is rowgate.Outcome.UNKNOWN
        assert "no transactions" in str(caught.value) or end
        assert (await db.query(f"select count(*) from {table}_k")).scalar() == 1
    finally:
        await db.query(f"drop table {table}_k")


@pytest.mark.engines("mariadb")
@pytest.mark.parametrize(
    "recording",
    [
        "set profiling_history_size = 100, profiling = 1",
        "begin not atomic set profiling = 1; set @a = 'mine'; set profiling = 0; end",
        "begin not atomic set profiling = 1; signal sqlstate '45000'; end",
        (
            "begin not atomic select 0; set session_track_state_change = 0; set session_track_system_variables = ''; "
            "set profiling = 1; select 1; select 2; end"
        ),
    ],
)
async def test_nobody_reads_another_s_statements_in_profiles(db: rowgate.Database, table: str, recording: str) -> None:
    await asyncio.gather(*(db.query(recording) for _ in range(8)), return_exceptions=True)
    for number in range(8):
        await db.query(f"insert into {table} (id, name) values (:id, 'secret')", id=number)
        await db.query(f"select name from {table} where name = :name", name="secret")
    answers = await asyncio.gather(*(db.query("show profiles") for _ in range(8)))
    assert [answer.rows for answer in answers] == [[]] * 8


@pytest.mark.engines("mariadb")
@pytest.mark.parametrize("hidden", ["set role {role}", "begin not atomic set role {role}; end", "select x from {role}"])
async def test_a_role_is_over_with_its_call(
    db: rowgate.Database, table: str, mariadb_server: MariaDB, hidden: str
) -> None:
    """Plain statements, between which no reset is made, are no exception: a view may call a function."""
    role = f"{table}_r"
    mariadb_server.execute(f"create role {role}")
    mariadb_server.execute(f"grant select on mysql.* to {role}")
    mariadb_server.execute(f"grant {role} to rowgate")
    mariadb_server.execute(
        f"create function rowgate_test.{role}_f() returns int sql security invoker begin "
        f"set session_track_state_change = 0; set role {role}; return 1; end"
    )
    mariadb_server.execute(f"create sql security invoker view rowgate_test.{role} as select {role}_f() as x")
    try:
        for _ in range(8):
            await db.query(hidden.format(role=role))
            with pytest.raises(rowgate.RowgateError):
                await db.query("select user from mysql.user")
            assert (await db.query("select current_role()")).scalar() is None
    finally:
        mariadb_server.execute(f"drop view rowgate_test.{role}")
        mariadb_server.execute(f"drop function rowgate_test.{role}_f")
        mariadb_server.execute(f"drop role {role}")


@pytest.mark.engines("mariadb")
async def test_nobody_counts_another_s_rows(db: rowgate.Database) -> None:
    for _ in range(8):
        await db.query("select 1 union select 2 union select 3")
        assert (await db.query("select found_rows()")).scalar() == 0


SELECT = "select cast(unhex('C3A9') as char character set utf8mb4) as x"


@pytest.mark.engines("mariadb")
@pytest.mark.parametrize("sql", ["set names gbk", "set character_set_results = latin1"])
async def test_an_answer_in_another_character_set_is_refused(
    tx: Transact, db: rowgate.Database, table: str, sql: str
) -> None:
    with pytest.raises(rowgate.NotSupported) as caught:
        await db.query(f"begin not atomic {sql}; {SELECT}; end")
    assert caught.value.outcome is rowgate.Outcome.UNKNOWN
    await tx.sql(f"insert into {table} (id, name) values (1, 'a')")
    await tx.sql(sql)
    answer = await tx.sql(SELECT)
    assert (answer.state, answer.error.reason) == ("ROLLED_BACK", "NOT_SUPPORTED")
    assert answer.error.metadata["outcome"] == "ROLLED_BACK"
    answers = await asyncio.gather(*(db.query(f"select 'é中', count(*) from {table}") for _ in range(16)))
    assert {tuple(answer.rows[0]) for answer in answers} == {("é中", 0)}


@pytest.mark.engines("mariadb")
@pytest.mark.parametrize("what", ["'ab'", "1.5", "1", "now()", "cast(1.5 as float)"])
@pytest.mark.parametrize("name", ["ucs2", "utf32", "utf16le"])
async def test_an_answer_in_wide_characters_is_refused(db: rowgate.Database, name: str, what: str) -> None:
    with pytest.raises(rowgate.NotSupported) as caught:
        await db.query(f"begin not atomic set character_set_results = {name}; select {what} as x; end")
    assert caught.value.outcome is rowgate.Outcome.UNKNOWN
    assert tuple((await db.query("select 'é中' as x, 1")).rows[0]) == ("é中", 1)


@pytest.mark.engines("mariadb")
@pytest.mark.parametrize("name", ["ascii", "utf8mb3", "gbk", "latin1"])
async def test_a_character_set_that_loses_or_mistakes_letters_is_refused_though_it_can_be_read(
    db: rowgate.Database, name: str
) -> None:
    with pytest.raises(rowgate.NotSupported):
        await db.query(f"begin not atomic set character_set_results = {name}; select 'ab' as x; end")
    answer = await db.query(f"begin not atomic set character_set_results = {name}; select 1 as x, 1.5, x'41'; end")
    assert (answer.rows[0][0], answer.rows[0][2]) == (1, b"A")


@pytest.mark.engines("mariadb")
async def test_the_database_s_own_limit_is_named(db: rowgate.Database) -> None:
    with pytest.raises(rowgate.StatementTimeout) as caught:
        await db.query("set statement max_statement_time = 0.05 for select sleep(8)")
    assert caught.value.metadata["limit"] == "max_statement_time"
