"""Calls by the thousand, of which half are cancelled or run into their deadline: who gets whose answer?"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Coroutine, Iterator
from typing import Any

Work = Callable[[int, random.Random], Coroutine[Any, Any, None]]


async def storm(work: Work, *, calls: int, at_once: int) -> None:
    """Runs `work` for each number below `calls`, so many at a time; the dice are the same each time."""
    numbers: Iterator[int] = iter(range(calls))

    async def worker(seed: int) -> None:
        dice = random.Random(seed)
        for number in numbers:
            await work(number, dice)

    await asyncio.gather(*(worker(seed) for seed in range(at_once)))
