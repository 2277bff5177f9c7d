"""Cells that are not shown as they are."""

from __future__ import annotations

import hashlib
import hmac
import math
import secrets
from typing import Any

from rowgate_server.core.policy.records import Mask
from rowgate_server.engines.values import Array

_SHOWN = 4
_LEAST_HIDDEN = 4
"""A short text keeps fewer of its characters: at least so many, or half of them, are hidden."""
_HASH_BYTES = 16


class Masker:
    """Masks cells.

    Args:
        secret: what hashes are keyed with: without it nobody can try values until a hash fits, but who may write the
            column, and is answered with the hash of what it wrote. An empty one is made up: then another replica has
            other hashes, and this one after a restart.
    """

    def __init__(self, secret: str = "") -> None:
        self._key = hashlib.sha256(b"rowgate mask" + (secret.encode() or secrets.token_bytes(32))).digest()

    def cell(self, mask: Mask, cell: Any) -> str | None:
        """What is shown of a cell; NULL stays NULL."""
        if cell is None or mask is Mask.HIDE:
            return None
        text = _text(cell)
        if mask is Mask.HASH:
            return hmac.digest(self._key, text.encode("utf-8", "surrogatepass"), "sha256")[:_HASH_BYTES].hex()
        return partial(text)


def partial(text: str) -> str:
    """The last characters; as many stars before them as there are other ones, up to a number that tells nothing."""
    shown = min(_SHOWN, max(0, len(text) - _LEAST_HIDDEN), len(text) // 2)
    return "****" + (text[-shown:] if shown else "")


def _text(cell: Any) -> str:
    """A cell as text: the same for the same value."""
    if isinstance(cell, str):
        return cell
    if isinstance(cell, bytes):
        return cell.hex()
    if isinstance(cell, float):
        return str(int(cell)) if math.isfinite(cell) and cell.is_integer() else repr(cell)
    if isinstance(cell, Array):
        return _text(cell.members)
    if isinstance(cell, list):
        return "[" + ", ".join("NULL" if member is None else _text(member) for member in cell) + "]"
    return str(cell)
