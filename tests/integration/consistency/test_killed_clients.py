"""Clients in processes of their own, a fifth of whom are killed (SIGKILL): no money is lost, and no history is wrong.

`LONG_RUN=1` (`make consistency`) runs as many transactions as take minutes.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import random
import signal
import sys

import pytest
from integration.consistency.workloads import check_lists, check_money, lists, money

import rowgate
from support import guard
from support.available import ROOT
from support.histories import PROMISES, Fate, History
from support.process import Gateway

LONG = bool(os.environ.get("LONG_RUN"))
AT_ONCE, CLIENTS, EACH = (16, 125, 40) if LONG else (2, 3, 8)
LEVELS = list(PROMISES) if LONG else ["serializable"]


async def run_clients(gateway: Gateway, engine: str, level: str, workload: str) -> list[History]:
    """What each transaction of each client did, as far as it came."""
    places, dice = asyncio.Semaphore(AT_ONCE), random.Random(7)
    # A number of lines after which a client is killed; those of a whole life are more.
    lives = [dice.randrange(1, EACH * 4) if number % 5 == 1 else None for number in range(CLIENTS)]

    async def live(number: int, lines: int | None) -> list[History]:
        async with places:
            return await run_client(
                [gateway.address, engine, level, workload, str(1 + number * EACH), str(EACH)], lines
            )

    found = await asyncio.gather(*(live(number, lines) for number, lines in enumerate(lives)))
    return [history for histories in found for history in histories]


async def run_client(arguments: list[str], lines: int | None) -> list[History]:
    """What one client did; it is killed after so many lines, or lives to its end."""
    client = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "support.history_client", *arguments,
        cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT / "tests"), **dict([guard.test_run().mark])},
        stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    assert client.stdout is not None
    told = []
    async for line in client.stdout:
        told.append(line)
        if len(told) == lines:
            with contextlib.suppress(ProcessLookupError):
                client.kill()
    killed = lines is not None and len(told) >= lines
    # One that has come to its end before it is killed has ended well.
    assert await client.wait() in ({0, -signal.SIGKILL} if killed else {0})
    return histories_of([json.loads(line) for line in told if line.endswith(b"\n")])


def histories_of(told: list[list[object]]) -> list[History]:
    """A transaction without an end is rolled back, unless its commit was on its way."""
    histories: list[History] = []
    for kind, *rest in told:
        if kind == "begun":
            histories.append(History(int(str(rest[0])), fate=Fate.ROLLED_BACK))
        elif kind in ("append", "read"):
            key, what = rest
            assert isinstance(key, int)
            histories[-1].steps.append((str(kind), key, tuple(what) if isinstance(what, list) else int(str(what))))
        elif kind == "ended":
            histories[-1].fate = Fate.UNKNOWN if rest == ["UNKNOWN"] else Fate.ROLLED_BACK
        else:
            histories[-1].fate = Fate.UNKNOWN if kind == "committing" else Fate.COMMITTED
    return histories


@pytest.mark.timeout(2400)
async def test_money_is_conserved(gateway: Gateway, engine: str, db: rowgate.Database) -> None:
    async with money(db):
        histories = await run_clients(gateway, engine, "serializable", "transfers")
        await check_money(db, histories)


@pytest.mark.timeout(2400)
@pytest.mark.parametrize("level", LEVELS)
async def test_no_history_has_what_its_isolation_level_excludes(
    gateway: Gateway, engine: str, db: rowgate.Database, level: str
) -> None:
    async with lists(db):
        histories = await run_clients(gateway, engine, level, "lists")
        await check_lists(db, histories, level, engine)
