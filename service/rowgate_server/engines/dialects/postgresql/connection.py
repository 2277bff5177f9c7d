"""asyncpg's connection, to which types of callers' own are PostgreSQL's text, whatever they are made of.

asyncpg makes objects of composites and ranges, and cannot do that at all where a member's codec is one of ours.
"""

from __future__ import annotations

from typing import Any

import asyncpg

from rowgate_server.engines.dialects.postgresql.types import TYPES
from rowgate_server.engines.values import ValueType

_OBJECTS = (b"c", b"r", b"m")
"""`typtype` of composites, ranges and multiranges."""
_BASE, _DOMAIN = b"b", b"d"


class Connection(asyncpg.Connection):
    """Learns a type when it first meets it, as asyncpg does.

    Attributes:
        members: what the members of arrays of callers' own domains are, by the array's OID.
    """

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.members: dict[int, ValueType] = {}

    async def _introspect_types(self, typeoids: Any, timeout: float | None) -> tuple[list[dict[str, Any]], Any]:  # noqa: ASYNC109 - asyncpg's own signature
        """What asyncpg builds its codecs from: here composites, ranges and multiranges pass for plain types."""
        asyncpgs: Any = super()  # the stubs leave it out
        rows, statement = await asyncpgs._introspect_types(typeoids, timeout)
        bases = {row["oid"]: row["basetype"] for row in rows if row["kind"] == _DOMAIN}
        for row in rows:
            if row["elemtype"]:
                member = bases.get(row["elemtype"], row["elemtype"])
                if member in TYPES:
                    self.members[row["oid"]] = TYPES[member]
        return [_plain(row) for row in rows], statement


def _plain(row: Any) -> dict[str, Any]:
    plain = dict(row)
    if plain["kind"] in _OBJECTS:
        plain["kind"] = _BASE
    return plain
