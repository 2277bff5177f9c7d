"""Credentials that tests make: keys of issuers, tokens, and the set of keys that verifies them."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from typing import Any, Self

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from jwt.algorithms import ECAlgorithm, OKPAlgorithm, RSAAlgorithm

ISSUER, AUDIENCE = "https://issuer.test", "rowgate"
_MAKERS: dict[str, Any] = {"RS": RSAAlgorithm, "PS": RSAAlgorithm, "ES": ECAlgorithm, "Ed": OKPAlgorithm}


def claims(**changes: Any) -> dict[str, Any]:
    """What a good token says; None leaves a claim out."""
    now = int(time.time())
    said = {"iss": ISSUER, "aud": AUDIENCE, "sub": "alice", "roles": ["reader"], "iat": now, "exp": now + 86400}
    return {name: value for name, value in {**said, **changes}.items() if value is not None}


@dataclass(frozen=True)
class SigningKey:
    """An issuer's key."""

    id: str
    algorithm: str
    private: Any

    @classmethod
    def make(cls, algorithm: str = "ES256", key_id: str = "one", bits: int = 2048) -> Self:
        """A new one."""
        private: Any
        if algorithm == "EdDSA":
            private = ed25519.Ed25519PrivateKey.generate()
        elif algorithm.startswith("ES"):
            curves = {"ES256": ec.SECP256R1(), "ES384": ec.SECP384R1(), "ES512": ec.SECP521R1()}
            private = ec.generate_private_key(curves[algorithm])
        else:
            private = rsa.generate_private_key(65537, bits)
        return cls(key_id, algorithm, private)

    def jwk(self, **changes: Any) -> dict[str, Any]:
        """The public half."""
        maker = _MAKERS[self.algorithm[:2]]
        return {**maker.to_jwk(self.private.public_key(), as_dict=True), "kid": self.id, "use": "sig", **changes}

    def token(self, payload: dict[str, Any] | None = None, **headers: Any) -> str:
        """A token, good unless told otherwise."""
        return jwt.encode(
            claims() if payload is None else payload,
            self.private,
            algorithm=self.algorithm,
            headers={"kid": self.id, **headers},
        )


def jwks(*keys: SigningKey | dict[str, Any]) -> bytes:
    """The set of their public halves."""
    entries = [key.jwk() if isinstance(key, SigningKey) else key for key in keys]
    return json.dumps({"keys": entries}).encode()
