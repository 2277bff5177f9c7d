"""Signed tokens (JWT): which issuer's, by which key, for whom and until when."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from time import time
from types import MappingProxyType
from typing import Any, NamedTuple

import jwt

from rowgate_server.identity.key_sets import KeySet, VerifyingKey
from rowgate_server.identity.principal import Method, Principal
from rowgate_server.identity.refusal import RefusedError, Why

_LONGEST_NAME = 256
_LATEST = 253_402_300_800
"""The year 10000: there is no such token, and some numbers fit nowhere."""

_UNVERIFIED: Any = {"verify_signature": False}
_LONGEST_KNOWN = 60.0
"""Seconds that a verified token is taken for good without another look."""

_WHYS: tuple[tuple[type[Exception], Why], ...] = (
    (jwt.ExpiredSignatureError, Why.EXPIRED),
    (jwt.ImmatureSignatureError, Why.NOT_YET_VALID),
    (jwt.InvalidAudienceError, Why.AUDIENCE),
    (jwt.InvalidIssuerError, Why.ISSUER),
    (jwt.MissingRequiredClaimError, Why.CLAIMS),
    (jwt.InvalidSignatureError, Why.SIGNATURE),
    (jwt.InvalidAlgorithmError, Why.ALGORITHM),
    (jwt.InvalidKeyError, Why.ALGORITHM),
    (jwt.DecodeError, Why.MALFORMED),
    (jwt.PyJWTError, Why.CLAIMS),
)
"""The first that fits; InvalidSignatureError is a DecodeError too."""


@dataclass(frozen=True)
class Issuer:
    """One issuer that is trusted.

    Attributes:
        name: the configuration's.
        issuer: the claim `iss`.
        audience: one of these has to be in the claim `aud`.
        algorithms: the signatures that are accepted.
        leeway: seconds that its clock may be off.
        name_claim, roles_claim: where the principal's name and roles are.
        keys: its public keys.
    """

    name: str
    issuer: str
    audience: Sequence[str]
    algorithms: Sequence[str]
    leeway: float
    name_claim: str
    roles_claim: str
    keys: KeySet


class Proved(NamedTuple):
    """A token that was found right: so many seconds, and while `holds`."""

    principal: Principal
    seconds: float
    holds: Callable[[], bool]


class Tokens:
    """Proves tokens.

    Args:
        issuers: whose.
    """

    def __init__(self, issuers: Sequence[Issuer]) -> None:
        self._issuers = {issuer.issuer: issuer for issuer in issuers}

    async def start(self) -> None:
        """Read the keys."""
        for issuer in self._issuers.values():
            await issuer.keys.start()

    def look_now(self) -> None:
        """Read the keys at once."""
        for issuer in self._issuers.values():
            issuer.keys.look_now()

    async def stop(self) -> None:
        """Let the keys be."""
        for issuer in self._issuers.values():
            await issuer.keys.stop()

    async def prove(self, token: str) -> Proved:
        """Whose token it is.

        Raises:
            RefusedError: it is none, or not good here and now.
        """
        issuer, key, algorithm = await self._verifier(token)
        generation = issuer.keys.generation
        claims = _verified(token, issuer, key, algorithm)
        principal = _principal(claims, issuer)
        left = claims["exp"] + issuer.leeway - time()
        return Proved(principal, min(left, _LONGEST_KNOWN), lambda: issuer.keys.generation == generation)

    async def _verifier(self, token: str) -> tuple[Issuer, VerifyingKey, str]:
        """By its own word, which nobody has signed yet: who is to be asked for the key, and for which one."""
        try:
            unverified = jwt.decode_complete(token, options=_UNVERIFIED)
        except (jwt.PyJWTError, ValueError, RecursionError) as error:
            raise RefusedError(Why.MALFORMED) from error
        header, claims = unverified["header"], unverified["payload"]
        algorithm, key_id, named = header.get("alg"), header.get("kid"), claims.get("iss")
        issuer = self._issuers.get(named) if isinstance(named, str) else None
        if issuer is None:
            raise RefusedError(Why.ISSUER)
        if algorithm not in issuer.algorithms:
            raise RefusedError(Why.ALGORITHM)
        return issuer, await issuer.keys.find(key_id, algorithm), algorithm


def _verified(token: str, issuer: Issuer, key: VerifyingKey, algorithm: str) -> dict[str, Any]:
    try:
        claims = jwt.decode(
            token,
            key.key,
            algorithms=[algorithm],
            audience=issuer.audience,
            issuer=issuer.issuer,
            leeway=issuer.leeway,
            options={"require": ["exp", "iss", "aud"], "enforce_minimum_key_length": True},
        )
    except (jwt.PyJWTError, ValueError, TypeError, OverflowError) as error:
        why = next((why for kind, why in _WHYS if isinstance(error, kind)), Why.MALFORMED)
        raise RefusedError(why) from error
    if isinstance(claims["exp"], bool) or not isinstance(claims["exp"], int | float) or claims["exp"] > _LATEST:
        raise RefusedError(Why.CLAIMS)
    return claims


def _principal(claims: dict[str, Any], issuer: Issuer) -> Principal:
    name, roles = claims.get(issuer.name_claim), claims.get(issuer.roles_claim, [])
    if not isinstance(name, str) or not name.isprintable() or not 0 < len(name) <= _LONGEST_NAME:
        raise RefusedError(Why.CLAIMS)
    if isinstance(roles, str):
        roles = roles.split()
    if not isinstance(roles, list) or not all(isinstance(role, str) and role for role in roles):
        raise RefusedError(Why.CLAIMS)
    return Principal(name, Method.JWT, tuple(dict.fromkeys(roles)), MappingProxyType(claims), issuer.name)
