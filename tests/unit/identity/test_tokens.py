"""Tokens: what is taken for good, and everything else, each refused for its own reason."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from jwt.algorithms import ECAlgorithm

from rowgate_server.identity.key_sets import KeySet
from rowgate_server.identity.principal import Method
from rowgate_server.identity.refusal import RefusedError, Why
from rowgate_server.identity.tokens import Issuer, Tokens
from support.identities import AUDIENCE, ISSUER, SigningKey, claims, jwks

ASYMMETRIC = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA")
NOW = int(time.time())
ES, RSA = SigningKey.make("ES256", "es"), SigningKey.make("RS256", "rsa")


def source_of(document: bytes) -> Callable[[], Awaitable[bytes]]:
    async def source() -> bytes:
        return document

    return source


@asynccontextmanager
async def proving(
    document: bytes, algorithms: tuple[str, ...] = ("ES256", "RS256"), leeway: float = 10.0
) -> AsyncIterator[Tokens]:
    keys = KeySet("test", source_of(document), refresh=600, cooldown=30)
    tokens = Tokens([Issuer("test", ISSUER, (AUDIENCE, "other"), algorithms, leeway, "sub", "roles", keys)])
    await tokens.start()
    try:
        yield tokens
    finally:
        await tokens.stop()


async def refusal(token: str, document: bytes = jwks(ES, RSA), algorithms: tuple[str, ...] = ("ES256", "RS256")) -> Why:
    async with proving(document, algorithms) as tokens:
        with pytest.raises(RefusedError) as caught:
            await tokens.prove(token)
    return caught.value.why


def forged(header: dict[str, Any], payload: dict[str, Any], signature: bytes = b"") -> str:
    parts = [json.dumps(header).encode(), json.dumps(payload).encode(), signature]
    return ".".join(base64.urlsafe_b64encode(part).rstrip(b"=").decode() for part in parts)


@pytest.mark.parametrize("algorithm", ASYMMETRIC)
async def test_a_good_token_is_its_bearer_with_roles_and_claims(algorithm: str) -> None:
    key = SigningKey.make(algorithm)
    async with proving(jwks(key), (algorithm,)) as tokens:
        proved = await tokens.prove(key.token(claims(tenant="acme")))
    principal = proved.principal
    assert (principal.name, principal.method, principal.roles) == ("alice", Method.JWT, ("reader",))
    assert (principal.claims["tenant"], principal.issuer) == ("acme", "test")
    assert 0 < proved.seconds <= 60


@pytest.mark.parametrize(
    ("payload", "why"),
    [
        (claims(exp=NOW - 60), Why.EXPIRED),
        (claims(nbf=NOW + 86400), Why.NOT_YET_VALID),
        (claims(iat=NOW + 86400), Why.NOT_YET_VALID),
        (claims(aud="somebody-else"), Why.AUDIENCE),
        (claims(aud=["a", "b"]), Why.AUDIENCE),
        (claims(aud=None), Why.CLAIMS),
        (claims(exp=None), Why.CLAIMS),
        (claims(sub=None), Why.CLAIMS),
        (claims(sub=""), Why.CLAIMS),
        (claims(sub="a\nb"), Why.CLAIMS),
        (claims(sub="a" * 300), Why.CLAIMS),
        (claims(roles=[1]), Why.CLAIMS),
        (claims(roles={"admin": True}), Why.CLAIMS),
        (claims(iss="https://elsewhere.test"), Why.ISSUER),
        (claims(iss=None), Why.ISSUER),
    ],
    ids=[
        *("expired", "not yet", "of tomorrow", "elsewhere", "two elsewhere", "nowhere", "endless"),
        *("nobody", "empty", "two lines", "long", "numbered role", "role by name", "stranger", "by nobody"),
    ],
)
async def test_a_token_that_is_not_for_here_and_now_is_refused(payload: dict[str, Any], why: Why) -> None:
    assert await refusal(ES.token(payload)) is why


async def test_an_issuer_that_is_no_text_is_nobody() -> None:
    assert await refusal(forged({"alg": "ES256", "kid": "es"}, claims(iss=[ISSUER]))) is Why.ISSUER


async def test_a_clock_that_is_a_little_off_is_forgiven() -> None:
    now = int(time.time())
    async with proving(jwks(ES), leeway=60) as tokens:
        for payload in (claims(exp=now - 2), claims(nbf=now + 30, iat=now + 30)):
            assert (await tokens.prove(ES.token(payload))).seconds <= 60


@pytest.mark.parametrize("algorithm", ["none", "None", "NONE", "", "HS256", "HS512", "ES256K", "RS1"])
async def test_an_algorithm_that_is_not_accepted_is_refused_whatever_is_signed(algorithm: str) -> None:
    assert await refusal(forged({"alg": algorithm, "kid": "rsa"}, claims())) is Why.ALGORITHM
    assert await refusal(forged({"alg": algorithm, "kid": "rsa"}, claims(), b"x" * 32)) is Why.ALGORITHM


async def test_a_public_key_is_no_secret_to_sign_with() -> None:
    form = Encoding.PEM, PublicFormat.SubjectPublicKeyInfo
    public = RSA.private.public_key().public_bytes(*form)
    unsigned = forged({"alg": "HS256", "kid": "rsa"}, claims()).rstrip(".")
    signed = hmac.new(public, unsigned.encode(), hashlib.sha256).digest()
    token = f"{unsigned}.{base64.urlsafe_b64encode(signed).rstrip(b'=').decode()}"
    assert await refusal(token) is Why.ALGORITHM
    # Not even where the set offers it as a secret, and the algorithm were let through.
    oct_key = {"kty": "oct", "kid": "rsa", "k": base64.urlsafe_b64encode(public).decode()}
    assert await refusal(token, jwks(oct_key, ES), ("HS256", "ES256")) is Why.UNKNOWN_SIGNING_KEY


async def test_a_key_is_good_for_its_own_kind_of_signature_only() -> None:
    assert await refusal(RSA.token(kid="es")) is Why.UNKNOWN_SIGNING_KEY
    for_another = RSA.jwk(alg="RS512")
    assert await refusal(RSA.token(), jwks(for_another)) is Why.UNKNOWN_SIGNING_KEY
    to_encrypt = RSA.jwk(use="enc")
    assert await refusal(RSA.token(), jwks(to_encrypt, ES)) is Why.UNKNOWN_SIGNING_KEY


async def test_a_short_key_and_a_private_one_are_not_taken() -> None:
    short = SigningKey.make("RS256", "rsa", bits=1024)
    with pytest.warns(jwt.InsecureKeyLengthWarning):
        token = short.token()
    assert await refusal(token, jwks(short, ES)) is Why.UNKNOWN_SIGNING_KEY
    private = {**ECAlgorithm.to_jwk(ES.private, as_dict=True), "kid": "es"}
    assert await refusal(ES.token(), jwks(private, RSA)) is Why.UNKNOWN_SIGNING_KEY


async def test_a_token_that_another_key_has_signed_is_refused() -> None:
    impostor = SigningKey.make("ES256", "es")
    assert await refusal(impostor.token()) is Why.SIGNATURE
    head, _, signature = ES.token().split(".")
    changed = base64.urlsafe_b64encode(json.dumps(claims(sub="root")).encode()).rstrip(b"=").decode()
    assert await refusal(f"{head}.{changed}.{signature}") is Why.SIGNATURE


async def test_a_key_in_the_token_itself_is_not_asked() -> None:
    impostor = SigningKey.make("ES256", "theirs")
    token = impostor.token(jwk=impostor.jwk(), jku="https://evil.test/keys", x5u="https://evil.test/cert")
    assert await refusal(token) is Why.UNKNOWN_SIGNING_KEY


async def test_a_token_that_names_no_key_is_verified_by_the_only_one_that_fits() -> None:
    token = jwt.encode(claims(), ES.private, algorithm="ES256")
    async with proving(jwks(ES, RSA)) as tokens:
        assert (await tokens.prove(token)).principal.name == "alice"
    other = SigningKey.make("ES256", "other")
    assert await refusal(token, jwks(ES, other)) is Why.UNKNOWN_SIGNING_KEY


@pytest.mark.parametrize(
    "token",
    ["a.b", "a.b.c.d", "a.b.c", "..", "eyJhbGciOiJFUzI1NiJ9..", "\x00.\x00.\x00", "[" * 2000 + ".e30.x"],
    ids=["two", "four", "junk", "empty", "no payload", "nul", "deep"],
)
async def test_what_is_no_token_is_refused(token: str) -> None:
    assert await refusal(token) is Why.MALFORMED


async def test_a_header_that_asks_for_more_than_is_understood_is_refused() -> None:
    assert await refusal(ES.token(crit=["exp2"], exp2=1)) is Why.MALFORMED


@pytest.mark.parametrize("exp", [10**400, 1e308, "soon", [], True, -1], ids=str)
async def test_an_end_that_is_no_time_is_refused(exp: Any) -> None:
    assert await refusal(ES.token(claims(exp=exp))) in (Why.CLAIMS, Why.EXPIRED, Why.MALFORMED)
