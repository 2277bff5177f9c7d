"""Many scrapes at once cost the event loop no more than one."""

from __future__ import annotations

import asyncio
import gzip

import pytest
from aiohttp.test_utils import make_mocked_request

from rowgate_server.observability.exposition import Snapshot
from rowgate_server.transport.admin import AdminServer, State


class Collected:
    """What is asked for the numbers, and answers when it is told them."""

    def __init__(self) -> None:
        self.asked: list[asyncio.Future[Snapshot]] = []
        self.server = AdminServer(self._collect, lambda: State(ready=True, databases={}))

    async def _collect(self) -> Snapshot:
        self.asked.append(asyncio.get_running_loop().create_future())
        return await self.asked[-1]

    async def scrape(self, accepted: str) -> asyncio.Task[bytes]:
        """One that has asked."""

        async def scraped() -> bytes:
            answer = await self.server._metrics(
                make_mocked_request("GET", "/metrics", headers={"Accept-Encoding": accepted})
            )
            assert isinstance(answer.body, bytes)
            return gzip.decompress(answer.body) if accepted == "gzip" else answer.body

        scrape = asyncio.create_task(scraped())
        for _ in range(5):
            await asyncio.sleep(0)
        return scrape

    def tell(self, number: int) -> None:
        self.asked[-1].set_result([["calls", "Calls.", "gauge", {"calls": float(number)}]])


async def test_scrapes_that_come_while_one_is_under_way_share_it() -> None:
    collected = Collected()
    scrapes = [await collected.scrape(("gzip", "identity")[turn % 2]) for turn in range(20)]
    assert len(collected.asked) == 1
    collected.tell(1)
    (body,) = set(await asyncio.gather(*scrapes))
    assert b"calls 1.0" in body
    later = await collected.scrape("gzip")
    assert len(collected.asked) == 2, "what was told before is not told again"
    collected.tell(2)
    assert b"calls 2.0" in await later


async def test_a_scrape_that_is_given_up_leaves_the_others_theirs() -> None:
    collected = Collected()
    first, second = await collected.scrape("gzip"), await collected.scrape("gzip")
    first.cancel()
    with pytest.raises(asyncio.CancelledError):
        await first
    collected.tell(1)
    assert b"calls 1.0" in await second
