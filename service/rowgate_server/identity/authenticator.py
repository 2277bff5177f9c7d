"""The one place where credentials become a principal, or are refused, counted and held against their peer."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import NamedTuple

from rowgate_server.identity.api_keys import ApiKeys
from rowgate_server.identity.certificates import Certificates
from rowgate_server.identity.failures import FailureLimit
from rowgate_server.identity.known import KnownCredentials
from rowgate_server.identity.principal import ANONYMOUS, Principal
from rowgate_server.identity.refusal import RefusedError, Why
from rowgate_server.identity.tokens import Tokens

_SCHEME = "bearer "
_LONGEST = 8192
_KEY_KNOWN = 300.0
"""Seconds that a proved key is taken for good without another proof."""


class Methods(NamedTuple):
    """How callers may prove who they are."""

    api_keys: ApiKeys
    tokens: Tokens
    certificates: Certificates


class Authenticator:
    """Tells who calls.

    Args:
        methods: how that may be proved.
        failures: how often a peer may be wrong.
        refused: told why, each time.
        known: what was proved a short time ago.
    """

    def __init__(
        self,
        methods: Methods,
        failures: FailureLimit,
        refused: Callable[[Why], None],
        known: KnownCredentials | None = None,
    ) -> None:
        self._methods = methods
        self._failures = failures
        self._refused = refused
        self._known = KnownCredentials() if known is None else known
        self._proving: dict[bytes, asyncio.Task[Principal]] = {}

    async def start(self) -> None:
        """Read what proofs need."""
        await self._methods.tokens.start()

    def look_now(self) -> None:
        """Read at once what proofs need: it may be another one."""
        self._methods.tokens.look_now()

    async def stop(self) -> None:
        """Let go of threads and tasks."""
        await self._methods.tokens.stop()
        self._methods.api_keys.close()

    def authenticate(
        self,
        headers: Sequence[str | bytes],
        sans: Callable[[], Iterable[str]],
        peer: str,
        *,
        anonymous: bool = False,
    ) -> Principal | Awaitable[Principal]:
        """Who calls; at once where that is known.

        A header decides where there is one: a certificate does not make up for one that is wrong.

        Args:
            headers: every `authorization` of the call.
            sans: the names in the client certificate that TLS has verified; none without one.
            peer: the caller's address.
            anonymous: whether whoever shows nothing at all is let in, as nobody known.

        Raises:
            RefusedError: nobody that is known; the awaitable raises it too.
        """
        digest, header = b"", headers[0] if len(headers) == 1 else None
        if isinstance(header, str) and len(header) <= _LONGEST:
            # Before its form is looked at: what is known has a good one.
            digest = self._known.digest(header)
            known = self._known.get(digest)
            if known is not None:
                return known
        try:
            if not headers:
                if anonymous and not self._methods.certificates:
                    return ANONYMOUS
                return self._by_certificate(sans)
            credential = _the_one(headers)
        except RefusedError as error:
            raise self._counted(error.why, peer) from None
        return self._prove(credential, digest, peer)

    def retry_after(self, peer: str) -> float:
        """Seconds until a peer's credentials are looked at again."""
        return max(1.0, self._failures.wait(peer))

    def _by_certificate(self, sans: Callable[[], Iterable[str]]) -> Principal:
        if not self._methods.certificates:
            raise RefusedError(Why.MISSING)
        return self._methods.certificates.prove(sans())

    def _counted(self, why: Why, peer: str) -> RefusedError:
        """The refusal of what took no proof. It is held against the peer too, but for nothing at all."""
        if why is not Why.MISSING:
            if self._failures.wait(peer):
                why = Why.RATE_LIMITED
            else:
                self._failures.failed(peer)
        self._refused(why)
        return RefusedError(why)

    async def _prove(self, credential: str, digest: bytes, peer: str) -> Principal:
        """Prove it once, for however many calls that bring it at the same time."""
        if self._failures.wait(peer):
            self._refused(Why.RATE_LIMITED)
            raise RefusedError(Why.RATE_LIMITED)
        proving = self._proving.get(digest)
        if proving is None:
            proving = self._proving[digest] = asyncio.create_task(self._prove_once(credential, digest))
            proving.add_done_callback(lambda proved: self._done(digest, proved))
        try:
            return await asyncio.shield(proving)
        except RefusedError as error:
            self._refused(error.why)
            if error.why is not Why.RATE_LIMITED:
                self._failures.failed(peer)
            raise RefusedError(error.why) from None

    def _done(self, digest: bytes, proved: asyncio.Task[Principal]) -> None:
        del self._proving[digest]
        if not proved.cancelled():
            proved.exception()  # where all who waited have gone away, it is nobody's

    async def _prove_once(self, credential: str, digest: bytes) -> Principal:
        if ApiKeys.is_one(credential):
            principal = await self._methods.api_keys.prove(credential)
            self._known.put(digest, principal, _KEY_KNOWN)
            return principal
        proved = await self._methods.tokens.prove(credential)
        self._known.put(digest, proved.principal, proved.seconds, proved.holds)
        return proved.principal


def _the_one(headers: Sequence[str | bytes]) -> str:
    """The bearer's credential.

    Raises:
        RefusedError: there are several, or it has not the form of one.
    """
    if len(headers) > 1:
        raise RefusedError(Why.DUPLICATE)
    header = headers[0]
    if len(header) > _LONGEST:
        raise RefusedError(Why.TOO_LARGE)
    if not isinstance(header, str) or not header.isascii() or header[: len(_SCHEME)].lower() != _SCHEME:
        raise RefusedError(Why.MALFORMED)
    credential = header[len(_SCHEME) :].strip()
    if not credential or any(character.isspace() or character == "," for character in credential):
        # A comma is how HTTP would have joined two headers.
        raise RefusedError(Why.MALFORMED)
    return credential
