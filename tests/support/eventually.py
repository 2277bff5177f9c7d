"""Waiting for what another process does, and can't tell us of."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

_PAUSE = 0.01


async def eventually(holds: Callable[[], bool], within: float, what: str) -> float:
    """Asks again and again until it holds; returns the seconds that took.

    Args:
        holds: asked outside the event loop's thread, so it may block.
        within: seconds until the test fails.
        what: ends the sentence "it never came true that".
    """
    loop = asyncio.get_running_loop()
    began = loop.time()
    while not await asyncio.to_thread(holds):
        assert loop.time() - began < within, f"it never came true that {what}, in {within} s"
        await asyncio.sleep(_PAUSE)
    return loop.time() - began
