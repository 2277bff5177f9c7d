"""The settings of authentication: API keys, tokens and client certificates, each by name."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, SecretStr, StringConstraints, WrapSerializer, field_validator

from rowgate_server.config.fields import SECRET, VISIBLE, Duration, DurationOrOff, Section
from rowgate_server.config.values import FrozenMapping
from rowgate_server.config.words import NamedValues, Names, Pairs, Words

ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA")
"""Asymmetric ones only: whoever may read the public key could sign by HS."""

_HASH = re.compile(r"scrypt:[0-9]{1,2}:[0-9]{1,2}:[0-9]{1,2}:[A-Za-z0-9_-]{22,}:[A-Za-z0-9_-]{43}")
_SAN = re.compile(r"(dns|uri|ip|email):[!-~]{1,256}")
_LOOPBACK = ("localhost", "127.0.0.1", "::1")

_Roles = Annotated[Names, VISIBLE, Field(description="The roles of its bearer.")]
_Claims = Annotated[NamedValues, VISIBLE, Field(description="What else is known of its bearer, by name.")]


def _is_hash(secret: SecretStr) -> SecretStr:
    if not _HASH.fullmatch(secret.get_secret_value()):
        raise ValueError("is no hash of a key: `rowgate-server hash-key NAME` makes one")
    return secret


def _is_san(text: str) -> str:
    if not _SAN.fullmatch(text):
        raise ValueError("must be dns:, uri:, ip: or email:, and the name as the certificate has it")
    return text


def _is_source(text: str) -> str:
    if "://" not in text:
        if not text:
            raise ValueError("names no file and no URL")
        return text
    parts = urlsplit(text)
    if parts.username or parts.password:
        raise ValueError("must be a URL without a password")
    if parts.scheme != "https" and not (parts.scheme == "http" and parts.hostname in _LOOPBACK):
        # Whoever can change the keys on their way can sign tokens.
        raise ValueError("must be the path of a file, or a URL with https:")
    return text


def _are_algorithms(words: Words) -> Words:
    if not words.words or any(word not in ALGORITHMS for word in words.words):
        raise ValueError(f"must be some of {', '.join(ALGORITHMS)}")
    return words


class ApiKey(Section):
    """A key that a caller sends as `authorization: Bearer rgk_NAME.…`."""

    hash: Annotated[
        SecretStr,
        AfterValidator(_is_hash),
        SECRET,
        Field(description="The salted hash of the key, as `rowgate-server hash-key NAME` prints it."),
    ]
    roles: _Roles = Words()
    claims: _Claims = Pairs()


class Issuer(Section):
    """An issuer of signed tokens (JWT) that a caller sends as `authorization: Bearer …`."""

    issuer: Annotated[str, VISIBLE, Field(min_length=1, description="What the claim `iss` of its tokens is.")]
    audience: Annotated[Names, VISIBLE, Field(description="What the claim `aud` has to have, one of these.")]
    jwks: Annotated[
        str,
        AfterValidator(_is_source),
        VISIBLE,
        Field(description="Where its public keys are, as a JWKS: the path of a file, or an `https:` URL."),
    ]
    jwks_ca: Annotated[
        str, VISIBLE, Field(description="Path of the CA certificates to trust at that URL. Empty: the system's own.")
    ] = ""
    algorithms: Annotated[
        Names,
        AfterValidator(_are_algorithms),
        VISIBLE,
        Field(description="The signatures that are accepted; never `none`, never HS."),
    ] = Words(("RS256", "ES256", "EdDSA"))
    leeway: Annotated[
        DurationOrOff, VISIBLE, Field(le=600, description="How far its clock and this one may be apart.")
    ] = 30.0
    name_claim: Annotated[str, VISIBLE, Field(min_length=1, description="The claim that names the bearer.")] = "sub"
    roles_claim: Annotated[
        str, VISIBLE, Field(min_length=1, description="The claim that has the bearer's roles: a list, or one text.")
    ] = "roles"
    refresh: Annotated[Duration, VISIBLE, Field(ge=1, description="Age at which the keys are read anew.")] = 600.0
    cooldown: Annotated[
        Duration,
        VISIBLE,
        Field(description="The least time between two looks for a key that a token names and that is not known."),
    ] = 30.0


class Certificate(Section):
    """A client certificate, by a name in it. Needs `tls.client_ca`."""

    san: Annotated[
        str,
        AfterValidator(_is_san),
        VISIBLE,
        Field(description="A subject alternative name: `dns:billing.internal`, `uri:spiffe://cluster/ns/billing`."),
    ]
    roles: _Roles = Words()
    claims: _Claims = Pairs()


class Failures(Section):
    """What a peer may get wrong, by its address (IPv6: by its /64)."""

    burst: Annotated[
        int,
        VISIBLE,
        Field(
            ge=1,
            le=100_000,
            description="Credentials that may be wrong at once; then new ones are not looked at "
            "(`QUOTA_EXCEEDED`). Those that were found right a short time ago go on.",
        ),
    ] = 20
    every: Annotated[Duration, VISIBLE, Field(description="Time after which one more may be wrong.")] = 3.0


_Name = Annotated[str, StringConstraints(pattern="^[a-z0-9][a-z0-9_-]{0,62}$")]
_KEEP = WrapSerializer(lambda members, dump: dump(dict(members)))


class Auth(Section):
    """Authentication; on as soon as there is one key, issuer or certificate."""

    api_keys: Annotated[
        Annotated[Mapping[_Name, ApiKey], AfterValidator(FrozenMapping), _KEEP],
        VISIBLE,
        Field(description="API keys, by the name that is part of them."),
    ] = Field(default_factory=lambda: FrozenMapping({}))
    jwt: Annotated[
        Annotated[Mapping[_Name, Issuer], AfterValidator(FrozenMapping), _KEEP],
        VISIBLE,
        Field(description="Issuers of tokens, by name."),
    ] = Field(default_factory=lambda: FrozenMapping({}))
    certificates: Annotated[
        Annotated[Mapping[_Name, Certificate], AfterValidator(FrozenMapping), _KEEP],
        VISIBLE,
        Field(description="Client certificates, by the name of whom they stand for."),
    ] = Field(default_factory=lambda: FrozenMapping({}))
    open_reflection: Annotated[
        bool, VISIBLE, Field(description="Whether reflection is answered to callers without credentials too.")
    ] = False
    failures: Annotated[Failures, VISIBLE, Field(description="What a peer may get wrong.")] = Failures()

    @property
    def on(self) -> bool:
        """Whether callers have to say who they are."""
        return bool(self.api_keys or self.jwt or self.certificates)

    @field_validator("jwt")
    @classmethod
    def _one_each(cls, issuers: Mapping[str, Issuer]) -> Mapping[str, Issuer]:
        if len({issuer.issuer for issuer in issuers.values()}) < len(issuers):
            raise ValueError("has two of the same issuer")
        return issuers

    @field_validator("certificates")
    @classmethod
    def _one_meaning(cls, certificates: Mapping[str, Certificate]) -> Mapping[str, Certificate]:
        if len({certificate.san for certificate in certificates.values()}) < len(certificates):
            raise ValueError("has two of the same san")
        return certificates
