"""The public keys of a token issuer (JWKS), from a file or a URL: kept, read anew, and looked for when unknown.

Keys that were read once stay until others have been read: an issuer that cannot be reached stops nobody who is known.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from time import monotonic
from typing import Any

import jwt

from rowgate_server.identity.refusal import RefusedError, Why
from rowgate_server.observability.logging import get_logger

_log = get_logger("rowgate.auth")

_KINDS = {"RSA": ("RS", "PS"), "EC": ("ES",), "OKP": ("Ed",)}
"""Which signatures a kind of key is for. `oct` is missing: a secret that is read from a public place is none."""
_FEWEST_RSA_BITS = 2048
"""NIST SP 800-131A."""

Source = Callable[[], Awaitable[bytes]]
"""Reads the set; raises OSError, TimeoutError or ValueError with words that are safe to log."""


@dataclass(frozen=True)
class VerifyingKey:
    """One public key."""

    id: str
    kind: str
    algorithm: str
    key: Any

    def fits(self, algorithm: str) -> bool:
        """Whether it is for this signature."""
        if self.algorithm:
            return self.algorithm == algorithm
        return algorithm.startswith(_KINDS[self.kind])


class KeySet:
    """The keys of one issuer.

    Args:
        name: the issuer's, in the log.
        source: where they are.
        refresh: seconds after which they are read anew.
        cooldown: the least seconds between two looks for a key that is not known.
        failed: told of each failure to read them.
    """

    def __init__(
        self, name: str, source: Source, refresh: float, cooldown: float, failed: Callable[[], None] = lambda: None
    ) -> None:
        self._name = name
        self._source = source
        self._refresh = refresh
        self._cooldown = cooldown
        self._failed = failed
        self._keys: tuple[VerifyingKey, ...] = ()
        self._document: object = None
        self._reading: asyncio.Task[None] | None = None
        self._refreshing: asyncio.Task[None] | None = None
        self._read_at = float("-inf")
        self._told = asyncio.Event()
        self.generation = 0
        """Another number for every other set: what was verified by the one before is verified anew."""

    async def start(self) -> None:
        """Read them, and go on doing so."""
        await self._read()
        self._refreshing = asyncio.create_task(self._keep_fresh(), name=f"jwks {self._name}")

    async def stop(self) -> None:
        """Read no more."""
        tasks = [task for task in (self._refreshing, self._reading) if task is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def look_now(self) -> None:
        """Read them at once: an operator says that they are others."""
        self._told.set()

    async def find(self, key_id: str | None, algorithm: str) -> VerifyingKey:
        """The key that a token names; without a name, the only one that fits.

        Raises:
            RefusedError: there is none, even after another look.
        """
        found = self._find(key_id, algorithm)
        if found is None and monotonic() - self._read_at >= self._cooldown:
            await self._read()
            found = self._find(key_id, algorithm)
        if found is None:
            raise RefusedError(Why.UNKNOWN_SIGNING_KEY)
        return found

    def _find(self, key_id: str | None, algorithm: str) -> VerifyingKey | None:
        fitting = [key for key in self._keys if key.fits(algorithm) and key_id in (None, key.id)]
        return fitting[0] if len(fitting) == 1 else None

    async def _keep_fresh(self) -> None:
        while True:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self._refresh):
                    await self._told.wait()
            self._told.clear()
            await self._read()

    async def _read(self) -> None:
        """Read them once, whoever asks meanwhile; a caller that goes away ends it for nobody else."""
        if self._reading is None or self._reading.done():
            self._reading = asyncio.create_task(self._read_once())
        await asyncio.shield(self._reading)

    async def _read_once(self) -> None:
        self._read_at = monotonic()
        try:
            document = json.loads(await self._source())
            keys = _keys(document)
        except (OSError, TimeoutError, ValueError, RecursionError) as error:
            self._failed()
            _log.error(
                "jwks not read", issuer=self._name, cause=str(error) or type(error).__name__, kept=len(self._keys)
            )
            return
        if document != self._document:
            self._keys, self._document = keys, document
            self.generation += 1
            _log.info("jwks read", issuer=self._name, keys=[key.id for key in keys])


def _keys(document: object) -> tuple[VerifyingKey, ...]:
    """The usable ones.

    Raises:
        ValueError: it is no set, or has none.
    """
    entries = document.get("keys") if isinstance(document, Mapping) else None
    if not isinstance(entries, list):
        raise ValueError("it is no set of keys: it has no list `keys`")  # noqa: TRY004 - the source's own kind of error
    keys = tuple(key for entry in entries if (key := _key(entry)) is not None)
    if not keys:
        raise ValueError("it has no public key for signatures that is accepted here")
    return keys


def _key(entry: object) -> VerifyingKey | None:
    if not isinstance(entry, Mapping) or entry.get("kty") not in _KINDS or entry.get("use", "sig") != "sig":
        return None
    if "d" in entry:
        _log.error("jwks has a private key", kid=str(entry.get("kid", ""))[:128])
        return None
    key: Any = None
    with contextlib.suppress(jwt.PyJWTError):
        key = jwt.PyJWK(dict(entry)).key
    if key is None or (entry["kty"] == "RSA" and key.key_size < _FEWEST_RSA_BITS):
        return None
    return VerifyingKey(str(entry.get("kid", "")), str(entry["kty"]), str(entry.get("alg", "")), key)
