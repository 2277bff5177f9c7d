"""Credentials that were found right a short time ago, so that a hot call pays for a digest and not for a proof."""

from __future__ import annotations

import hashlib
import secrets
from collections import OrderedDict
from collections.abc import Callable
from time import monotonic
from typing import NamedTuple

from rowgate_server.identity.principal import Principal


class _Entry(NamedTuple):
    principal: Principal
    until: float
    holds: Callable[[], bool] | None


class KnownCredentials:
    """Principals by a keyed digest of their credentials: what is in memory, and how long a look takes, tells nothing.

    Args:
        most: so many at most; the one that was used longest ago goes first.
        clock: seconds that only go forward.
    """

    def __init__(self, most: int = 10_000, clock: Callable[[], float] = monotonic) -> None:
        self._most = most
        self._clock = clock
        self._secret = secrets.token_bytes(32)
        self._entries: OrderedDict[bytes, _Entry] = OrderedDict()

    def __len__(self) -> int:
        return len(self._entries)

    def digest(self, credential: str) -> bytes:
        """What a credential is kept under."""
        return hashlib.blake2b(credential.encode("utf-8", "surrogatepass"), key=self._secret, digest_size=32).digest()

    def get(self, digest: bytes) -> Principal | None:
        """Whose it is; None if that has to be proved, again or for the first time."""
        entry = self._entries.get(digest)
        if entry is None:
            return None
        if self._clock() >= entry.until or (entry.holds is not None and not entry.holds()):
            del self._entries[digest]
            return None
        self._entries.move_to_end(digest)
        return entry.principal

    def put(self, digest: bytes, principal: Principal, seconds: float, holds: Callable[[], bool] | None = None) -> None:
        """Keep one for so long, and as long as `holds` says."""
        self._entries[digest] = _Entry(principal, self._clock() + seconds, holds)
        self._entries.move_to_end(digest)
        if len(self._entries) > self._most:
            self._entries.popitem(last=False)
