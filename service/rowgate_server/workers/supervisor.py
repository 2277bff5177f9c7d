"""The supervisor of several workers on one port: starts them, replaces those that end, and speaks for all of them.

It serves no call itself, and imports no gRPC. Workers are spawned, since gRPC can't be forked, and each has the port by
SO_REUSEPORT: the kernel spreads connections over them.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import secrets
import signal
import socket
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any, NamedTuple

from pydantic import SecretStr

from rowgate_server import config
from rowgate_server.config_watch import ConfigWatch, Reading
from rowgate_server.engines import clock
from rowgate_server.listening import certificates, start_admin
from rowgate_server.observability.exposition import Snapshot, snapshot
from rowgate_server.observability.logging import get_logger, set_level
from rowgate_server.observability.merging import Ended, merged
from rowgate_server.observability.processes import WorkerMetrics
from rowgate_server.observability.reload_metrics import ReloadMetrics
from rowgate_server.observability.tls_metrics import TlsFamilies
from rowgate_server.transport.admin import AdminServer, State
from rowgate_server.transport.certificates import Reloading, ServedCertificates
from rowgate_server.workers.channel import ChannelClosedError
from rowgate_server.workers.handing import packed
from rowgate_server.workers.place import Place
from rowgate_server.workers.told import Told

_log = get_logger("rowgate.workers")

_MOST_FAILURES = 5
"""Ends in a row, none of them after a while, in every place, after which nothing is to be hoped for."""

_ENDED_WELL = (0, -signal.SIGTERM, -signal.SIGINT)
"""The signals end a worker that is still starting."""

_LATEST = 1.8
"""Seconds after the grace: who has not ended by then is ended. A worker in which everything is stuck ends by itself
after 1.7: handlers may take 0.7, connections 0.7, and its loop and process three times 0.1."""

_HURRIED = 0.5 + _LATEST
"""Seconds after the second signal: callers have half a second to be told why their calls are cut short."""

_TAKEN_WITHIN = 5.0
"""Seconds for what takes none."""

_PREPARED_WITHIN = 60.0
"""Seconds: databases are tried, and tables made."""

_ANSWER_WITHIN = 0.4
"""Seconds: somebody waits for what a worker asks of the others."""


class WorkersError(Exception):
    """The workers can't serve; the text says why."""


class Supervisor:
    """Runs the workers.

    Args:
        settings: what they serve; `server.workers` says how many.
        reading: how they are read again later.
        greet: told the addresses once all are ready: of gRPC, the admin port and the health port.

    Raises:
        ConfigError: the admin port's certificate cannot be served.
    """

    def __init__(self, settings: config.Settings, greet: Callable[[str, str, str], None], reading: Reading) -> None:
        self._settings = settings
        self._greet = greet
        self._ended = Ended()
        self._places: list[Place] = []
        self._stopping = False
        self._metrics = WorkerMetrics(lambda: [(place.number, place.up, place.restarts) for place in self._places])
        self._numbers = itertools.count(1)
        self._watch = ConfigWatch(reading, settings, self._exchange, ReloadMetrics(self._metrics.registry))
        self._admin = AdminServer(self._collect, self.state)
        self._admin_tls = _served(settings, self._metrics)
        self._reloading = Reloading(() if self._admin_tls is None else (self._admin_tls,), settings.tls.reload_interval)

    def state(self) -> State:
        """Of all together: ready while one is that serves, and a database up where none says that it is not."""
        states = [place.state for place in self._places if place.state is not None]
        names = sorted({name for state in states for name in state.databases})
        databases = {name: all(state.databases.get(name, True) for state in states) for name in names}
        return State(not self._stopping and any(state.ready for state in states), databases)

    async def run(self) -> None:
        """Serve until a signal.

        Raises:
            ListenError: the admin port's address cannot be had.
            WorkersError: they can't start, or go on ending.
        """
        told = Told()
        told.on_hangup(self._look_now)
        with contextlib.ExitStack() as stack:
            listen, health = self._settings.listen, self._settings.health_listen
            port = stack.enter_context(_reserved("listen", listen, self._settings)).getsockname()[1]
            health_port = None
            if health is not None:
                health_port = stack.enter_context(_reserved("health_listen", health, self._settings)).getsockname()[1]
            self._theirs = partial(_for_workers, _made_up(), port, health_port)
            settings = self._theirs(self._settings)
            self._places = [
                Place(number, settings, self._ended, self._answers(number))
                for number in range(1, self._settings.server.workers + 1)
            ]
            keeping = [asyncio.create_task(place.keep()) for place in self._places]
            try:
                admin = await start_admin(self._admin, self._settings.admin_listen, self._admin_tls)
                self._reloading.start()
                if await self._begun(told):
                    self._watch.start()
                    self._greet(str(settings.listen), admin, str(settings.health_listen or "off"))
                    await self._until(told)
            finally:
                await self._stop(told, keeping)
        if any(place.exit_codes[-1] not in _ENDED_WELL for place in self._places if place.exit_codes):
            raise WorkersError("a worker did not end well; the log says which")

    def _answers(self, number: int) -> dict[str, Callable[[Any], Awaitable[Any]]]:
        """What a worker may ask for, or tell."""

        async def altered(database: Any) -> None:
            for place in self._others(number):
                place.tell("altered", database)

        async def list_all(asked: Any) -> Any:
            return await self._ask(self._others(number), "list", asked)

        async def cancel_anywhere(asked: Any) -> Any:
            return await self._ask(self._others(number), "cancel", asked)

        return {"altered": altered, "list_all": list_all, "cancel_anywhere": cancel_anywhere}

    async def _ask(self, places: list[Place], name: str, asked: Any, within: float = _ANSWER_WITHIN) -> dict[str, Any]:
        """What each of them answers, and who does not."""
        wanted = [place for place in places if place.up]
        told = await asyncio.gather(
            *(place.ask(name, asked, within=within) for place in wanted), return_exceptions=True
        )
        pairs = list(zip(wanted, told, strict=True))
        return {
            "answers": [answer for _, answer in pairs if not isinstance(answer, BaseException)],
            "silent": [place.number for place, answer in pairs if isinstance(answer, BaseException)],
        }

    def _others(self, number: int) -> list[Place]:
        return [place for place in self._places if place.number != number]

    async def _begun(self, told: Told) -> bool:
        """Wait until every worker serves; False if told to stop first.

        Raises:
            WorkersError: one has ended.
        """
        while not all(place.up and place.ready for place in self._places):
            await self._change(told)
            if told.stop.is_set():
                return False
            if any(place.exit_codes for place in self._places):
                raise WorkersError("the workers cannot start; what they wrote stands above")
        return True

    async def _until(self, told: Told) -> None:
        """Wait for a signal.

        Raises:
            WorkersError: there is no worker left, and no hope for one.
        """
        while not told.stop.is_set():
            await self._change(told)
            if not any(place.up for place in self._places) and all(
                place.failures >= _MOST_FAILURES for place in self._places
            ):
                raise WorkersError(f"no worker stays up: each ended {_MOST_FAILURES} times in a row")

    async def _change(self, told: Told) -> None:
        """Wait until something has happened to a worker, or a signal has come."""
        events = [told.stop, *(place.changed for place in self._places)]
        waits = [asyncio.create_task(event.wait()) for event in events]
        await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        for wait in waits:
            wait.cancel()
        for place in self._places:
            place.changed.clear()

    async def _stop(self, told: Told, keeping: list[asyncio.Task[None]]) -> None:
        """Pass the signal on, and the second one; end what does not end."""
        self._stopping = True
        await self._watch.stop()
        number = signal.SIGTERM if told.patient or not told.stop.is_set() else signal.SIGINT
        for place in self._places:
            place.signal(number)
        ended = asyncio.ensure_future(asyncio.wait(keeping))
        hurried = asyncio.create_task(told.hurry.wait())
        latest = clock.now() + self._settings.server.drain_grace + _LATEST
        await asyncio.wait({ended, hurried}, timeout=latest - clock.now(), return_when="FIRST_COMPLETED")
        if hurried.done() and not ended.done():
            for place in self._places:
                place.signal(number)
            latest = min(latest, clock.now() + _HURRIED)
            await asyncio.wait({ended}, timeout=max(0.0, latest - clock.now()))
        if not ended.done():
            _log.error("workers are killed", workers=[place.number for place in self._places if not place.exit_codes])
            for place in self._places:
                place.signal(signal.SIGKILL)
        await ended
        hurried.cancel()
        await self._reloading.stop()
        await self._admin.stop()

    async def _exchange(self, settings: config.Settings) -> None:
        """Have all workers take another configuration, or none of them.

        Raises:
            ConfigError: one of them could not build it; UnreachedError: as it does not reach a database.
        """
        if fixed := config.fixed(self._settings, settings):
            raise config.ConfigError([f"{name}: is read at the start only; restart the server" for name in fixed])
        if not all(place.up and place.ready for place in self._places):
            raise config.ConfigError(["a worker is starting: tried again when it serves"])
        theirs, number = self._theirs(settings), next(self._numbers)
        asked = {"number": number, "settings": packed(theirs)}
        told = await self._ask(self._places, "prepare", asked, within=_PREPARED_WITHIN)
        problems = dict.fromkeys(problem for answer in told["answers"] for problem in answer["problems"])
        if told["silent"]:
            problems["a worker did not answer: tried again later"] = None
        if problems:
            for place in self._places:
                place.tell("discard", None)
            unreached = any(answer["unreached"] for answer in told["answers"])
            raise (config.UnreachedError if unreached else config.ConfigError)(problems)
        self._settings = settings
        self._ended.serve(settings.databases.keys())
        for place in self._places:
            place.settings = theirs
        # Also one that has been replaced since, or is not up at this moment.
        await asyncio.gather(*(self._have_taken(place, number) for place in self._places))
        set_level(settings.log.level)

    async def _have_taken(self, place: Place, number: int) -> None:
        """Have a worker take what it has prepared; one that has not is replaced by one that begins with it."""
        taken = False
        with contextlib.suppress(ChannelClosedError, TimeoutError):
            taken = await place.ask("take", number, within=_TAKEN_WITHIN)
        if not taken:
            _log.warning("worker is replaced, it has another configuration", worker=place.number)
            place.replace()

    def _look_now(self) -> None:
        """Files may be others now: each looks at those that it serves."""
        self._watch.look_now()
        self._reloading.look_now()
        for place in self._places:
            place.tell("reload", None)

    async def _collect(self) -> Snapshot:
        await asyncio.gather(*(place.refresh() for place in self._places))
        # Read once all have answered, in one step: one that has ended meanwhile is with the ended, and only there.
        told = [place.last for place in self._places]
        return merged([*told, snapshot(self._metrics.registry.collect())], self._ended)


def _served(settings: config.Settings, metrics: WorkerMetrics) -> ServedCertificates | None:
    if settings.admin_listen is None or not settings.admin_tls.certificate:
        return None
    return certificates("admin", "admin_tls", settings.admin_tls, TlsFamilies(metrics.registry).port)


class _MadeUp(NamedTuple):
    """Secrets for those that the configuration leaves out: the same for all workers, and as long as they are served."""

    of_page_tokens: SecretStr
    of_masks: SecretStr


def _made_up() -> _MadeUp:
    return _MadeUp(SecretStr(secrets.token_hex(32)), SecretStr(secrets.token_hex(32)))


def _for_workers(made_up: _MadeUp, port: int, health_port: int | None, settings: config.Settings) -> config.Settings:
    """The settings as the workers are to have them: alike in what must be, and without what is the supervisor's."""
    of_page_tokens = settings.server.page_token_secret or made_up.of_page_tokens
    server = settings.server.model_copy(update={"reuse_port": True, "page_token_secret": of_page_tokens})
    of_masks = settings.policy.mask_secret or made_up.of_masks
    changes: dict[str, Any] = {
        "server": server,
        "policy": settings.policy.model_copy(update={"mask_secret": of_masks}),
        "listen": config.Address(host=settings.listen.host, port=port),
        "admin_listen": None,
        # Its certificate is the supervisor's, as the admin port is.
        "admin_tls": type(settings.admin_tls)(),
    }
    if settings.health_listen is not None and health_port is not None:
        changes["health_listen"] = config.Address(host=settings.health_listen.host, port=health_port)
    return settings.model_copy(update=changes)


def _reserved(setting: str, listen: config.Address, settings: config.Settings) -> socket.socket:
    """A port, kept but not listened on.

    Raises:
        WorkersError: it cannot be had.
    """
    try:
        family, _, _, _, address = socket.getaddrinfo(listen.host, listen.port, type=socket.SOCK_STREAM)[0]
        if not settings.server.reuse_port:
            # Without it, the kernel refuses where somebody else listens.
            with socket.socket(family) as found:
                found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                found.bind(address)
                found.listen(1)
        reserved = socket.socket(family)
        reserved.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        reserved.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        reserved.bind(address)
    except OSError as error:
        raise WorkersError(f"{setting}: {listen} cannot be listened on: {error.strerror or error}") from None
    return reserved
