"""Which sessions a worker has that would outlive it: told to the supervisor, and ended by the worker that follows."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Iterable
from typing import Any

from rowgate_server.engines.dialects.control import OtherServerError
from rowgate_server.engines.outliving import Outliving, SessionName
from rowgate_server.observability.logging import get_logger
from rowgate_server.workers.channel import Channel, ChannelClosedError

_log = get_logger("rowgate.workers")

_TOLD_WITHIN = 2.0
_ENDED_WITHIN = 2.0
"""Seconds for which a worker does not serve; what has not ended by then is ended while it does."""

_FIRST_PAUSE, _LONGEST_PAUSE, _ROUNDS = 0.02, 1.0, 30
_PER_TRY = 2.0
_RUN_ON = "what the worker before has left may run on"


class Kept:
    """What a supervisor knows of those in one place, whichever process opened them."""

    def __init__(self) -> None:
        self._names: set[SessionName] = set()

    async def add(self, name: Any) -> None:
        """The worker there has one more."""
        self._names.add(SessionName(*name))

    async def left(self, _: Any) -> list[SessionName]:
        """What the processes before have left; a worker asks before it has any itself."""
        return list(self._names)

    def exchange(self, names: Iterable[Any]) -> None:
        """It has these now, and no others; or has not ended them yet."""
        self._names = {SessionName(*name) for name in names}


class Sessions:
    """A worker's, and those of the one before that are not ended yet.

    Args:
        channel: to the supervisor.
        outliving: the kinds that there are at this moment.
    """

    def __init__(self, channel: Channel, outliving: Callable[[], Iterable[Outliving]]) -> None:
        self._channel = channel
        self._outliving = outliving
        self._left: set[SessionName] = set()
        self._ending: asyncio.Task[None] | None = None

    def follow(self) -> None:
        """Tell of all that there are, and will be."""
        for each in self._outliving():
            each.listen(lambda name: self._channel.tell("session", name))

    async def all(self, _: Any) -> list[SessionName]:
        """The supervisor asks, to forget the others."""
        return [name for each in self._outliving() for name in each.names()] + list(self._left)

    async def begin(self) -> None:
        """End what the worker before has left, and tell of what comes."""
        await self._channel.opened.wait()
        with contextlib.suppress(ChannelClosedError, TimeoutError):
            self._left = {SessionName(*name) for name in await self._channel.ask("left", within=_TOLD_WITHIN)}
        self.follow()
        self._forget_strangers()
        if self._left:
            self._ending = asyncio.create_task(self._end(), name="rowgate-end-left")
            await asyncio.wait({self._ending}, timeout=_ENDED_WITHIN)

    async def stop(self) -> None:
        """Leave the rest to the servers' own limits."""
        if self._ending is not None:
            self._ending.cancel()
            await asyncio.wait({self._ending})

    def _forget_strangers(self) -> None:
        """Under another configuration there may be nobody who may end them."""
        logins = {each.login for each in self._outliving()}
        strangers = {name for name in self._left if name.login not in logins}
        self._left -= strangers
        if strangers:
            _log.error(_RUN_ON, sessions=len(strangers))

    async def _end(self) -> None:
        """Kill each until it is gone: a server's OK says only that it has taken note."""
        number, pause = len(self._left), _FIRST_PAUSE
        for _ in range(_ROUNDS):
            await self._kill()
            if not self._left:
                _log.info("what the worker before has left is ended", sessions=number)
                return
            await asyncio.sleep(pause)
            pause = min(2 * pause, _LONGEST_PAUSE)
        _log.error(_RUN_ON, sessions=len(self._left))
        self._left.clear()

    async def _kill(self) -> None:
        """Once; where a server does not answer for one, it is not asked for the others either."""
        logins = {each.login: each for each in self._outliving()}
        silent = set[str]()
        for name in list(self._left):
            if name.login in silent:
                continue
            gone: bool | None = None
            with contextlib.suppress(Exception):  # whatever it is, it is tried again
                gone = await _is_ended(name, logins[name.login])
            if gone:
                self._left.discard(name)
            elif gone is None:
                silent.add(name.login)


async def _is_ended(name: SessionName, login: Outliving) -> bool:
    """Whether it is gone; any error says that its server did not answer."""
    try:
        async with asyncio.timeout(_PER_TRY):
            return await login.end(name)
    except OtherServerError:
        return False  # its own may be met with the next time
