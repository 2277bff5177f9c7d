"""What the transactions work on, and what must be true of it when they are over."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import rowgate
from support.histories import LISTS, PROMISES, Fate, History, anomalies, parsed
from support.history_client import ACCOUNTS

_BALANCE = 1000


@asynccontextmanager
async def money(db: rowgate.Database) -> AsyncIterator[None]:
    """Accounts, and a ledger in which each transfer that is committed has its number."""
    await db.query("create table tx_money (id integer primary key, balance integer not null)")
    await db.query("create table tx_ledger (id integer primary key)")
    try:
        await db.execute_many("insert into tx_money values (?, ?)", [(number, _BALANCE) for number in range(ACCOUNTS)])
        yield
    finally:
        await db.query("drop table tx_money")
        await db.query("drop table tx_ledger")


async def check_money(db: rowgate.Database, histories: Sequence[History]) -> None:
    assert (await db.query("select sum(balance) as b from tx_money")).scalar() == ACCOUNTS * _BALANCE
    ledger = set((await db.query("select id from tx_ledger")).scalars())
    for history in histories:
        assert history.fate is not Fate.COMMITTED or history.number in ledger
        assert history.fate is not Fate.ROLLED_BACK or history.number not in ledger
    _check_enough(histories)


@asynccontextmanager
async def lists(db: rowgate.Database) -> AsyncIterator[None]:
    """Lists to which elements are appended."""
    await db.query("create table tx_lists (id integer primary key, elements text not null)")
    try:
        await db.execute_many("insert into tx_lists values (?, '')", [(number,) for number in range(LISTS)])
        yield
    finally:
        await db.query("drop table tx_lists")


async def check_lists(db: rowgate.Database, histories: Sequence[History], level: str, engine: str) -> None:
    rows = await db.query("select id, elements from tx_lists")
    assert anomalies(histories, {row[0]: parsed(row[1]) for row in rows}, PROMISES[level][engine]) == []
    _check_enough(histories)


def _check_enough(histories: Sequence[History]) -> None:
    assert sum(history.fate is Fate.COMMITTED for history in histories) > len(histories) / 20
