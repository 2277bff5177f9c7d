"""What asyncmy's public methods lack: several commands in one write, and a receive side that can be held.

A packet is its length in three bytes, its number, and its payload; number 0 begins a command, and the answer to it
begins with 1. The server takes commands one after another, so several may be under way, each with its own answer.
"""

from __future__ import annotations

import fcntl
import struct
import termios
from typing import Any

from asyncmy.errors import InternalError, MySQLError

from rowgate_server.engines.breaths import Breaths
from rowgate_server.engines.many import RunFailedError
from rowgate_server.errors import Outcome, Reason, RowgateError

COM_INIT_DB, COM_QUERY, COM_PING, COM_SET_OPTION, COM_RESET_CONNECTION = b"\x02", b"\x03", b"\x0e", b"\x1b", b"\x1f"
MULTI_STATEMENTS_OFF = COM_SET_OPTION + struct.pack("<H", 1)
LARGEST_PACKET = 2**24 - 2
"""Bytes of a payload that fits one packet."""

_HEADER = struct.Struct("<I")
_NOTHING = bytes(4)
_OK, _OLD_OK = 0x00, 0xFE
"""What the answer to a command begins with; the latter is that to COM_SET_OPTION."""


class Link:
    """One asyncmy connection, from below.

    Attributes:
        status: the server's status flags at the end of the last statement; 0 when it told none.
        untold: statements of which the server has not told that they changed nothing of the session's state.
    """

    __slots__ = ("connection", "status", "untold")

    def __init__(self, connection: Any) -> None:
        self.connection = connection
        self.status = 0
        self.untold = 0

    @property
    def alive(self) -> bool:
        """Whether the server has not said goodbye."""
        return not self.connection._stream_broken

    @property
    def given_up(self) -> bool:
        """Whether asyncmy has closed it, as an answer was waited for no longer; it was alive until then."""
        return self.connection._close_reason is not None

    @property
    def unread(self) -> bool:
        """Whether something has been received that nobody has read, while no answer is awaited.

        That is the server's goodbye, or the rest of an answer, which must never pass for the next one.
        """
        received = self.connection._proto
        return received is not None and received.length > received.pos

    def must_be_silent(self, *, socket: bool = True) -> None:
        """Nothing may be asked while there is something to read.

        Args:
            socket: ask it too, which is a call of the kernel's, 2 µs. What the loop has not taken from it is seldom
                there; between statements that wait for each other it would be.

        Raises:
            InternalError: there is something; the link is cut.
        """
        if self.unread or (socket and self._arriving()):
            self.abort()
            raise InternalError("there was something to read before anything was asked")

    def write(self, *payloads: bytes) -> None:
        """Send commands, each in one packet, all in one write.

        Raises:
            InternalError: as `must_be_silent`; nothing was sent.
        """
        self.must_be_silent()
        connection = self.connection
        if connection._result is not None and connection._result.unbuffered_active:
            raise RowgateError(Reason.DATABASE_UNAVAILABLE, "the session has a result that nobody read")
        connection._result = None
        connection._write_bytes(b"".join([piece for payload in payloads for piece in (_packed(payload), payload)]))

    async def read_ok(self, count: int = 1) -> int:
        """The answers to so many commands that are each answered by one OK packet; the last one's warnings."""
        packet = None
        for _ in range(count):
            packet = await self._ok()
        return _flags(packet)[1] if packet is not None and packet.is_ok_packet() else 0

    async def read_before(self, count: int) -> None:
        """The answers to so many commands that a statement was sent with."""
        try:
            await self.read_ok(count)
        except MySQLError as error:
            # The statement runs all the same, without what should have gone before it.
            self.abort()
            raise RowgateError(
                Reason.DATABASE_UNAVAILABLE,
                "the database refused to set the session up for the statement",
                retry_after=1.0,
                outcome=Outcome.UNKNOWN,
            ) from error

    async def changes(self, before: list[bytes], commands: list[bytes]) -> list[int]:
        """The rows that each of many commands has changed, behind those that are each answered by one OK packet.

        Raises:
            RunFailedError: the first that one of them has met with; the answers to all of them have been read.
        """
        self.write(*before, *commands)
        await self.read_before(len(before))
        affected: list[int] = []
        failed: RunFailedError | None = None
        breaths = Breaths()
        for index in range(len(commands)):
            await breaths.take()
            try:
                packet = await self._ok()
            except MySQLError as error:
                failed = failed or RunFailedError(index, error)
                continue
            packet.advance(1)
            affected.append(packet.read_length_encoded_integer())
        if failed is not None:
            raise failed
        return affected

    async def ping(self) -> int:
        """The server's status flags."""
        self.write(COM_PING)
        return _flags(await self._ok())[0]

    def next_answer(self) -> None:
        """The next packet begins the answer to a command."""
        self.connection._next_seq_id = 1

    async def query(self, before: list[bytes], sql: bytes) -> None:
        """A query whose result is left to be read, behind commands that are each answered by one OK packet."""
        connection = self.connection
        if not before or len(sql) >= LARGEST_PACKET:
            if before:
                self.write(*before)
                await self.read_ok(len(before))
            self.must_be_silent(socket=False)
            await connection.query(sql, unbuffered=True)
            return
        self.write(*before, COM_QUERY + sql)
        await self.read_before(len(before))
        self.next_answer()
        await connection._read_query_result(unbuffered=True)

    def hold(self) -> None:
        """Receive no more, so that the server has to wait.

        asyncmy's protocol never does that by itself: an unread result grows in memory without bound, 256 MB in 2 s.
        """
        transport = self.connection._transport
        if transport is not None and not transport.is_closing():
            transport.pause_reading()

    def resume(self) -> None:
        """Receive again."""
        transport = self.connection._transport
        if transport is not None and not transport.is_closing():
            transport.resume_reading()

    def abort(self) -> None:
        """Cut the link at once."""
        transport = self.connection._transport
        if transport is not None:
            transport.abort()
        self.connection.close()

    async def _ok(self) -> Any:
        """The OK to a command."""
        self.next_answer()
        packet = await self.connection.read_packet()
        if packet.get_all_data()[0] not in {_OK, _OLD_OK}:
            self.abort()
            raise InternalError("a command was answered by something else than OK")
        return packet

    def _arriving(self) -> bool:
        """Whether the socket holds what the loop has not taken from it yet."""
        transport = self.connection._transport
        if transport is None or transport.is_closing():
            return False
        link = transport.get_extra_info("socket")
        return link is not None and fcntl.ioctl(link.fileno(), termios.FIONREAD, _NOTHING) != _NOTHING


def _flags(packet: Any) -> tuple[int, int]:
    """The server's status flags, and how many warnings there are, from an OK packet."""
    packet.advance(1)
    packet.read_length_encoded_integer()  # affected rows
    packet.read_length_encoded_integer()  # an insert's id
    return int(packet.read_uint16()), int(packet.read_uint16())


def _packed(payload: bytes) -> bytes:
    return _HEADER.pack(len(payload))
