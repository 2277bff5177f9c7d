"""A loopback TCP proxy whose network can go dark: links stay open, and nothing comes through any more."""

from __future__ import annotations

import asyncio
import contextlib
from typing import Self

HOST = "127.0.0.1"


class DarkLink:
    """Listens on a port of its own for as long as it is entered.

    Args:
        port: of what stands behind it, on loopback.
    """

    def __init__(self, port: int) -> None:
        self._behind = port
        self._dark = False
        self._listener: asyncio.Server | None = None
        self._pumping: set[asyncio.Task[None]] = set()
        self.port = 0

    async def __aenter__(self) -> Self:
        self._listener = await asyncio.start_server(self._accept, HOST, 0)
        self.port = self._listener.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._listener is not None:
            self._listener.close()
        for task in self._pumping:
            task.cancel()
        await asyncio.gather(*self._pumping, return_exceptions=True)

    def go_dark(self) -> None:
        """Drop every packet from now on, in both directions."""
        self._dark = True

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        onward, back = await asyncio.open_connection(HOST, self._behind)
        for source, sink in ((reader, back), (onward, writer)):
            task = asyncio.create_task(self._pump(source, sink))
            self._pumping.add(task)
            task.add_done_callback(self._pumping.discard)

    async def _pump(self, source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        try:
            with contextlib.suppress(OSError):
                while data := await source.read(65536):
                    if not self._dark:
                        sink.write(data)
                        await sink.drain()
                if self._dark:
                    await asyncio.Event().wait()  # nobody hears of the end either
        finally:
            sink.transport.abort()
