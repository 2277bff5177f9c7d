"""A greeting that was garbled on its way, which no encryption can tell: the database cannot be reached."""

from __future__ import annotations

import asyncio

import pytest

from rowgate_server.engines.dialects.mysql.driver import MySQLAddress, MySQLDriver, MySQLTimeouts
from rowgate_server.engines.tls import Tls
from rowgate_server.errors import Reason

REST = b"\0" + bytes([7, 0, 0, 0]) + b"saltsalt\0" + bytes([0xFF, 0xF7, 33, 2, 0, 0xFF, 0x81, 21]) + bytes(10)
GREETINGS = [b"\x0a\xca0.11.6-MariaDB" + REST, b"\x0a10.11.6-MariaDB", b"\x0a10.11.6-MariaDB\0\x07", b"\x0a"]


@pytest.mark.parametrize("greeting", GREETINGS)
async def test_a_garbled_greeting_means_that_the_database_cannot_be_reached(greeting: bytes) -> None:
    async def greet(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(len(greeting).to_bytes(3, "little") + b"\0" + greeting)
        await writer.drain()
        writer.close()

    async with await asyncio.start_server(greet, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        address = MySQLAddress("127.0.0.1", port, "user", "password", "db", Tls())
        driver = MySQLDriver(address, MySQLTimeouts(2, 2), mariadb=True, longest_row=1 << 26)
        with pytest.raises(Exception) as caught:  # noqa: PT011 - the driver's own, whatever it is
            await driver.connect()
        told = driver.translate(caught.value, has_parameters=False)
        assert told is not None, caught.value
        assert told.reason is Reason.DATABASE_UNAVAILABLE
        await driver.close()
