"""The connections that callers have to this process: whom they lead to, what is sent on them, and their closing.

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

The callers of a socket file have no names, to gRPC they are all alike: none of its connections is closed while any of
them has a call. Nor would Linux tell whether one rests: none is told while anything may be on its way to any of them.
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
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple, TypeAlias
from urllib.parse import quote

from rowgate_server.engines import clock

_DESCRIPTORS = Path("/proc/self/fd")
_MAPPED = "::ffff:"
_UNNAMED = "unix:"
_GOAWAY = bytes((0, 0, 8, 7, 0, 0, 0, 0, 0)) + (2**31 - 1).to_bytes(4, "big") + bytes(4)
"""Begin no more calls here; those that were begun are answered."""

HEARD = 0.3
"""Seconds until a caller has heard, and what it sent before has come to a handler, however busy the process is."""

_RESTS = 20
"""Milliseconds without a byte sent, and none unsent, after which the core stands at the end of a frame. It goes on with
one that the socket had no room for as soon as there is some; a GOAWAY within a frame would be taken for rows."""

_REFUSALS = 4096
"""Bytes of refusals that callers need not have acknowledged."""

_DARK = 2000
"""Milliseconds without a word from the other end, not even of its kernel, after which nobody waits for it to read."""

_IN_VAIN = 3
"""Times that something was sent once more, or asked, without an answer: a slow link has fewer, and so has somebody who
is there and does not read, though Linux asks after longer and longer pauses whether there is room."""

_TCP_INFO = struct.Struct("=2xBB40xI4xII")
"""Of Linux's `tcp_info`: `tcpi_retransmits`, `tcpi_probes`, and `tcpi_last_data_sent`, `tcpi_last_data_recv`,
`tcpi_last_ack_recv` in milliseconds."""

Place: TypeAlias = int | str
"""Where a server listens: a TCP port, or the path of a socket file."""


@dataclass(frozen=True, slots=True)
class Peers:
    """Those with something on their connections, as gRPC names them.

    Attributes:
        busy: with calls: such a connection is not closed, and told only while it rests; for a socket file, those that
            keep all of its connections from being closed, or told.
        running: whose calls have not ended: they are waited for, even where the peer has gone dark.
        refused: whose calls are refused: some of that they need not have acknowledged.
    """

    busy: Collection[str] = ()
    running: Collection[str] = ()
    refused: Collection[str] = ()


class _Info(NamedTuple):
    retransmits: int
    probes: int
    last_sent: int
    last_received: int
    last_acknowledged: int


def stop_listening(place: Place) -> None:
    """Take no more connections there: the next ones go to the other processes that listen on the port."""
    for found in _sockets_of(place):
        if _listens(found):
            with contextlib.suppress(OSError):
                found.shutdown(socket.SHUT_RDWR)


def hang_up(place: Place, peers: Peers, told: dict[str, float], *, plain: bool) -> int:
    """Close the connections that nothing is on; or, where they are plain, tell their callers to leave.

    One that somebody who has gone dark was sent the last answers on is closed, too: they would never be read.

    Args:
        place: which.
        peers: those with something on them.
        told: the connections that have been closed, or whose callers have been told, and when; more are added, and a
            peer all of whose connections are among them.
        plain: whether nothing encrypts the connections, so that callers can be told.

    Returns:
        How many are left, but for those whose callers must have heard.
    """
    left, names = 0, dict[str, str]()
    for found in _connections_to(place):
        with contextlib.suppress(OSError):  # closed already
            peer, name = peer_of(found), _name_of(found)
            names[name] = peer
            if name not in told and _leaves(found, peer, peers, plain=plain):
                told[name] = clock.now()
            left += name not in told or (plain and clock.now() - told[name] < HEARD)
    staying = {peer for name, peer in names.items() if name not in told}
    for peer in names.values():
        if peer not in staying:
            told.setdefault(peer, clock.now())
    return left


def sending(place: Place) -> set[str]:
    """The peers that have not acknowledged all that was sent to them."""
    peers = set()
    for found in _connections_to(place):
        with contextlib.suppress(OSError):  # closed already
            if _unsent(found):
                peers.add(peer_of(found))
    return peers


def silences(port: int) -> dict[str, float]:
    """Seconds for which nothing has been sent, by peer."""
    silent = {}
    for found in _connections_to(port):
        with contextlib.suppress(OSError):  # closed already
            silent[peer_of(found)] = _info(found).last_sent / 1000
    return silent


def cut(place: Place, names: Callable[[str], bool]) -> set[str]:
    """Close the connections of these names, whatever is on them; which? By TCP, it is the peer's that each has."""
    found = set()
    for connection in _connections_to(place):
        with contextlib.suppress(OSError):  # closed already
            name = _name_of(connection)
            if names(name):
                connection.shutdown(socket.SHUT_RDWR)
                found.add(name)
    return found


def peer_of(found: socket.socket) -> str:
    """The other end, as gRPC names it: `ipv4:127.0.0.1:40000`, `ipv6:%5B::1%5D:40000`, `unix:`."""
    if found.family == socket.AF_UNIX:
        found.getpeername()  # raises where there is none
        return _UNNAMED
    host, port, *_ = found.getpeername()
    if found.family == socket.AF_INET or host.startswith(_MAPPED):
        return f"ipv4:{host.removeprefix(_MAPPED)}:{port}"
    return f"ipv6:{quote(f'[{host}]', safe=':')}:{port}"


def _name_of(found: socket.socket) -> str:
    """What tells it from all others: by TCP the peer, for a socket file the number that the kernel gives it."""
    peer = peer_of(found)
    return f"{peer}#{os.fstat(found.fileno()).st_ino}" if found.family == socket.AF_UNIX else peer


def _leaves(found: socket.socket, peer: str, peers: Peers, *, plain: bool) -> bool:
    """Close it, or have its caller told, if that may be; was it so?"""
    dark = peer not in peers.running and _dark(found)
    if not dark and not _may_leave(found, peer, peers, plain=plain):
        return False
    if plain and not dark:
        found.send(_GOAWAY, socket.MSG_DONTWAIT | socket.MSG_NOSIGNAL)
    else:
        found.shutdown(socket.SHUT_RDWR)
    return True


def _may_leave(found: socket.socket, peer: str, peers: Peers, *, plain: bool) -> bool:
    if _unsent(found) > (_REFUSALS if peer in peers.refused else 0):
        return False
    if found.family == socket.AF_UNIX:
        return not peers.busy
    return peer not in peers.busy or (plain and _rests(found))


def _connections_to(place: Place) -> Iterator[socket.socket]:
    return (found for found in _sockets_of(place) if not _listens(found))


def _sockets_of(place: Place) -> Iterator[socket.socket]:
    """Every socket of this process whose own end is there."""
    try:
        numbers = [int(entry.name) for entry in _DESCRIPTORS.iterdir()]
    except OSError:
        return  # no Linux: `stop` does all of it
    for number in numbers:
        found = _socket_of(number)
        if found is not None:
            with found:
                if _place_of(found) == place:
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


def _place_of(found: socket.socket) -> object:
    if found.family in (socket.AF_INET, socket.AF_INET6):
        return found.getsockname()[1]
    return found.getsockname() if found.family == socket.AF_UNIX else None


def _listens(found: socket.socket) -> bool:
    return bool(found.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN))


def _unsent(found: socket.socket) -> int:
    """Bytes that the other end has not acknowledged."""
    waiting = array.array("i", [0])
    fcntl.ioctl(found, termios.TIOCOUTQ, waiting)
    return waiting[0]


def _rests(found: socket.socket) -> bool:
    """Whether nothing has been sent for a while, once more or for the first time."""
    return _info(found).last_sent >= _RESTS


def _dark(found: socket.socket) -> bool:
    """Whether nobody has been there for a while to acknowledge what was sent."""
    if found.family == socket.AF_UNIX or not _unsent(found):
        return False
    info = _info(found)
    silent = min(info.last_received, info.last_acknowledged)
    return silent >= _DARK and max(info.retransmits, info.probes) >= _IN_VAIN


def _info(found: socket.socket) -> _Info:
    return _Info(*_TCP_INFO.unpack(found.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, _TCP_INFO.size)))
