"""How often a peer may be wrong: a bucket of tokens for each address, in bounded memory."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from ipaddress import IPv6Address
from time import monotonic
from urllib.parse import unquote

_MOST_PEERS = 10_000
_NETWORK = 64
"""Bits of an IPv6 address: one customer has all that begin with them."""


class FailureLimit:
    """Counts what peers get wrong.

    Args:
        burst: so many at once.
        every: seconds after which one more is forgiven.
        most: addresses that are kept; the one that failed longest ago goes first.
        clock: seconds that only go forward.
    """

    def __init__(
        self, burst: int, every: float, most: int = _MOST_PEERS, clock: Callable[[], float] = monotonic
    ) -> None:
        self._burst = burst
        self._every = every
        self._most = most
        self._clock = clock
        self._emptying: OrderedDict[str, float] = OrderedDict()
        """By address: when all will be forgiven."""

    def __len__(self) -> int:
        return len(self._emptying)

    def wait(self, peer: str) -> float:
        """Seconds until this peer's credentials are looked at; 0 if at once."""
        forgiven = self._emptying.get(address_of(peer), 0.0)
        return max(0.0, forgiven - self._clock() - (self._burst - 1) * self._every)

    def failed(self, peer: str) -> None:
        """It was wrong once more."""
        address, now = address_of(peer), self._clock()
        self._emptying[address] = max(self._emptying.get(address, 0.0), now) + self._every
        self._emptying.move_to_end(address)
        if len(self._emptying) > self._most:
            self._emptying.popitem(last=False)


def address_of(peer: str) -> str:
    """The part of a peer that it cannot change at will; gRPC names it `ipv4:127.0.0.1:4000`, `ipv6:%5B::1%5D:4000`."""
    kind, _, rest = peer.partition(":")
    host = unquote(rest).rpartition(":")[0]
    if kind == "ipv6" and host.startswith("["):
        try:
            address = IPv6Address(host.strip("[]").partition("%")[0])
        except ValueError:
            return host
        if address.ipv4_mapped is not None:
            return str(address.ipv4_mapped)
        return str(IPv6Address(int(address) >> (128 - _NETWORK) << (128 - _NETWORK)))
    return host if kind == "ipv4" else kind
