"""A loopback TCP proxy that stands between the gateway and a database, and misbehaves as it is told to.

Each direction by itself: it delays, slices, freezes (reads no more, so that the sender has to wait), drops (reads and
throws away: a half-open link, as behind a firewall that forgot it), and cuts, drops or corrupts at a byte that a test
names. What runs through it is never interpreted.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from itertools import cycle
from typing import Self

HOST = "127.0.0.1"
_MOST = 64 * 1024


class Act(Enum):
    """What happens at a byte: the link is cut, is silent from there on, or the byte comes out as another."""

    CUT = 1
    DROP = 2
    CORRUPT = 3


@dataclass(frozen=True)
class Fault:
    """`act` after so many bytes of one direction of a link, counted from when it was armed."""

    after: int
    act: Act


class Way:
    """One direction of all links.

    Attributes:
        delay: seconds that each piece is late.
        piece: the most bytes that are passed on at once.
        fault: see `arm`.
        passed: the bytes that were passed on, all links together.
    """

    def __init__(self) -> None:
        self.delay = 0.0
        self.piece = _MOST
        self.fault: Fault | None = None
        self.armed = 0
        self.passed = 0
        self.dropping = False
        self.flowing = asyncio.Event()
        self.flowing.set()

    def arm(self, fault: Fault | None) -> None:
        """Let this happen once on each link, those that are open and those to come; None: on none."""
        self.fault = fault
        self.armed += 1


class _Half:
    """One direction of one link."""

    def __init__(self, link: _Link, way: Way, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._link, self._way = link, way
        self._reader, self._writer = reader, writer
        self._seen = 0
        self._armed = -1
        self._silent = False

    async def pump(self) -> None:
        """Pass everything on until the sender is at its end."""
        with contextlib.suppress(OSError):
            while data := await self._receive():
                data = self._spoilt(data)
                if self._silent or not data:
                    continue
                if self._way.delay:
                    await asyncio.sleep(self._way.delay)
                for start in range(0, len(data), self._way.piece):
                    self._writer.write(data[start : start + self._way.piece])
                    await self._writer.drain()
                    if self._way.piece != _MOST:
                        await asyncio.sleep(0)  # so that each piece is a packet of its own
                self._way.passed += len(data)
        if not self._silent and not self._link.dark:
            self._link.cut()

    async def _receive(self) -> bytes:
        await self._way.flowing.wait()
        data = await self._reader.read(_MOST)
        # What came while it was frozen waits, too.
        await self._way.flowing.wait()
        if self._way.dropping:
            # The receiver would miss a part, so this link never comes back.
            self._silent = self._link.dark = True
        return data

    def _spoilt(self, data: bytes) -> bytes:
        way, fault = self._way, self._way.fault
        if self._armed != way.armed:
            self._armed, self._seen = way.armed, 0
        before, self._seen = self._seen, self._seen + len(data)
        if fault is None or not before <= fault.after < self._seen:
            return data
        at = fault.after - before
        if fault.act is Act.CORRUPT:
            return data[:at] + bytes([data[at] ^ 0xFF]) + data[at + 1 :]
        self._writer.write(data[:at])
        way.passed += at
        self._silent = True
        if fault.act is Act.CUT:
            self._link.cut()
        else:
            self._link.dark = True
        return b""


class _Link:
    """One connection through the proxy. `dark`: nobody hears of its end."""

    def __init__(self) -> None:
        self.dark = False
        self.writers: list[asyncio.StreamWriter] = []

    def cut(self) -> None:
        for writer in self.writers:
            writer.transport.abort()


class Proxy:
    """Listens on a port of its own for as long as it is entered.

    Args:
        port: the database's, on loopback.
    """

    def __init__(self, port: int) -> None:
        self._server_ports: Iterator[int] = cycle((port,))
        self._links: dict[asyncio.Task[None], _Link] = {}
        self._listener: asyncio.Server | None = None
        self.port = 0
        self.to_server = Way()
        self.to_client = Way()
        self.accepted = 0
        """How many connections have been made to it."""

    async def __aenter__(self) -> Self:
        await self.listen()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.refuse()

    @property
    def links(self) -> int:
        """How many are open."""
        return len(self._links)

    @property
    def ways(self) -> tuple[Way, Way]:
        """Both directions."""
        return self.to_server, self.to_client

    def lead_to(self, *ports: int) -> None:
        """Lead links to come to these in turn: one address for several servers."""
        self._server_ports = cycle(ports)

    async def listen(self) -> None:
        """Accept connections again, on the same port as before."""
        listener = socket.create_server((HOST, self.port))
        # What it accepts inherits this; asyncio sets it for sockets only that name their protocol. Without it an answer
        # in two pieces is 40 ms late, for as long as the acknowledgement of the first is put off.
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.port = listener.getsockname()[1]
        self._listener = await asyncio.start_server(self._accept, sock=listener)

    async def refuse(self) -> None:
        """As a dead server: cut every link, and accept none."""
        if self._listener is not None:
            self._listener.close()
        self._listener = None
        self.cut()
        if self._links:
            for task in self._links:
                task.cancel()
            await asyncio.wait(list(self._links))

    def cut(self) -> None:
        """Cut the links that are open."""
        for link in self._links.values():
            link.cut()

    def go_dark(self) -> None:
        """Drop all packets: links stay open and silent, and new ones are accepted and silent."""
        for way in self.ways:
            way.dropping = True
        for link in self._links.values():
            link.dark = True

    def come_back(self) -> None:
        """Pass on what comes on new links; those that were dark stay so."""
        for way in self.ways:
            way.dropping = False
            way.flowing.set()
            way.arm(None)

    def let_go_of_dark_links(self) -> None:
        """As what a server does in the end with those that nobody answers on: it takes only so many connections."""
        for link in self._links.values():
            if link.dark:
                link.cut()

    def freeze(self) -> None:
        """Take nothing in any more; what was sent waits, and goes on after `come_back`."""
        for way in self.ways:
            way.flowing.clear()

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        link = _Link()
        link.writers.append(writer)
        self._links[task] = link
        self.accepted += 1
        try:
            onward, back = await asyncio.open_connection(HOST, next(self._server_ports))
            link.writers.append(back)
            async with asyncio.TaskGroup() as both:
                both.create_task(_Half(link, self.to_server, reader, back).pump())
                both.create_task(_Half(link, self.to_client, onward, writer).pump())
                link.dark = link.dark or self.to_server.dropping
        except (OSError, asyncio.CancelledError):
            pass  # no server behind it, or the test is over: the link is cut
        finally:
            link.cut()
            del self._links[task]
