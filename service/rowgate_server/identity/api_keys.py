"""API keys: a presented one against its salted hash."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

from rowgate_server.identity.hashing import KEY, PREFIX, KeyHash, stand_in
from rowgate_server.identity.principal import Principal
from rowgate_server.identity.refusal import RefusedError, Why

_AT_ONCE = 2
_MOST_WAITING = 64


class Known(NamedTuple):
    """One key of the configuration."""

    hash: KeyHash
    principal: Principal


class ApiKeys:
    """Proves keys. A proof takes 16 MiB and some 40 ms of a thread, so there are few at once.

    Args:
        keys: by name.
    """

    def __init__(self, keys: Mapping[str, Known]) -> None:
        self._keys = dict(keys)
        self._stand_in = stand_in()
        self._threads = ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="rowgate-keys")
        self._waiting = 0

    @staticmethod
    def is_one(credential: str) -> bool:
        """Whether it means to be a key."""
        return credential.startswith(PREFIX)

    async def prove(self, key: str) -> Principal:
        """Whose key it is.

        Raises:
            RefusedError: nobody's.
        """
        match = KEY.fullmatch(key)
        if match is None:
            raise RefusedError(Why.MALFORMED)
        if self._waiting >= _MOST_WAITING:
            raise RefusedError(Why.RATE_LIMITED)
        known = self._keys.get(match[1])
        self._waiting += 1
        try:
            proof = known.hash if known is not None else self._stand_in
            right = await asyncio.get_running_loop().run_in_executor(self._threads, proof.matches, key)
        finally:
            self._waiting -= 1
        if known is None:
            raise RefusedError(Why.UNKNOWN_KEY)
        if not right:
            raise RefusedError(Why.WRONG_KEY)
        return known.principal

    def close(self) -> None:
        """Prove no more."""
        self._threads.shutdown(wait=False, cancel_futures=True)
