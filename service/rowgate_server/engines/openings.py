"""Connections in the making, each by a task that no caller's cancellation reaches.

A caller who leaves does not end it at once, so that callers in a hurry find a connection the next time; but soon, by
cutting the link first: on a dark link a cancelled task may wait all the same.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, Generic, TypeVar

from rowgate_server.engines.connector import Attempt
from rowgate_server.engines.deadline import Deadline
from rowgate_server.errors import Outcome, RowgateError

_T = TypeVar("_T")

_LEFT_ALONE, _CUT = 0.5, 0.25
"""Seconds that one has after its caller has left, and each time that its link was cut besides, and it cancelled."""


class Openings(Generic[_T]):
    """Those of one pool."""

    def __init__(self) -> None:
        self._open: dict[asyncio.Future[_T], Attempt] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    async def wait(
        self,
        make: Callable[[Attempt], Awaitable[_T]],
        explain: Callable[[Exception], Exception],
        unwanted: Callable[[_T | None], None],
        refusal: Callable[[], RowgateError],
        deadline: Deadline,
    ) -> _T:
        """What `make` makes.

        Args:
            make: makes it.
            explain: its error in the gateway's words.
            unwanted: called where this fails, once it is known what became of it, with what was made after all.
            refusal: what to tell where it was given up.
            deadline: how long the caller can wait.

        Raises:
            RowgateError: STATEMENT_TIMEOUT; or what `explain` makes of an error.
        """
        opening: asyncio.Future[_T] = asyncio.get_running_loop().create_future()
        attempt = self._open[opening] = Attempt()
        task = self._start(self._work(opening, attempt, make, explain, unwanted, refusal))
        try:
            async with asyncio.timeout(deadline.remaining()):
                return await opening
        except BaseException as error:
            if opening.done() and not opening.cancelled() and opening.exception() is None:
                unwanted(opening.result())  # it came in the moment of the cancellation
            elif opening in self._open:
                self._start(self._leave(task, attempt))
            if isinstance(error, TimeoutError) and deadline.remaining() <= 0:
                raise deadline.exceeded("connecting to the database", Outcome.NOT_RUN) from None
            raise

    def refuse_all(self, refusal: Callable[[], Exception]) -> None:
        """As `Places.refuse_all`."""
        for opening in self._open:
            if not opening.done():
                opening.set_exception(refusal())

    async def close(self) -> None:
        """Wait until all have ended; those that nobody waits for do so soon."""
        while self._tasks:
            await asyncio.wait(self._tasks)

    async def _work(
        self,
        opening: asyncio.Future[_T],
        attempt: Attempt,
        make: Callable[[Attempt], Awaitable[_T]],
        explain: Callable[[Exception], Exception],
        unwanted: Callable[[_T | None], None],
        refusal: Callable[[], RowgateError],
    ) -> None:
        made: _T | None = None
        try:
            made = await make(attempt)
        except Exception as error:  # noqa: BLE001 - the caller is told
            told = explain(error)
            if not opening.done():
                opening.set_exception(told)
        finally:
            del self._open[opening]
            if made is not None and not opening.done():
                opening.set_result(made)
            else:
                if not opening.done():
                    opening.set_exception(refusal())
                unwanted(made)

    @staticmethod
    async def _leave(task: asyncio.Task[None], attempt: Attempt) -> None:
        await asyncio.wait({task}, timeout=_LEFT_ALONE)
        # More than once: until Python 3.12 `wait_for`, which drivers connect with, loses a cancellation that comes in
        # the moment in which what it waits for is done. Reproduced, where a ping's timeout and the caller's end meet.
        while not task.done():
            attempt.left = True
            attempt.cut()
            task.cancel()
            await asyncio.wait({task}, timeout=_CUT)

    def _start(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.create_task(work, name="rowgate-opening")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task
