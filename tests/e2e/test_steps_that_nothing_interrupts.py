"""SQLite looks between two steps whether it is to stop; a step that takes hours keeps its place, and nothing else."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sqlite3
import time
from pathlib import Path

import pytest

import rowgate
from support.eventually import eventually
from support.process import Gateway
from support.scraped import total

GRACE = 1.0
ENDLESS = "select instr(hex(zeroblob(15000000)), hex(zeroblob(7000000)) || '1')"


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    with contextlib.closing(sqlite3.connect(tmp_path / "test.db")) as connection:
        connection.execute("create table things (i integer)")
    return {
        "ROWGATE_DATABASES__MAIN__URL": f"sqlite:///{tmp_path / 'test.db'}",
        "ROWGATE_DATABASES__MAIN__POOL__SIZE": "1",
        "ROWGATE_DATABASES__MAIN__POOL__MAX_OVERFLOW": "0",
        "ROWGATE_DATABASES__MAIN__POOL__WAIT_TIMEOUT": "0.2s",
        "ROWGATE_SERVER__DRAIN_GRACE": f"{GRACE}s",
    }


async def given_up(db: rowgate.Client) -> None:
    """Let a call's deadline pass while its thread is in such a step."""
    with pytest.raises((rowgate.StatementTimeout, rowgate.DeadlineExceeded)):
        await db.with_options(timeout=0.5).query(ENDLESS)


async def test_its_place_is_held_and_the_next_caller_is_told(environment: dict[str, str]) -> None:
    with await asyncio.to_thread(lambda: Gateway.start(environment=environment)) as gateway:
        async with rowgate.connect(gateway.address, retry=None) as db:
            await given_up(db)
            # The kill has failed, and its connection is closed as far as that goes.
            await eventually(lambda: "kill failed" in gateway.stderr, 10, "the kill was given up")
            await eventually(lambda: total(gateway, "rowgate_pool_cleanup_failures_total") == 1, 5, "it was counted")
            with pytest.raises(rowgate.PoolExhausted) as refused:
                await db.query("select 1")
            assert refused.value.retry_after
            assert total(gateway, "rowgate_pool_in_use") == 1
        began = time.monotonic()
        assert await asyncio.to_thread(lambda: gateway.terminate(within=20)) == 0, gateway.stderr
        assert time.monotonic() - began < GRACE + 2 + 1
    assert "Traceback" not in gateway.stderr


async def test_workers_end_all_the_same_and_at_once_when_hurried(environment: dict[str, str]) -> None:
    environment["ROWGATE_SERVER__DRAIN_GRACE"] = "60s"
    with await asyncio.to_thread(lambda: Gateway.start("--workers", "2", environment=environment)) as gateway:
        async with rowgate.connect(gateway.address, retry=None) as db:
            await given_up(db)
            call = asyncio.create_task(db.query(ENDLESS.replace("'1'", "'2'")))
            stopping = asyncio.create_task(asyncio.to_thread(lambda: gateway.terminate(within=20)))
            await eventually(lambda: gateway.stderr.count('"event": "stopping"') == 2, 10, "both workers stop")
            os.kill(gateway.child.pid, signal.SIGTERM)
            assert await stopping == 0, gateway.stderr
            with pytest.raises(rowgate.RowgateError):
                await call
    assert "Traceback" not in gateway.stderr
