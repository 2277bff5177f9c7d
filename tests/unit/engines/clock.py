"""An event loop with a clock of its own, which moves on only when nothing else is left to do.

Hours pass at once and to the microsecond, so tests of timeouts neither sleep nor guess. What waits for the outside (a
thread, a socket) cannot run on it: there is no time to wait in.
"""

from __future__ import annotations

import asyncio
import functools
import gc
import selectors
from collections.abc import Callable, Coroutine
from typing import Any, ParamSpec
from unittest.mock import patch

from rowgate_server.engines import clock

P = ParamSpec("P")


class ClockLoop(asyncio.SelectorEventLoop):
    """Starts at 1000 seconds."""

    def __init__(self) -> None:
        self._moment = 1000.0
        super().__init__(_Selector(self))

    def time(self) -> float:
        """The moment, in seconds."""
        return self._moment

    def move(self, seconds: float | None) -> None:
        """Let so much time pass; None means until something happens from outside."""
        assert seconds is not None, "every task waits for something that will never happen"
        self._moment += seconds


class _Selector(selectors.PollSelector):
    def __init__(self, loop: ClockLoop) -> None:
        super().__init__()
        self._loop = loop

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        ready = super().select(0)
        if not ready and timeout != 0:
            self._loop.move(timeout)
        return ready


def on_the_clock(test: Callable[P, Coroutine[Any, Any, None]]) -> Callable[P, None]:
    """Run an async test on a ClockLoop; an error that asyncio would only have logged fails it."""

    @functools.wraps(test)
    def run(*args: P.args, **kwargs: P.kwargs) -> None:
        unheard: list[dict[str, Any]] = []
        with asyncio.Runner(loop_factory=ClockLoop) as runner:
            loop = runner.get_loop()
            loop.set_exception_handler(lambda _, context: unheard.append(context))
            with patch.object(clock, "now", loop.time):
                runner.run(test(*args, **kwargs))
            gc.collect(0)
        assert not unheard, unheard

    return run


def now() -> float:
    """The running loop's time."""
    return asyncio.get_running_loop().time()


async def until(holds: Callable[[], bool]) -> None:
    """Let time pass in half seconds until it holds."""
    while not holds():  # noqa: ASYNC110 - nobody tells when it does, and waiting costs nothing here
        await asyncio.sleep(0.5)


async def settle() -> None:
    """Let every task run until it waits for an event or for time to pass."""
    for _ in range(50):
        await asyncio.sleep(0)
