"""A database server of the tests' own: a private folder, a free loopback port, and a switch for every misfortune."""

from __future__ import annotations

import asyncio
import itertools
import shutil
import signal
import socket
import subprocess
import threading
from abc import ABC, abstractmethod
from functools import cache
from typing import TYPE_CHECKING, Any, ClassVar, Self, TypeVar

from support import template
from support.available import engine_program
from support.child import Account, Child
from support.guard import test_run

if TYPE_CHECKING:
    from collections.abc import Coroutine, Sequence
    from pathlib import Path

T = TypeVar("T")

HOST = "127.0.0.1"
DATABASE = "rowgate_test"
USER, PASSWORD = "rowgate", "rowgate-pass"
ADMIN, ADMIN_PASSWORD = "rowgate_admin", "admin-pass"

_START_WITHIN = 60.0
_STOP_WITHIN = 20.0
_SQL_WITHIN = 30.0
_PORT_TRIES = 5

_numbers = itertools.count(1)


class ServerDidNotStartError(AssertionError):
    """A server ended, or stayed silent, before it was ready. The message has its log."""


class ThrowawayServer(ABC):
    """One running server. `start` makes it; it is a context manager that stops it.

    The calls are blocking and short; where they must not hold up an event loop, use `asyncio.to_thread`.
    """

    scheme: ClassVar[str]
    """The scheme of the URLs."""
    program: ClassVar[str]
    """The server's program, by its name in `scripts/engines`."""
    accounts: ClassVar[tuple[str, ...]]
    """Whom to run as when the tests are run by root, best first."""
    ready: ClassVar[str]
    """What the log says once connections are accepted, as a regular expression."""
    port_taken: ClassVar[str]
    """What the log says when another process has the port."""
    stop_signal: ClassVar[signal.Signals]
    """Asks for an orderly shutdown that does not wait for clients."""

    def __init__(self, settings: Sequence[str] = ()) -> None:
        """Lays a fresh data folder; `start` is the way to call this."""
        self.settings = settings
        self._account = Account.unprivileged(*self.accounts)
        self._child: Child | None = None
        self.port = 0
        initialised = template.data_folder(
            self.scheme,
            recipe="\n".join([self.version(), *self._recipe()]),
            account=self._account,
            initialise=self._initialise,
        )
        self.folder = test_run().folder / f"{self.scheme}-{next(_numbers)}"
        self.folder.mkdir(mode=0o700)
        shutil.copytree(initialised, self.data)
        if self._account:
            self._account.own(self.folder)

    @classmethod
    def start(cls, *settings: str) -> Self:
        """Starts a server with an empty database.

        Args:
            settings: more arguments for the server's command line, in the engine's own syntax.
        """
        server = cls(settings)
        for _ in range(_PORT_TRIES):
            server.port = free_port()
            if server._launch():
                return server
        raise ServerDidNotStartError(f"{_PORT_TRIES} ports in a row were taken by others")

    @classmethod
    @cache
    def version(cls) -> str:
        """The version line of the server's program."""
        command: list[str | Path] = [engine_program(cls.program), "--version"]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()

    @property
    def data(self) -> Path:
        """The server's data folder."""
        return self.folder / "data"

    @property
    def url(self) -> str:
        """For the gateway: the owner of the test database, who is no superuser."""
        return f"{self.scheme}://{USER}:{PASSWORD}@{HOST}:{self.port}/{DATABASE}"

    @property
    def admin_url(self) -> str:
        """For tests that need a superuser."""
        return f"{self.scheme}://{ADMIN}:{ADMIN_PASSWORD}@{HOST}:{self.port}/{DATABASE}"

    @property
    def child(self) -> Child:
        """The server's process."""
        assert self._child, "the server was never started"
        return self._child

    @property
    def log(self) -> str:
        """What the server has written since it was last started."""
        return self.child.stderr.text

    def freeze(self) -> None:
        """Stops every process of the server where it is: connections stay open and silent."""
        self.child.freeze()

    def thaw(self) -> None:
        """Lets a frozen server go on."""
        self.child.thaw()

    def kill(self) -> None:
        """Ends the server as a crash would. `restart` brings it back."""
        self.child.kill()

    def stop(self) -> None:
        """Shuts the server down, frozen or not. Stopping twice does nothing more."""
        self.child.stop(self.stop_signal, within=_STOP_WITHIN)

    def restart(self) -> None:
        """Stops the server if it runs, and starts it on the same port and data."""
        self.stop()
        if not self._launch():
            raise ServerDidNotStartError(f"port {self.port} was taken by another process meanwhile")

    def execute(self, sql: str) -> list[tuple[Any, ...]]:
        """Runs one statement as the superuser, in a connection and a transaction of its own, and returns the rows."""
        return _to_its_end(self._fetch(sql))

    def script(self, sql: str) -> None:
        """Runs several statements, separated by semicolons, as the superuser."""
        _to_its_end(self._script(sql))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _launch(self) -> bool:
        """Starts the process and waits until it is ready; False if the port is taken."""
        self._child = Child(
            [*self._command(), *self.settings],
            folder=self.folder,
            environment=template.environment(self.folder),
            account=self._account,
        )
        if self._child.stderr.wait_for(self.ready, within=_START_WITHIN):
            return True
        self._child.kill()
        if self.port_taken in self.log:
            return False
        raise ServerDidNotStartError(f"{self.program} did not start:\n{self.log}")

    @abstractmethod
    def _recipe(self) -> Sequence[str]:
        """What `_initialise` follows, for the template's key."""

    @abstractmethod
    def _initialise(self, folder: Path) -> None:
        """Makes `data` in `folder`: the system tables, the accounts, the test database."""

    @abstractmethod
    def _command(self) -> Sequence[str | Path]:
        """The server's command line, for `self.port` and `self.data`."""

    @abstractmethod
    async def _fetch(self, sql: str) -> list[tuple[Any, ...]]:
        """Runs one statement as the superuser, through the socket in `self.folder`."""

    @abstractmethod
    async def _script(self, sql: str) -> None:
        """Runs several statements as the superuser."""


def free_port() -> int:
    """A loopback port that was free a moment ago; whoever starts on it must stand its being taken since."""
    with socket.create_server((HOST, 0)) as probe:
        return int(probe.getsockname()[1])


@cache
def _private_loop() -> asyncio.AbstractEventLoop:
    """An event loop of the kit's own, in a thread, so that its blocking calls work inside a running loop too."""
    loop = asyncio.new_event_loop()
    threading.Thread(target=loop.run_forever, daemon=True).start()
    return loop


def _to_its_end(work: Coroutine[Any, Any, T]) -> T:
    async def in_time() -> T:
        async with asyncio.timeout(_SQL_WITHIN):
            return await work

    return asyncio.run_coroutine_threadsafe(in_time(), _private_loop()).result()
