"""What a SELECT without any function leaves by way of what it reads: views, tables of the server's, virtual columns.

Between such statements MariaDB's sessions are not reset, as long as they read nothing but tables of a user's.
"""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from chaos.test_polluted_sessions import One

from rowgate_server.engines import pool
from rowgate_server.engines.dialects.mysql import state
from rowgate_server.engines.dialects.mysql.settings import SessionSettings
from rowgate_server.engines.registry import Timeouts, make_driver
from support.direct import target_of
from support.polluters import PASSING, SETUP
from support.throwaway import ThrowawayServer

ROUNDS = 4
"""The first has the server asked what the statement returns, the second one which virtual columns there are."""
STATUS = "select variable_value as x from information_schema.session_status where variable_name = 'com_select'"


@pytest.fixture
def mariadb(servers: dict[str, ThrowawayServer]) -> ThrowawayServer:
    servers["mariadb"].script(SETUP["mariadb"])
    return servers["mariadb"]


@pytest.fixture
async def one(mariadb: ThrowawayServer) -> AsyncIterator[One]:
    one = One(make_driver(target_of(mariadb), Timeouts(connect=5, statement=30, probe=1, probe_interval=1)))
    yield one
    await one.pool.close()


async def answers(one: One, plant: str, ask: str) -> tuple[list[object], object]:
    """What the second statement answers right behind the first; and what it answers in a session like new."""
    found = []
    for _ in range(ROUNDS):
        await one.ask(plant)
        found.append(await one.ask(ask))
    await one.ask("do 0")
    return found, await one.ask(ask)


@pytest.mark.parametrize("name", PASSING)
async def test_nothing_passes_through_views(name: str, one: One, mariadb: ThrowawayServer) -> None:
    for view, expression in zip(("polluting", "polluted"), PASSING[name], strict=True):
        mariadb.execute(f"create or replace view {view}_view as select {expression} as x")
    found, clean = await answers(one, "select x from polluting_view", "select x from polluted_view")
    assert found == [clean] * ROUNDS


async def test_nothing_passes_through_the_server_s_own_tables(one: One) -> None:
    found, clean = await answers(one, "select i from polluted_lock", STATUS)
    assert found == [clean] * ROUNDS


async def test_nothing_passes_through_virtual_columns(
    one: One, mariadb: ThrowawayServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They may draw numbers, and tell so what another one drew."""
    monkeypatch.setattr("secrets.randbelow", lambda _: 12345)
    mariadb.script(
        "create or replace table polluted_virtual (i int, x varchar(30) as (rand()) virtual); "
        "insert into polluted_virtual (i) values (77)"
    )
    found, clean = await answers(one, "select x from polluted_virtual", "select x from polluted_virtual where i = 77")
    assert found == [clean] * ROUNDS


async def test_nothing_passes_where_tables_have_just_become_views(one: One, mariadb: ThrowawayServer) -> None:
    """However well they were known as tables a moment ago."""
    names = ("polluting_swapped", "polluted_swapped")
    for name in names:
        mariadb.script(f"create table {name} (x int); insert into {name} values (1)")
    plant, ask = (f"select x from {name}" for name in names)
    assert (await answers(one, plant, ask))[0] == [(["x"], [(1,)])] * ROUNDS
    for name, expression in zip(names, PASSING["last_insert_id(77)"], strict=True):
        mariadb.script(f"drop table {name}; create view {name} as select {expression} as x")
    found, _ = await answers(one, plant, ask)
    assert found == [(["x"], [(0,)])] * ROUNDS
    for name in names:
        mariadb.execute(f"drop view {name}")


async def test_between_reads_of_tables_no_session_is_reset(one: One, monkeypatch: pytest.MonkeyPatch) -> None:
    """For which it is all done; the resets that come by the clock are left out."""
    asked = 0
    fresh = SessionSettings.fresh

    def counted(settings: SessionSettings, *, changed: bool = True) -> list[bytes]:
        nonlocal asked
        asked += 1
        return fresh(settings, changed=changed)

    monkeypatch.setattr(SessionSettings, "fresh", counted)
    monkeypatch.setattr(state, "_LONGEST", 60)
    monkeypatch.setattr(pool, "_RESET_AFTER", 60)
    for number in range(60):
        await one.ask("select i, count(*) as n from polluted_lock where i = 1 group by i")
        if number == ROUNDS:
            asked = 0
    assert asked < 30
