"""The ways that are known in which one caller could make another read what is not his, on one and the same connection.

Two things stand in each one's way. The attack is tried with both, with each of them alone, and with neither: then it
succeeds, which proves that it is one. So whichever is taken out of the gateway, a test fails.
"""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass
from typing import Any

import asyncpg
import pytest
from asyncmy.converters import escape_item

import rowgate
from rowgate_server.engines import executor, running
from rowgate_server.engines.deadline import Deadline
from rowgate_server.engines.dialects.mysql import columns, literals
from rowgate_server.engines.dialects.mysql.link import Link
from rowgate_server.engines.dialects.mysql.session import MySQLSession
from rowgate_server.engines.dialects.postgresql.preparing import Preparing
from rowgate_server.engines.dialects.postgresql.session import PostgreSQLSession
from rowgate_server.engines.limits import ResultLimits
from rowgate_server.engines.running import Call
from rowgate_server.engines.values import BoundStatement, BoundValue, ValueType
from rowgate_server.errors import RowgateError
from support.linked import Linked, linked
from support.mariadb import MariaDB
from support.postgresql import PostgreSQL
from support.process import Gateway

ROUNDS = 4
SECRETS = "select secret from hoard where holder = "
SETUP = (
    "create table hoard (holder varchar(20), secret varchar(20)) character set utf8mb4; "
    "insert into hoard values ('one', 'forged'), ('two', 'forged')"
)

Away = Callable[[pytest.MonkeyPatch], None]


@dataclass(frozen=True)
class Attack:
    """What a caller does, what the next one asks, and how to take away what stands between them.

    Attributes:
        engine: where it worked.
        plants: the first caller's statements; it does not matter whether they fail.
        asks: the second one's, with a value or without; in no row of its answer may be "forged".
        value: the value.
        defences: take one away each.
        end: what the second caller meets with where nothing stands in the way.
        may_fail: whether the second caller may meet with an error where one of them does.
    """

    engine: str
    plants: tuple[str, ...]
    asks: str
    value: bytes | str | None
    defences: tuple[Away, Away]
    end: str = "forged"
    may_fail: bool = False


def no_reset(patch: pytest.MonkeyPatch) -> None:
    async def keep(session: Any) -> None:
        """Leave all as it is; what is held to be read is read on."""
        if isinstance(session, MySQLSession):
            session._link.resume()

    for kind in (MySQLSession, PostgreSQLSession):
        patch.setattr(kind, "reset", keep)
    # A reset that waits would go out with the next statement.
    patch.setattr(MySQLSession, "defer_reset", lambda *_, **__: False)


def literals_of_the_driver(patch: pytest.MonkeyPatch) -> None:
    for kind in (ValueType.STRING, ValueType.BYTES):
        patch.setitem(literals._LITERALS, kind, lambda value: escape_item(value, "utf8mb4"))


def broken_connections_are_kept(patch: pytest.MonkeyPatch) -> None:
    """As SQLAlchemy does, to whom an error of decoding is no disconnect."""
    explain = running.explain

    def explained(driver: Any, error: Exception, call: Any, work: Any) -> tuple[bool, Exception]:
        return (True, error) if isinstance(error, UnicodeDecodeError) else explain(driver, error, call, work)

    patch.setattr(executor, "explain", explained)


def statements_kept_by_name(patch: pytest.MonkeyPatch) -> None:
    """As asyncpg does by itself."""
    connect = asyncpg.connect

    async def caching(**options: Any) -> Any:
        return await connect(**{**options, "statement_cache_size": 100})

    async def ask(preparing: Any, sql: str) -> Any:
        preparing._meter.listen()
        try:
            return await preparing._connection._prepare(sql, use_cache=True)
        finally:
            preparing.description = preparing._meter.row_description()

    patch.setattr(asyncpg, "connect", caching)
    patch.setattr(Preparing, "_ask", ask)


NO_TEXT = (
    "begin not atomic set character_set_results = latin1; "
    "select convert(0xe9 using latin1) as x union all select 'forged'; select 'forged' as x; end"
)
REPLACE = (
    "do $$ declare held text; begin for held in select name from pg_prepared_statements loop "
    "execute format('deallocate %I', held); "
    "execute format('prepare %I as select ''forged''::text as x', held); end loop; end $$"
)
ATTACKS = {
    "bytes that are SQL without backslashes": Attack(
        "mariadb",
        ("set session sql_mode = 'NO_BACKSLASH_ESCAPES'",),
        SECRETS,
        b"\\' OR 1=1 -- ",
        (no_reset, literals_of_the_driver),
    ),
    "text that is SQL in another character set": Attack(
        "mariadb", ("set names gbk",), SECRETS, "中' OR 1=1 -- ", (no_reset, literals_of_the_driver)
    ),
    "rows left unread behind one that is no text": Attack(
        "mariadb",
        (NO_TEXT,),
        "select 'genuine' as x",
        None,
        # The reset meets with what is unread, and fails.
        (broken_connections_are_kept, no_reset),
        # What is unread is looked for, and asyncmy looks at the packets' numbers; before 0.2.13 it handed the rows on.
        end="an error",
    ),
    "a prepared statement under another's name": Attack(
        "postgresql",
        (REPLACE,),
        "select 'genuine'::text as x",
        None,
        (no_reset, statements_kept_by_name),
        may_fail=True,  # the reset drops what the driver believes to be there
    ),
}
BOTH, NEITHER = (True, True), (False, False)
RIGHT: dict[bool, list[Any]] = {True: ["genuine"], False: []}
"""What is right to answer to a question without a value, and with one."""


@pytest.fixture(scope="module")
def servers(mariadb_server: MariaDB, postgresql_server: PostgreSQL) -> Iterator[dict[str, MariaDB | PostgreSQL]]:
    mariadb_server.script(SETUP)
    yield {"mariadb": mariadb_server, "postgresql": postgresql_server}
    mariadb_server.execute("drop table hoard")


@pytest.fixture(scope="module")
def gateway(servers: dict[str, MariaDB | PostgreSQL]) -> Iterator[Gateway]:
    environment = {}
    for name, server in servers.items():
        environment[f"ROWGATE_DATABASES__{name.upper()}__URL"] = server.url
        environment[f"ROWGATE_DATABASES__{name.upper()}__POOL__SIZE"] = "1"
        environment[f"ROWGATE_DATABASES__{name.upper()}__POOL__MAX_OVERFLOW"] = "0"
    with Gateway.start(environment=environment) as gateway:
        yield gateway


@contextlib.asynccontextmanager
async def one_connection(
    attack: Attack, servers: dict[str, MariaDB | PostgreSQL], patch: pytest.MonkeyPatch, stand: tuple[bool, bool]
) -> AsyncIterator[Linked]:
    """A pool of one connection, with those of the defences that stand."""
    # Others would hide what these two are worth: that answers in another character set are refused, and that nothing is
    # asked while something is left to read, of which there are tests in `test_links_left_unread.py`.
    patch.setattr(columns, "_is_readable", lambda _: True)
    patch.setattr(Link, "unread", property(lambda _: False))
    patch.setattr(Link, "_arriving", lambda _: False)
    for stands, take_away in zip(stand, attack.defences, strict=True):
        if not stands:
            take_away(patch)
    async with linked(servers[attack.engine], attack.engine, size=1) as far:
        yield far


async def answer(far: Linked, attack: Attack) -> list[Any]:
    """The cells of the second caller's answer; an error is none of another's."""
    statement = BoundStatement((attack.asks,), ())
    if attack.value is not None:
        kind = ValueType.BYTES if isinstance(attack.value, bytes) else ValueType.STRING
        statement = BoundStatement((attack.asks, ""), (BoundValue(kind, attack.value),))
    call = Call(statement, Deadline.soonest((5, "the test")), ResultLimits(), "id", reads=True)
    try:
        return [cell for row in (await far.executor.run(call)).rows for cell in row]
    except (RowgateError, UnicodeDecodeError, asyncpg.InterfaceError):
        return ["an error"]


@pytest.mark.parametrize("stand", [BOTH, (False, True), (True, False), NEITHER], ids=str)
@pytest.mark.parametrize("name", ATTACKS)
async def test_an_attack(
    name: str, stand: tuple[bool, bool], servers: dict[str, MariaDB | PostgreSQL], monkeypatch: pytest.MonkeyPatch
) -> None:
    attack = ATTACKS[name]
    answers = []
    async with one_connection(attack, servers, monkeypatch, stand) as far:
        for _ in range(ROUNDS):
            await answer(far, attack)  # which has the driver keep what it keeps
            for sql in attack.plants:
                with contextlib.suppress(RowgateError, UnicodeDecodeError):
                    await far.run(sql, reads=False)
            answers.append(await answer(far, attack))
    right = RIGHT[attack.value is None]
    if stand == NEITHER:
        assert any(attack.end in cells for cells in answers)
    elif stand == BOTH or not attack.may_fail:
        assert answers == [right] * ROUNDS
    else:
        assert all(cells in (right, ["an error"]) for cells in answers)


@pytest.mark.parametrize("name", ATTACKS)
async def test_an_attack_through_the_gateway(name: str, gateway: Gateway) -> None:
    attack = ATTACKS[name]
    async with rowgate.connect(gateway.address) as attacker, rowgate.connect(gateway.address) as victim:
        for _ in range(ROUNDS):
            for sql in attack.plants:
                with contextlib.suppress(rowgate.RowgateError):
                    await attacker.using(attack.engine).query(sql)
            values = [] if attack.value is None else [attack.value]
            rows = (await victim.using(attack.engine).query(attack.asks + "?" * len(values), *values)).rows
            assert [cell for row in rows for cell in row] == RIGHT[attack.value is None]


async def test_what_the_driver_asks_for_itself_is_no_kept_statement(postgresql_server: PostgreSQL) -> None:
    """It asks about each type that it meets; a caller could have put another statement under the name of that one."""
    names = ("one_mood", "another_mood")
    for name in names:
        postgresql_server.execute(f"create type {name} as enum ('genuine')")
    try:
        async with linked(postgresql_server, "postgresql", size=1) as far:
            for name in names:
                assert (await far.run(f"select array['genuine']::{name}[] as x")).rows
                await far.run(REPLACE, reads=False)
    finally:
        for name in names:
            postgresql_server.execute(f"drop type {name}")
