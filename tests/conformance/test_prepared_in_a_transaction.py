"""A CALL within Transact that prepares a distributed transaction: its caller is told what is left and how to end it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from functools import partial

import pytest
from asyncmy.errors import OperationalError

import rowgate
from support.eventually import eventually
from support.mariadb import MariaDB
from support.transactions import Transact

pytestmark = pytest.mark.engines("mariadb")

WORDS = "until XA COMMIT or XA ROLLBACK ends it; XA RECOVER lists it"


@pytest.fixture
async def xid(table: str, mariadb_server: MariaDB) -> AsyncIterator[str]:
    """The name of the only distributed transaction there is; it can be ended, as callers are told, and is gone then."""
    name = f"x{table}"
    yield name
    await eventually(partial(ended, mariadb_server, name), 5, "its connection has let go of it")
    assert mariadb_server.execute("xa recover") == []


def ended(server: MariaDB, name: str) -> bool:
    try:
        server.execute(f"xa rollback '{name}'")
    except OperationalError:
        return False
    return True


@pytest.fixture
async def prepare(db: rowgate.Database, table: str, xid: str) -> AsyncIterator[str]:
    """What a procedure does to leave it."""
    insert = f"insert into {table} (id, name) values (7, 'x')"
    yield f"commit; xa start '{xid}'; {insert}; xa end '{xid}'; xa prepare '{xid}'"
    await db.query(f"drop procedure if exists {table}_p")


async def test_what_is_left_is_named(tx: Transact, db: rowgate.Database, table: str, xid: str, prepare: str) -> None:
    await db.query(f"create procedure {table}_p() begin {prepare}; end")
    answer = await tx.sql(f"call {table}_p()")
    assert (answer.error.reason, answer.error.metadata["outcome"]) == ("INVALID_REQUEST", "UNKNOWN")
    assert answer.error.message.endswith(f"{WORDS}: '{xid}'")
    assert answer.state == "UNKNOWN"


async def test_what_is_left_is_named_beside_the_procedure_s_own_error(
    tx: Transact, db: rowgate.Database, table: str, xid: str, prepare: str
) -> None:
    await db.query(f"create procedure {table}_p() begin {prepare}; signal sqlstate '45000'; end")
    answer = await tx.sql(f"call {table}_p()")
    assert (answer.state, answer.error.metadata["outcome"]) == ("UNKNOWN", "UNKNOWN")
    assert answer.error.metadata["sqlstate"] == "45000"
    assert answer.error.metadata["hint"].endswith(f"{WORDS}: '{xid}'")


@pytest.mark.parametrize("failing", ["", "; signal sqlstate '45000'"])
async def test_a_name_that_may_be_a_parameter_s_value_is_not_told(
    tx: Transact, db: rowgate.Database, table: str, xid: str, prepare: str, failing: str
) -> None:
    await db.query(f"create procedure {table}_p(p int) begin {prepare}{failing}; end")
    error = (await tx.sql(f"call {table}_p(?)", 1)).error
    assert (error.metadata["hint"] if failing else error.message).endswith(WORDS)
    assert xid not in str(error)
