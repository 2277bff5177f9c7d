"""One worker: the whole gateway on one event loop, told by its supervisor what it serves, and asked what it does."""

from __future__ import annotations

import asyncio
import signal
import socket
from collections.abc import Mapping
from typing import Any

from rowgate_server import app, config, ending
from rowgate_server.config import ConfigError, UnreachedError
from rowgate_server.engines.beside import give_way_soon
from rowgate_server.observability import logging
from rowgate_server.observability.exposition import snapshot_beside
from rowgate_server.observability.garbage import spare_collections
from rowgate_server.served import Candidate
from rowgate_server.transport.admin import State
from rowgate_server.workers.channel import Answering, Channel
from rowgate_server.workers.handing import receive_settings, unpacked
from rowgate_server.workers.others import Others, answers_about
from rowgate_server.workers.sessions import Sessions
from rowgate_server.workers.told import Told


def work(descriptor: int, number: int) -> None:
    """Serve until told to stop, or until the supervisor is gone.

    Raises:
        ListenError: the address cannot be had.
        EOFError: the supervisor is gone.
    """
    with socket.socket(fileno=descriptor) as end:
        settings = receive_settings(end)
        logging.configure(settings.log.level, settings.log.format, worker=number)
        ending.run(_serve(settings, number, end), settings.server.drain_grace)


async def _serve(settings: config.Settings, number: int, end: socket.socket) -> None:
    # On the loop: grpc.aio takes the one that is there when a server is made.
    await _Worker(settings, number).serve(end)


class _Worker:
    def __init__(self, settings: config.Settings, number: int) -> None:
        answers: dict[str, Answering] = {"metrics": self._metrics, "ping": self._ping}
        answers |= {"altered": self._forget, "reload": self._look_at_files}
        answers |= {"prepare": self._prepare, "take": self._take, "discard": self._discard}
        self._channel = Channel(answers)
        self._number = number
        self._preparing: asyncio.Future[Candidate] | None = None
        self._prepared = 0
        self._gateway = app.Gateway(
            settings,
            altered=lambda database: self._channel.tell("altered", database),
            others=Others(self._channel),
            worker=number,
        )
        answers.update(answers_about(self._gateway.administration))
        self._sessions = Sessions(self._channel, self._gateway.outliving)
        answers["sessions"] = self._sessions.all

    async def serve(self, end: socket.socket) -> None:
        told = Told()
        # The supervisor tells it over the channel; this is for whoever sends the signal to all processes.
        told.on_hangup(self._gateway.look_at_files)
        serving = asyncio.create_task(self._channel.serve(end))
        # A supervisor that is gone can't tell when to stop.
        serving.add_done_callback(lambda _: told.tell(signal.SIGTERM))
        try:
            if await told.unless_stopped(self._start()):
                spare_collections()
                give_way_soon()
                self._gateway.health.listen(self._tell_health)
                self._channel.tell("ready", None)
                await told.stop.wait()
        finally:
            await self._sessions.stop()
            await self._gateway.stop(told.hurry, pause=told.patient)
            serving.cancel()

    async def _start(self) -> app.Addresses:
        await self._sessions.begin()
        return await self._gateway.start()

    def _tell_health(self, state: State) -> None:
        self._channel.tell("health", {"ready": state.ready, "databases": dict(state.databases)})

    async def _metrics(self, content: Any) -> Any:
        del content
        return await snapshot_beside(self._gateway.metrics.registry)

    async def _forget(self, database: Any) -> None:
        """Another worker has altered its tables."""
        self._gateway.forget_tables(database)

    async def _look_at_files(self, content: Any) -> None:
        """Certificates and the policy may be others now."""
        del content
        self._gateway.look_at_files()

    async def _prepare(self, content: Any) -> Mapping[str, Any]:
        """Build another configuration; what is wrong with it, and whether it is that a database is not reached."""
        await self._discard(None)
        self._preparing = preparing = asyncio.ensure_future(self._gateway.prepare(unpacked(content["settings"])))
        self._prepared = content["number"]
        await asyncio.wait({preparing})
        if preparing.cancelled():
            return {"problems": ["it was given up"], "unreached": False}
        error = preparing.exception()
        if isinstance(error, ConfigError):
            return {"problems": error.problems, "unreached": isinstance(error, UnreachedError)}
        if error is not None:
            raise error
        return {"problems": (), "unreached": False}

    async def _take(self, number: Any) -> bool:
        """Have it hold, if it is the one that was prepared here: every worker could build it."""
        preparing = self._preparing
        if preparing is None or number != self._prepared or not _succeeded(preparing):
            return False
        self._preparing = None
        self._gateway.take(preparing.result())
        self._sessions.follow()
        return True

    async def _discard(self, content: Any) -> None:
        """Another worker could not, or another configuration has come: also while it is being built."""
        del content
        preparing, self._preparing = self._preparing, None
        if preparing is None:
            return
        preparing.cancel()
        await asyncio.wait({preparing})
        if _succeeded(preparing):
            await self._gateway.discard(preparing.result())

    async def _ping(self, content: Any) -> Mapping[str, int]:
        del content
        return {"worker": self._number}


def _succeeded(preparing: asyncio.Future[Candidate]) -> bool:
    return preparing.done() and not preparing.cancelled() and preparing.exception() is None
