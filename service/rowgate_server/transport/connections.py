"""The TCP connections that callers have to this process: whom they lead to, what is sent on them, and their closing.

While the server stops, they are closed one by one.

What arrives at a gRPC server between its `stop` and the moment at which the caller has heard of it ends as CANCELLED,
which no caller makes again (5 of 9,300 calls in 14 restarts; the core keeps one call waiting for the event loop, and
drops what stands behind it). A connection that is closed as the network would close it makes that UNAVAILABLE. So no
new connection is taken, and each is closed as soon as nothing of a call is on it, before `stop`. The core does not tell
of its sockets, but Linux does.

A call that its caller sends at the very moment of the closing may have been run, for all that the caller knows, so a
write is not made again. Where nothing encrypts the connection, the caller is told instead: a GOAWAY (RFC 9113, 6.8) has
it begin no more calls there, and what it had sent by then is answered; so `stop` has nothing to drop. The core writes
whole frames, and has nothing to write where no call is. Calls that take long do not keep a caller from being told: it
is told as soon as nothing has been sent for a while.
"""

from __future__ import annotations

import array
import contextlib
import fcntl
import os
import socket
import struct
import termios
from collections.abc import Callable, Collection, Iterator
from pathlib import Path
from urllib.parse import quote

from rowgate_server.engines import clock

_DESCRIPTORS = Path("/proc/self/fd")
_MAPPED = "::ffff:"
_GOAWAY = bytes((0, 0, 8, 7, 0, 0, 0, 0, 0)) + (2**31 - 1).to_bytes(4, "big") + bytes(4)
"""Begin no more calls here; those that were begun are answered."""

HEARD = 0.3
"""Seconds until a caller has heard, and what it sent before has come to a handler, however busy the process is."""

_RESTS = 20
"""Milliseconds without a byte sent, and none unsent, after which the core stands at the end of a frame. It goes on with
one that the socket had no room for as soon as there is some; a GOAWAY within a frame would be taken for rows."""

_REFUSALS = 4096
"""Bytes of refusals that callers need not have acknowledged."""

_LAST_SENT = struct.Struct("=44xI")
"""Milliseconds since the last byte was sent, in Linux's `tcp_info`."""


def stop_listening(port: int) -> None:
    """Take no more connections on this port: the next ones go to the other processes that listen there."""
    for found in _sockets_of(port):
        if _listens(found):
            with contextlib.suppress(OSError):
                found.shutdown(socket.SHUT_RDWR)


def hang_up(
    port: int, busy: Collection[str], told: dict[str, float], *, plain: bool, refused: Collection[str] = ()
) -> int:
    """Close the connections to this port that nothing is on; or, where they are plain, tell their callers to leave.

    Args:
        port: which.
        busy: the peers, as gRPC names them, with calls: such a connection is not closed, and told only while it rests.
        told: the peers whose connections have been closed, or who have been told, and when; more are added.
        plain: whether nothing encrypts the connections, so that callers can be told.
        refused: the peers whose calls are refused: some of that they need not have acknowledged.

    Returns:
        How many are left, but for those whose callers must have heard.
    """
    left = 0
    for found in _connections_to(port):
        try:
            peer = peer_of(found)
            if peer not in told and _may_leave(
                found, _REFUSALS if peer in refused else 0, busy=peer in busy, plain=plain
            ):
                if plain:
                    found.send(_GOAWAY, socket.MSG_DONTWAIT | socket.MSG_NOSIGNAL)
                else:
                    found.shutdown(socket.SHUT_RDWR)
                told[peer] = clock.now()
            left += peer not in told or (plain and clock.now() - told[peer] < HEARD)
        except OSError:
            continue  # closed already
    return left


def sending(port: int) -> set[str]:
    """The peers that have not acknowledged all that was sent to them."""
    peers = set()
    for found in _connections_to(port):
        with contextlib.suppress(OSError):  # closed already
            if _unsent(found):
                peers.add(peer_of(found))
    return peers


def silences(port: int) -> dict[str, float]:
    """Seconds for which nothing has been sent, by peer."""
    silent = {}
    for found in _connections_to(port):
        with contextlib.suppress(OSError):  # closed already
            silent[peer_of(found)] = _silence(found) / 1000
    return silent


def cut(port: int, peers: Callable[[str], bool]) -> int:
    """Close the connections to this port of these peers, whatever is on them; how many?"""
    number = 0
    for found in _connections_to(port):
        with contextlib.suppress(OSError):  # closed already
            if peers(peer_of(found)):
                found.shutdown(socket.SHUT_RDWR)
                number += 1
    return number


def peer_of(found: socket.socket) -> str:
    """The other end, as gRPC names it: `ipv4:127.0.0.1:40000`, `ipv6:%5B::1%5D:40000`."""
    host, port, *_ = found.getpeername()
    if found.family == socket.AF_INET or host.startswith(_MAPPED):
        return f"ipv4:{host.removeprefix(_MAPPED)}:{port}"
    return f"ipv6:{quote(f'[{host}]', safe=':')}:{port}"


def _may_leave(found: socket.socket, unsent: int, *, busy: bool, plain: bool) -> bool:
    return _unsent(found) <= unsent and (not busy or (plain and _rests(found)))


def _connections_to(port: int) -> Iterator[socket.socket]:
    return (found for found in _sockets_of(port) if not _listens(found))


def _sockets_of(port: int) -> Iterator[socket.socket]:
    """Every TCP socket of this process whose own end is this port."""
    try:
        numbers = [int(entry.name) for entry in _DESCRIPTORS.iterdir()]
    except OSError:
        return  # no Linux: `stop` does all of it
    for number in numbers:
        found = _socket_of(number)
        if found is not None:
            with found:
                if found.family in (socket.AF_INET, socket.AF_INET6) and found.getsockname()[1] == port:
                    yield found


def _socket_of(number: int) -> socket.socket | None:
    """The socket behind a descriptor, by a descriptor of its own; None where there is none."""
    try:
        copy = os.dup(number)
    except OSError:
        return None
    try:
        return socket.socket(fileno=copy)
    except OSError:
        os.close(copy)
        return None


def _listens(found: socket.socket) -> bool:
    return bool(found.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN))


def _unsent(found: socket.socket) -> int:
    """Bytes that the other end has not acknowledged."""
    waiting = array.array("i", [0])
    fcntl.ioctl(found, termios.TIOCOUTQ, waiting)
    return waiting[0]


def _rests(found: socket.socket) -> bool:
    """Whether nothing has been sent for a while."""
    return _silence(found) >= _RESTS


def _silence(found: socket.socket) -> int:
    """Milliseconds since something was sent, once more or for the first time."""
    (since,) = _LAST_SENT.unpack(found.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, _LAST_SENT.size))
    return int(since)
