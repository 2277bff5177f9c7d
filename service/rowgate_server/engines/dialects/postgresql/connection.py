"""asyncpg's connection, to which types of callers' own are PostgreSQL's text, whatever they are made of.

asyncpg makes objects of composites and ranges, and cannot do that at all where a member's codec is one of ours. What it
learnt of types is forgotten when the session is reset: one caller may alter, or see in a transaction, what is
something else to the next.
"""

from __future__ import annotations

from typing import Any

import asyncpg

from rowgate_server.engines.dialects.control import Server
from rowgate_server.engines.dialects.postgresql.ending import Begun
from rowgate_server.engines.dialects.postgresql.own_types import CATALOGUE, LAST_BUILT_IN, OwnType, OwnTypes
from rowgate_server.engines.dialects.postgresql.types import TYPES, Members
from rowgate_server.engines.dialects.postgresql.wiping import Wiping
from rowgate_server.engines.values import ValueType

_OBJECTS = (b"c", b"r", b"m")
"""`typtype` of composites, ranges and multiranges."""
_BASE, _DOMAIN = b"b", b"d"


class Connection(asyncpg.Connection):
    """Learns a type when it first meets it, as asyncpg does.

    Attributes:
        members: what the members of arrays of callers' own domains are, by the array's OID.
        own_types: where it looks types up; exchanged by the session.
        wiping: wipes its session; the driver's for all of them.
        begun: when its process began, and where; with the process's number it is one for all time.
    """

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.members: dict[int, Members] = {}
        self.own_types = OwnTypes()
        self.wiping = Wiping()
        self.begun = Begun(0.0, Server("", ""))
        self._learnt: set[int] = set()

    def forget_types(self) -> None:
        """Forget every type that was learnt and is not built in."""
        if self._learnt:
            asyncpgs: Any = self  # the stubs leave it out
            settings = asyncpgs._protocol.get_settings()
            for oid in self._learnt:
                settings.remove_python_codec(oid, "", "")
            self._learnt.clear()
            self.members.clear()

    async def _introspect_types(self, typeoids: Any, timeout: float | None) -> tuple[list[dict[str, Any]], Any]:  # noqa: ASYNC109 - asyncpg's own signature
        """What asyncpg builds its codecs from: here composites, ranges and multiranges pass for plain types."""
        asyncpgs: Any = super()  # the stubs leave it out
        statements = [_NotAsked()]

        async def ask(oids: list[int]) -> list[Any]:
            def run(statement: Any, limit: float | None) -> Any:
                return asyncpgs._protocol.bind_execute(statement, (oids,), "", 0, return_extra=False, timeout=limit)

            rows, statements[0] = await asyncpgs._do_execute(CATALOGUE, run, timeout, ignore_custom_codec=True)
            return list(rows)

        kinds = await self.own_types.learn(typeoids, ask)
        self._learnt.update(kind.oid for kind in kinds if kind.oid > LAST_BUILT_IN)
        by_oid = {kind.oid: kind for kind in kinds}
        for kind in kinds:
            if kind.member is not None and (members := _members(kind.member, by_oid)) is not None:
                self.members[kind.oid] = members
        return [_row(kind, by_oid) for kind in kinds], statements[0]


class _NotAsked:
    """In the place of a statement, where none was run; with a name it has not replaced one without."""

    name = "not asked"


def _innermost(oid: int, kinds: dict[int, OwnType]) -> int:
    """What a domain comes down to; any other type is that itself."""
    while (kind := kinds.get(oid)) is not None and kind.kind == _DOMAIN:
        oid = kind.base
    return oid


def _members(oid: int, kinds: dict[int, OwnType]) -> Members | None:
    """What the members of an array are, each of which is of that type; None where only they tell."""
    innermost = _innermost(oid, kinds)
    if innermost in TYPES:
        return Members(TYPES[innermost])
    array = kinds.get(innermost)
    if array is None or array.member is None:
        return None
    inner = _members(array.member, kinds)
    return Members(ValueType.DYNAMIC if inner is None else inner.type, arrays=True)


def _row(kind: OwnType, kinds: dict[int, OwnType]) -> dict[str, Any]:
    """As asyncpg has it."""
    base = _innermost(kind.oid, kinds) if kind.kind == _DOMAIN else None
    return {
        "oid": kind.oid,
        "ns": kind.schema,
        # asyncpg takes an array's own name for its members' with "_" before it, which it need not be.
        "name": kind.name if kind.member is None or kind.oid <= LAST_BUILT_IN else f"_{kind.member_name}",
        "kind": _BASE if kind.kind in _OBJECTS else kind.kind,
        "basetype": base,
        "basetype_name": str(base),
        "elemtype": kind.member,
        "elemtype_name": kind.member_name,
        "elemdelim": kind.delimiter,
        "range_subtype": None,
        "attrtypoids": None,
    }
