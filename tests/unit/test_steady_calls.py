"""Calls at a steady rate: what they cost is told, and nothing that breaks them is lost."""

from __future__ import annotations

import asyncio

import pytest

from rowgate import RowgateError
from support.steady import Steady


async def test_calls_that_fail_are_counted() -> None:
    enough = asyncio.Event()

    async def call(number: int) -> None:
        if number == 3:
            enough.set()
        raise RowgateError("it is down")

    began = asyncio.get_running_loop().time()
    async with Steady(call, 1000) as steady:
        await enough.wait()
    assert steady.cost_since(began).failed == len(steady.made) >= 3


@pytest.mark.parametrize("last", [False, True], ids=["at once", "at the end"])
async def test_calls_that_break_are_raised(last: bool) -> None:
    begun, end = asyncio.Event(), asyncio.Event()

    async def call(_: int) -> None:
        begun.set()
        if last:
            await end.wait()
        raise LookupError

    steady = await Steady(call, 1000).__aenter__()
    await begun.wait()
    asyncio.get_running_loop().call_soon(end.set)
    with pytest.raises(LookupError):
        await steady.__aexit__()


async def test_a_rate_that_is_none_is_raised() -> None:
    async def call(_: int) -> None:
        pass

    with pytest.raises(ZeroDivisionError):
        async with Steady(call, 0):
            await asyncio.sleep(0)
