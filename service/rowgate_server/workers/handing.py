"""How a worker gets its settings: resolved, so that a file that has changed since makes no worker differ."""

from __future__ import annotations

import base64
import pickle
import socket
from typing import Any

from rowgate_server import config

_LENGTH = 8


def send_settings(end: socket.socket, settings: config.Settings) -> None:
    """The supervisor's side."""
    content = pickle.dumps(settings)
    end.sendall(len(content).to_bytes(_LENGTH) + content)


def packed(settings: config.Settings) -> str:
    """As a channel carries them later."""
    return base64.b64encode(pickle.dumps(settings)).decode("ascii")


def unpacked(text: str) -> config.Settings:
    """What the supervisor packed."""
    return _unpickled(base64.b64decode(text))


def receive_settings(end: socket.socket) -> config.Settings:
    """The worker's side.

    Raises:
        EOFError: the supervisor is gone.
    """
    with end.makefile("rb", buffering=0) as stream:
        length = int.from_bytes(_exactly(stream, _LENGTH))
        return _unpickled(_exactly(stream, length))


def _unpickled(octets: bytes) -> config.Settings:
    settings: config.Settings = pickle.loads(octets)  # noqa: S301 - from our own parent
    return settings


def _exactly(stream: Any, length: int) -> bytes:
    content = b""
    while len(content) < length:
        more: bytes = stream.read(length - len(content))
        if not more:
            raise EOFError("the supervisor is gone")
        content += more
    return content
