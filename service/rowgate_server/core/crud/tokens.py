"""Page tokens: where a page ended, opaque, signed, and good for the request that they were made for only.

A token is the base64 of a version, a signature, a fingerprint of the request, and the last row's values in JSON. The
signature keeps a caller from making up values of his own; a token grants nothing that its caller could not read.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import secrets
from collections.abc import Sequence
from typing import Any

from rowgate_server.engines.values import NULL, BoundValue, ValueType
from rowgate_server.errors import Outcome, Reason, RowgateError

_VERSION = b"\x01"
_SIGNATURE = 16
_FINGERPRINT = 8
_HEAD = len(_VERSION) + _SIGNATURE + _FINGERPRINT
_PURPOSE = b"rowgate page token"


class Tokens:
    """Writes and reads tokens.

    Args:
        secret: what they are signed with. An empty one is made up: then another process does not understand them,
            nor does this one after a restart.
    """

    def __init__(self, secret: str) -> None:
        key = secret.encode() if secret else secrets.token_bytes(32)
        self._key = hashlib.sha256(_PURPOSE + key).digest()

    def write(self, request: bytes, row: Sequence[BoundValue]) -> str:
        """The token for what comes after a row, by its values."""
        content = json.dumps([_packed(value) for value in row], separators=(",", ":"), ensure_ascii=False)
        signed = request + content.encode("utf-8", "surrogatepass")
        return base64.urlsafe_b64encode(_VERSION + self._sign(signed) + signed).rstrip(b"=").decode()

    def read(self, request: bytes, token: str) -> list[BoundValue]:
        """The values of the row that a page ended with.

        Raises:
            RowgateError: INVALID_REQUEST: it was never given, or for another request.
        """
        octets = _decoded(token)
        version, signature, signed = octets[:1], octets[1 : 1 + _SIGNATURE], octets[1 + _SIGNATURE :]
        if len(octets) < _HEAD or version != _VERSION or not hmac.compare_digest(signature, self._sign(signed)):
            raise _refusal("the page token is not one of ours, or was changed")
        if signed[:_FINGERPRINT] != request:
            raise _refusal("the page token belongs to another request: another table, filter or order")
        return [_unpacked(packed) for packed in json.loads(signed[_FINGERPRINT:].decode("utf-8", "surrogatepass"))]

    def _sign(self, content: bytes) -> bytes:
        return hmac.digest(self._key, _VERSION + content, "sha256")[:_SIGNATURE]


def fingerprint(*parts: Any) -> bytes:
    """What a token is bound to: names, plans and values. Plans are told apart by their number of fields."""
    content = json.dumps(parts, separators=(",", ":"), default=_octets)
    return hashlib.sha256(content.encode()).digest()[:_FINGERPRINT]


def _octets(content: bytes) -> dict[str, str]:
    return {"bytes": content.hex()}


def _packed(value: BoundValue) -> list[Any]:
    content = value.value
    if isinstance(content, bytes):
        content = content.hex()
    elif isinstance(content, float):
        content = content.hex()  # every bit of it
    elif value.type is ValueType.LIST:
        content = [None if member is None else _packed(member) for member in content]
    return [int(value.type), content]


def _unpacked(packed: list[Any]) -> BoundValue:
    kind, content = ValueType(packed[0]), packed[1]
    if kind is ValueType.NULL:
        return NULL
    if kind is ValueType.BYTES:
        content = bytes.fromhex(content)
    elif kind is ValueType.DOUBLE:
        content = float.fromhex(content)
    elif kind is ValueType.LIST:
        content = [NULL if member is None else _unpacked(member) for member in content]
    return BoundValue(kind, content)


def _decoded(token: str) -> bytes:
    try:
        octets = base64.b64decode(token + "=" * (-len(token) % 4), b"-_", validate=True)
    except ValueError:
        raise _refusal("the page token is not one of ours, or was changed") from None
    if base64.urlsafe_b64encode(octets).rstrip(b"=").decode() != token:
        raise _refusal("the page token is not one of ours, or was changed")
    return octets


def _refusal(message: str) -> RowgateError:
    return RowgateError(Reason.INVALID_REQUEST, message, field="page_token", outcome=Outcome.NOT_RUN)
