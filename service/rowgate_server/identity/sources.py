"""Where the keys of an issuer are read from: a file, or a URL."""

from __future__ import annotations

import asyncio
import ssl
from http import HTTPStatus
from pathlib import Path

import aiohttp

from rowgate_server.identity.key_sets import Source

_MOST_BYTES = 256 * 1024
_TIMEOUT = 5.0


def file_source(path: str) -> Source:
    """Reads a file."""

    def read() -> bytes:
        with Path(path).open("rb") as file:
            return _bounded(file.read(_MOST_BYTES + 1))

    async def source() -> bytes:
        return await asyncio.to_thread(read)

    return source


def url_source(url: str, ca: str = "") -> Source:
    """Asks a URL; its certificate is verified, and no redirection followed.

    Args:
        url: with `https:`, or `http:` on the machine itself.
        ca: path of the CA certificates to trust; "": the system's own.

    Raises:
        OSError, ssl.SSLError: the CA certificates cannot be read.
    """
    context = ssl.create_default_context(cafile=ca or None)

    async def source() -> bytes:
        timeout = aiohttp.ClientTimeout(total=_TIMEOUT)
        try:
            async with (
                aiohttp.ClientSession(timeout=timeout, trust_env=False) as session,
                session.get(url, ssl=context, allow_redirects=False) as response,
            ):
                if response.status != HTTPStatus.OK:
                    raise ValueError(f"it was answered with HTTP status {response.status}")
                octets = b""
                async for chunk in response.content.iter_any():
                    octets = _bounded(octets + chunk)
                return octets
        except aiohttp.ClientError as error:
            raise OSError(f"{type(error).__name__}: {error}") from None

    return source


def _bounded(octets: bytes) -> bytes:
    if len(octets) > _MOST_BYTES:
        raise ValueError(f"it is longer than {_MOST_BYTES} bytes")
    return octets
