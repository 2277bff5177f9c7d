"""Qualified names in databases' words about what is not there, taken apart for an error's metadata."""

from __future__ import annotations

from collections.abc import Mapping

_LEVELS = ("schema", "table", "column")


def apart(found: Mapping[str, str | None]) -> dict[str, str | None]:
    """What stands before a point as the level above: `{"table": "shop.orders"}` has the schema `shop`.

    A name with more points than there are levels has points of its own, and stays whole.
    """
    told: dict[str, str | None] = {}
    for level, text in found.items():
        levels = _LEVELS[: _LEVELS.index(level) + 1] if level in _LEVELS else (level,)
        parts = (text or "").split(".")
        if len(parts) > len(levels):
            told[level] = text
        else:
            told.update(zip(levels[-len(parts) :], parts, strict=True))
    return told
