"""`/metrics` is packed for those who take gzip, and for nobody else."""

from __future__ import annotations

import gzip
from collections.abc import AsyncIterator

import aiohttp
import pytest

from rowgate_server.observability.exposition import Snapshot, written
from rowgate_server.transport.admin import AdminServer, State

TOLD: Snapshot = [["calls", "Calls.", "counter", {f'calls_total{{method="{n}"}}': float(n) for n in range(500)}]]


@pytest.fixture
async def url() -> AsyncIterator[str]:
    async def collected() -> Snapshot:
        return TOLD

    server = AdminServer(collected, lambda: State(ready=True, databases={}))
    port = await server.start("127.0.0.1", 0)
    yield f"http://127.0.0.1:{port}/metrics"
    await server.stop()


async def asked(url: str, headers: dict[str, str]) -> tuple[aiohttp.ClientResponse, bytes]:
    """An answer as it came."""
    async with (
        aiohttp.ClientSession(auto_decompress=False, skip_auto_headers=["Accept-Encoding"]) as session,
        session.get(url, headers=headers) as answer,
    ):
        return answer, await answer.read()


@pytest.mark.parametrize("accepted", ["gzip", "deflate, gzip;q=0.5", "br,GZIP ; q=1.0", "gzip;q=0.001"])
@pytest.mark.parametrize("openmetrics", [False, True], ids=["text", "openmetrics"])
async def test_those_who_take_it_get_it_packed(url: str, accepted: str, *, openmetrics: bool) -> None:
    kind = "application/openmetrics-text; version=1.0.0" if openmetrics else "text/plain"
    answer, body = await asked(url, {"Accept-Encoding": accepted, "Accept": kind})
    assert (answer.headers["Content-Encoding"], answer.headers["Vary"]) == ("gzip", "Accept-Encoding")
    assert answer.content_type == kind.partition(";")[0]
    whole = written(TOLD, openmetrics=openmetrics)
    assert len(body) < len(whole) / 3
    assert gzip.decompress(body) == whole


@pytest.mark.parametrize(
    "accepted", [None, "", "identity", "deflate, br", "gzip;q=0", "gzip; q = 0.00", "*", "gzipped"]
)
async def test_others_get_it_as_it_is(url: str, accepted: str | None) -> None:
    answer, body = await asked(url, {} if accepted is None else {"Accept-Encoding": accepted})
    assert "Content-Encoding" not in answer.headers
    assert answer.headers["Vary"] == "Accept-Encoding"
    assert body == written(TOLD)
