"""Questions and news between the supervisor and one worker: lines of JSON over a socket pair of their own."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
import socket
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

_LONGEST_LINE = 64 * 1024 * 1024
"""A worker's metrics take some 100 kB."""

Answering = Callable[[Any], Awaitable[Any]]


class ChannelClosedError(Exception):
    """The other side is gone."""


class Channel:
    """One side of it.

    Args:
        answers: what the other side may ask for or tell, by name; what it is told, the answer is nothing.
    """

    def __init__(self, answers: Mapping[str, Answering]) -> None:
        self._answers = answers
        self._asked: dict[int, asyncio.Future[Any]] = {}
        self._numbers = itertools.count(1)
        self._answering: set[asyncio.Task[None]] = set()
        self._writer: asyncio.StreamWriter | None = None
        self._ended = False
        self.opened = asyncio.Event()
        """The other side can be asked."""

    async def serve(self, end: socket.socket) -> None:
        """Answer until the other side is gone."""
        reader, self._writer = await asyncio.open_unix_connection(sock=end, limit=_LONGEST_LINE)
        self.opened.set()
        try:
            with contextlib.suppress(OSError):
                while line := await reader.readline():
                    self._take(json.loads(line))
        finally:
            self._ended = True
            self._writer.close()
            for asked in self._asked.values():
                if not asked.done():
                    asked.set_exception(ChannelClosedError())

    async def ask(self, name: str, content: Any = None, *, within: float) -> Any:
        """Ask the other side.

        Raises:
            ChannelClosedError: it is gone, or could not answer.
            TimeoutError: it has not answered in time.
        """
        number, answer = next(self._numbers), asyncio.get_running_loop().create_future()
        self._asked[number] = answer
        try:
            self._send({"ask": name, "content": content, "number": number})
            async with asyncio.timeout(within):
                return await answer
        finally:
            del self._asked[number]
            if answer.done() and not answer.cancelled():
                answer.exception()  # taken note of, whoever waits

    def tell(self, name: str, content: Any = None) -> None:
        """Tell the other side, if it is there."""
        with contextlib.suppress(ChannelClosedError):
            self._send({"ask": name, "content": content})

    def _send(self, message: Mapping[str, Any]) -> None:
        if self._writer is None or self._ended:
            raise ChannelClosedError
        self._writer.write(json.dumps(message).encode() + b"\n")

    def _take(self, message: Mapping[str, Any]) -> None:
        if "ask" in message:
            task = asyncio.create_task(self._answer(message))
            self._answering.add(task)
            task.add_done_callback(self._answering.discard)
            return
        asked = self._asked.get(message["number"])
        if asked is None or asked.done():
            return  # too late
        if "failed" in message:
            asked.set_exception(ChannelClosedError(message["failed"]))
        else:
            asked.set_result(message["answer"])

    async def _answer(self, message: Mapping[str, Any]) -> None:
        number = message.get("number")
        try:
            told: dict[str, Any] = {"answer": await self._answers[message["ask"]](message["content"])}
        except Exception as error:
            if number is None:
                raise
            told = {"failed": repr(error)}
        if number is not None:
            with contextlib.suppress(ChannelClosedError):
                self._send({"number": number, **told})
