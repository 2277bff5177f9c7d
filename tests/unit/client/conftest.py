"""A scripted gateway, and a client of it."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from unit.client.scripted import ScriptedGateway, serving

import rowgate


@pytest.fixture
async def served() -> AsyncIterator[tuple[ScriptedGateway, int]]:
    gateway = ScriptedGateway()
    async with serving(gateway) as port:
        yield gateway, port


@pytest.fixture
def gateway(served: tuple[ScriptedGateway, int]) -> ScriptedGateway:
    return served[0]


@pytest.fixture
def target(served: tuple[ScriptedGateway, int]) -> str:
    return f"127.0.0.1:{served[1]}"


@pytest.fixture
async def db(target: str) -> AsyncIterator[rowgate.Client]:
    quick = rowgate.Retry(first_delay=0.001, longest_delay=0.001)
    async with rowgate.connect(target, timeout=20.0, retry=quick) as client:
        yield client
