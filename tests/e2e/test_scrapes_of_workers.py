"""Scrapes while workers die, start and hang: at once, and with counters that never fall nor count anything twice."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections.abc import Iterator

import pytest
from unit.core.sqlite_files import fill

import rowgate
from support import proc
from support.eventually import eventually
from support.process import Gateway
from support.scraped import total

CALLS = 12


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    file = fill(tmp_path_factory.mktemp("scraped") / "main.db", "create table things (id integer)")
    url = f"sqlite:///{file}"
    with Gateway.start("--workers", "2", "--database", f"main={url}") as gateway:
        yield gateway


async def test_counters_stand_while_a_worker_hangs_and_the_other_is_killed_and_replaced(gateway: Gateway) -> None:
    for _ in range(CALLS):  # each over a connection of its own, so that both workers have some
        async with rowgate.connect(gateway.address) as client:
            await client.query("select 1 as x")
    seen: list[float] = []
    lasted: list[float] = []

    def scrape() -> None:
        began = time.monotonic()
        seen.append(total(gateway, "grpc_server_started_total", grpc_method="ExecuteQuery"))
        lasted.append(time.monotonic() - began)

    scrape()
    hanging, dying = [pid for pid in proc.tree(gateway.child.pid)[1:] if not proc.is_stopped(pid)]
    os.kill(hanging, signal.SIGSTOP)
    try:
        scraping = asyncio.create_task(asyncio.to_thread(scrape))
        await asyncio.sleep(0.03)  # so that it waits for the one that hangs; a scrape that is over does no harm
        os.kill(dying, signal.SIGKILL)
        await scraping
        for _ in range(20):  # among them some while the next one starts
            await asyncio.to_thread(scrape)
            await asyncio.sleep(0.02)
    finally:
        os.kill(hanging, signal.SIGCONT)
    assert set(seen) == {CALLS}
    assert max(lasted) < 1, "nobody is waited for who does not answer"
    await eventually(lambda: total(gateway, "rowgate_worker_up") == 2, 30, "there was another one")
    scrape()
    assert seen[-1] == CALLS
