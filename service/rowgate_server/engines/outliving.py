"""Sessions whose statements outlive the process that has them: their server looks for its client between two only.

So what they are called is known to another process, which ends them when this one is killed.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, NamedTuple
from weakref import WeakKeyDictionary

from rowgate_server.engines.dialects.control import Server


class SessionName(NamedTuple):
    """One session, for all time.

    Attributes:
        login: who may end it, and where that is said: `user@host:port`.
        server: the server's name for itself.
        since: when that was started.
        number: the server's for the session, given once until it is started anew.
    """

    login: str
    server: str
    since: str
    number: int


class Outliving:
    """Those of one login on one server.

    Args:
        login: as in their names.
        kill: ends one by its number and server: whether it is gone.
    """

    def __init__(self, login: str, kill: Callable[[int, Server], Awaitable[bool]]) -> None:
        self.login = login
        self._kill = kill
        self._hear: Callable[[SessionName], None] = _ignore
        # One that was cut, and whose statement is being killed, is held by whoever does that.
        self._names: WeakKeyDictionary[Any, SessionName] = WeakKeyDictionary()

    def listen(self, hear: Callable[[SessionName], None]) -> None:
        """Tell of each before a statement runs in it, and now of those that there are."""
        self._hear = hear
        for name in self.names():
            hear(name)

    def add(self, connection: Any, number: int, server: Server) -> None:
        """There is one more."""
        name = self._names[connection] = SessionName(self.login, *server, number)
        self._hear(name)

    def names(self) -> list[SessionName]:
        """All in which something may run."""
        return list(self._names.values())

    async def end(self, name: SessionName) -> bool:
        """End one, of this process or another: whether it is gone; any error says that this is not known."""
        return await self._kill(name.number, Server(name.server, name.since))

    async def end_own(self, connection: Any) -> bool:
        """End that of a connection."""
        return await self.end(self._names[connection])


def _ignore(_: SessionName) -> None:
    pass
