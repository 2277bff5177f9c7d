"""API keys and their salted hashes: `rgk_NAME.SECRET`, and `scrypt:14:8:1:SALT:HASH`.

A key's secret is 256 random bits, made here and never chosen, so that no list of likely ones helps who has stolen the
configuration; scrypt is for what remains. The key names its entry, so that one hash is computed and not all.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
import secrets
from dataclasses import dataclass

PREFIX = "rgk_"
KEY = re.compile(r"rgk_([a-z0-9][a-z0-9_-]{0,62})\.([A-Za-z0-9_-]{43})")
_FORM = re.compile(r"scrypt:([0-9]{1,2}):([0-9]{1,2}):([0-9]{1,2}):([A-Za-z0-9_-]{22,86}):([A-Za-z0-9_-]{43})")
_LOG2_N, _R, _P = 14, 8, 1
"""16 MiB and some 40 ms: RFC 7914's choice for a login."""

_MOST_MEMORY, _MOST_P = 64 << 20, 4
_SALT_BYTES, _HASH_BYTES = 16, 32


@dataclass(frozen=True, slots=True)
class KeyHash:
    """A salted hash and how it was made."""

    log2_n: int
    r: int
    p: int
    salt: bytes
    digest: bytes

    @classmethod
    def parse(cls, text: str) -> KeyHash:
        """From its text.

        Raises:
            ValueError: it is none, or would take too much memory or time.
        """
        match = _FORM.fullmatch(text)
        if match is None:
            raise ValueError("is no hash of a key")
        log2_n, r, p = (int(number) for number in match.groups()[:3])
        # A cheap one would be none; a dear one would stop the gateway.
        if log2_n < _LOG2_N or r < _R or not 1 <= p <= _MOST_P or 128 * r << log2_n >= _MOST_MEMORY:
            raise ValueError("is a hash with parameters that are not accepted")
        return cls(log2_n, r, p, _decode(match[4]), _decode(match[5]))

    def __str__(self) -> str:
        return f"scrypt:{self.log2_n}:{self.r}:{self.p}:{_encode(self.salt)}:{_encode(self.digest)}"

    def matches(self, key: str) -> bool:
        """Whether it is the hash of this key; takes the same time for every key, and some 40 ms."""
        return hmac.compare_digest(_scrypt(key, self.salt, self.log2_n, self.r, self.p), self.digest)


def make_key(name: str) -> tuple[str, KeyHash]:
    """A new key, which nothing keeps, and its hash.

    Raises:
        ValueError: the name cannot be one.
    """
    key = f"{PREFIX}{name}.{secrets.token_urlsafe(32)}"
    if not KEY.fullmatch(key):
        raise ValueError("is no name for a key: 1 to 63 of a-z 0-9 _ -, the first a letter or digit")
    salt = secrets.token_bytes(_SALT_BYTES)
    return key, KeyHash(_LOG2_N, _R, _P, salt, _scrypt(key, salt, _LOG2_N, _R, _P))


def stand_in() -> KeyHash:
    """A hash that no key has, to be compared with where there is none: a wrong name takes as long as a wrong key."""
    return KeyHash(_LOG2_N, _R, _P, secrets.token_bytes(_SALT_BYTES), secrets.token_bytes(_HASH_BYTES))


def _scrypt(key: str, salt: bytes, log2_n: int, r: int, p: int) -> bytes:
    return hashlib.scrypt(
        key.encode(), salt=salt, n=1 << log2_n, r=r, p=p, maxmem=_MOST_MEMORY + (1 << 20), dklen=_HASH_BYTES
    )


def _encode(octets: bytes) -> str:
    return base64.urlsafe_b64encode(octets).rstrip(b"=").decode()


def _decode(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
