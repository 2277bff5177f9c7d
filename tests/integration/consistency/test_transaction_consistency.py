"""Many clients at once, some of whom go away: no money is lost, and no history has what its isolation level excludes.

`LONG_RUN=1` (`make consistency`) runs as many transactions as take minutes.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
from collections.abc import AsyncIterator
from typing import Any

import grpc.aio
import pytest
from google.protobuf import duration_pb2
from integration.consistency.workloads import check_lists, check_money, lists, money

import rowgate
from rowgate.v1 import transact_pb2
from support.histories import LISTS, PROMISES, Fate, History, parsed
from support.history_client import ACCOUNTS
from support.process import Gateway
from support.transactions import Answer, Transact

CLIENTS = 16
LONG = bool(os.environ.get("LONG_RUN"))
TRANSFERS, HISTORIES = (5000, 3000) if LONG else (300, 120)
SERIALIZABLE = transact_pb2.ISOLATION_LEVEL_SERIALIZABLE
SHORT = duration_pb2.Duration(nanos=300_000_000)
"""So long may a statement wait for a lock: PostgreSQL looks for deadlocks after a second."""


class Gone(Exception):  # noqa: N818 - nobody's error
    """The client went away of its own will, or its transaction was over."""


class Caller:
    """Runs transactions one after another; one in five goes away somewhere, by a cancel or with its connection."""

    def __init__(self, address: str, engine: str, isolation: int, dice: random.Random) -> None:
        self._address, self._engine, self._isolation, self.dice = address, engine, isolation, dice

    @contextlib.asynccontextmanager
    async def transaction(self, history: History) -> AsyncIterator[Transact]:
        leaving = self.dice.choice([None] * 8 + ["cancel", "kill"])
        self._steps = self.dice.randrange(1, 6) if leaving else -1
        async with grpc.aio.insecure_channel(self._address, [("grpc.use_local_subchannel_pool", 1)]) as channel:
            self._leave = (lambda tx: tx.call.cancel()) if leaving == "cancel" else (lambda _: channel.close(None))
            with contextlib.suppress(Gone):
                async with Transact(channel) as tx:
                    await tx.begin(self._engine, isolation=self._isolation, lock_timeout=SHORT)
                    yield tx
                    if self._steps == 0:
                        # The commit is on its way when the client goes.
                        await tx.send(commit=transact_pb2.Commit())
                        await self._go(tx)
                    history.fate = Fate.ROLLED_BACK if self._steps > 0 else Fate.UNKNOWN
                    answer = await self.ask(tx, tx.commit, history)
                    history.fate = Fate.COMMITTED if answer.state == "COMMITTED" else Fate.UNKNOWN

    async def ask(self, tx: Transact, request: Any, history: History, *arguments: Any) -> Answer:
        self._steps -= 1
        if self._steps == 0 and request != tx.commit:
            history.fate = Fate.ROLLED_BACK
            await self._go(tx)
        answer: Answer = await request(*arguments)
        if answer.kind == "error":
            assert answer.error.reason in ("DEADLOCK", "SERIALIZATION_FAILURE", "LOCK_TIMEOUT"), answer.last
            history.fate = Fate.ROLLED_BACK
            raise Gone
        return answer

    async def _go(self, tx: Transact) -> None:
        left = self._leave(tx)
        if asyncio.iscoroutine(left):
            await left
        raise Gone


async def run_all(gateway: Gateway, engine: str, work: Any, count: int, isolation: int = SERIALIZABLE) -> list[History]:
    histories = [History(number) for number in range(1, count + 1)]
    waiting = iter(histories)

    async def client(seed: int) -> None:
        caller = Caller(gateway.address, engine, isolation, random.Random(seed))
        for history in waiting:
            async with caller.transaction(history) as tx:
                await work(caller, tx, history)

    await asyncio.gather(*(client(seed) for seed in range(CLIENTS)))
    return histories


@pytest.mark.timeout(1200)
async def test_money_is_conserved(gateway: Gateway, engine: str, db: rowgate.Database) -> None:
    async with money(db):

        async def transfer(caller: Caller, tx: Transact, history: History) -> None:
            one, other = caller.dice.sample(range(ACCOUNTS), 2)
            amount = caller.dice.randrange(1, 50)
            balance = "select balance from tx_money where id = ?"
            ((has,),) = (await caller.ask(tx, tx.sql, history, balance, one)).rows
            ((gets,),) = (await caller.ask(tx, tx.sql, history, balance, other)).rows
            change = "update tx_money set balance = ? where id = ?"
            await caller.ask(tx, tx.sql, history, change, has - amount, one)
            await caller.ask(tx, tx.sql, history, change, gets + amount, other)
            await caller.ask(tx, tx.sql, history, "insert into tx_ledger values (?)", history.number)

        histories = await run_all(gateway, engine, transfer, TRANSFERS)
        await check_money(db, histories)


@pytest.mark.timeout(1200)
@pytest.mark.parametrize("level", PROMISES)
async def test_no_history_has_what_its_isolation_level_excludes(
    gateway: Gateway, engine: str, db: rowgate.Database, level: str
) -> None:
    async with lists(db):
        read = "select elements from tx_lists where id = ?"

        async def work(caller: Caller, tx: Transact, history: History) -> None:
            for place in range(caller.dice.randrange(1, 5)):
                key = caller.dice.randrange(LISTS)
                if caller.dice.random() < 0.5:
                    ((elements,),) = (await caller.ask(tx, tx.sql, history, read, key)).rows
                    history.steps.append(("read", key, parsed(elements)))
                else:
                    element = history.number * 10 + place
                    history.steps.append(("append", key, element))
                    append = "update tx_lists set elements = concat(elements, ?) where id = ?"
                    await caller.ask(tx, tx.sql, history, append, f"{element},", key)

        isolation = transact_pb2.IsolationLevel.Value(f"ISOLATION_LEVEL_{level.upper()}")
        histories = await run_all(gateway, engine, work, HISTORIES, isolation)
        await check_lists(db, histories, level, engine)
