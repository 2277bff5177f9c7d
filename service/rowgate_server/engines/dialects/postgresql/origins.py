"""Where a result's columns come from: table and NOT NULL, by the numbers that a RowDescription has.

The protocol tells a table's number and a column's, not their names, so the catalogue is asked when a pair of numbers is
first seen; one query for all of a statement's columns. What it said is kept for a few seconds, and no longer than until
the next ALTER through the gateway: a table may be renamed meanwhile.
"""

from __future__ import annotations

import re
import struct
import time
from collections.abc import Callable, Collection, Sequence
from typing import Any, NamedTuple

from rowgate_server.engines.dialects.postgresql.own_types import OwnTypes
from rowgate_server.engines.results import Columns

_KEPT = 10.0
"""Seconds: how long a new name, or a change of NOT NULL, that was made elsewhere may go unseen."""
_MOST_KEPT, _MOST_MADE = 20_000, 512
_COUNT = struct.Struct("!H")
_FIELD = struct.Struct("!Ih4x2xi2x")

_NULLS_ADDED = re.compile(r"\b(?:left|right|full|outer|rollup|cube|grouping|old|new|merge)\b", re.IGNORECASE)
"""Words without which no NULL stands for a missing row, or a missing group: outer joins, grouping sets, RETURNING."""

# A child by INHERITS may do without its parent's NOT NULL, a foreign table only claims it, one may be not valid yet.
# Every name is qualified: the session may have a search path, and operators, of a caller's making.
_CATALOGUE = """
SELECT a.attrelid, a.attnum, c.relname::pg_catalog.text,
       a.attnotnull AND c.relkind OPERATOR(pg_catalog.=) ANY ('{r,p,m}'::pg_catalog."char"[])
       AND (c.relkind OPERATOR(pg_catalog.=) 'p'::pg_catalog."char" OR NOT c.relhassubclass)
       AND NOT EXISTS (
           SELECT FROM pg_catalog.pg_constraint AS n
           WHERE n.conrelid OPERATOR(pg_catalog.=) a.attrelid
           AND n.contype OPERATOR(pg_catalog.=) 'n'::pg_catalog."char" AND NOT n.convalidated)
FROM pg_catalog.pg_attribute AS a JOIN pg_catalog.pg_class AS c ON c.oid OPERATOR(pg_catalog.=) a.attrelid
WHERE a.attrelid OPERATOR(pg_catalog.=) ANY ($1::pg_catalog.oid[])
"""


class Field(NamedTuple):
    """What a RowDescription tells of one column. Both numbers are 0 for an expression."""

    relation: int
    number: int
    modifier: int


class Origin(NamedTuple):
    """A table's column."""

    table: str
    nullable: bool


def fields(description: bytes) -> list[Field]:
    """Behind a count, each field: a name and a zero, the table and its column, the type, its size, its modifier.

    Args:
        description: a RowDescription without its head; b"" where there is none.
    """
    found: list[Field] = []
    at = _COUNT.size
    for _ in range(_COUNT.unpack_from(description)[0] if description else 0):
        at = description.index(0, at) + 1
        found.append(Field(*_FIELD.unpack_from(description, at)))
        at += _FIELD.size
    return found


def may_add_nulls(fragments: Sequence[str]) -> bool:
    """Whether a statement may have NULLs where its tables have none; the word alone decides, wherever it stands."""
    return any(map(_NULLS_ADDED.search, fragments))


class Origins:
    """The columns of one database's tables, as far as results had them.

    Args:
        clock: seconds, rising.
        outside: for a transaction, what is known outside of it. What a transaction sees may never be committed, so
            what is learnt in one stays there.

    Attributes:
        own_types: what is known of types, for as long.
        altered: something may have another name since.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic, *, outside: Origins | None = None) -> None:
        self._clock = clock
        self._outside = outside
        self.own_types: OwnTypes = OwnTypes(clock) if outside is None else outside.own_types.inside()
        self._known: dict[int, tuple[float, dict[int, Origin]]] = {}
        self._made: dict[tuple[bytes, bool], tuple[float, Columns]] = {}
        self.altered = False

    def inside(self) -> Origins:
        """For a transaction that begins now."""
        return Origins(self._clock, outside=self)

    def made(self, description: bytes, nulls: bool) -> Columns | None:
        """The columns that were made of a description, while all that is known of its tables still holds."""
        kept = self._made.get((description, nulls))
        if kept is not None and kept[0] >= self._clock():
            return kept[1]
        return None if self._outside is None else self._outside.made(description, nulls)

    def keep(self, description: bytes, nulls: bool, columns: Columns) -> Columns:
        """Keep what was made of a description."""
        until = min((self._until(field.relation) for field in fields(description) if field.relation), default=0.0)
        if len(self._made) >= _MOST_MADE:
            self._made.clear()
        self._made[description, nulls] = until or self._clock() + _KEPT, columns
        return columns

    def get(self, field: Field) -> Origin | None:
        """Where a field comes from; None for an expression."""
        kept = self._kept(field.relation)
        return kept[1].get(field.number) if kept else None

    def missing(self, described: Collection[Field]) -> set[int]:
        """The tables that the catalogue must be asked about."""
        now = self._clock()
        return {field.relation for field in described if field.relation and self._until(field.relation) < now}

    async def learn(self, connection: Any, relations: Collection[int]) -> None:
        """Ask about tables, on the connection of the statement that has them: it may have made them just now."""
        rows = await connection.fetch(_CATALOGUE, list(relations))
        if len(self._known) + len(relations) > _MOST_KEPT:
            self._known.clear()
        until = self._clock() + _KEPT
        learnt: dict[int, dict[int, Origin]] = {relation: {} for relation in relations}
        for relation, number, table, not_null in rows:
            learnt[relation][number] = Origin(table, not not_null)
        self._known.update((relation, (until, columns)) for relation, columns in learnt.items())

    def forget(self) -> None:
        """A table may have another name now, or its columns another NOT NULL."""
        self.altered = True
        self._outside = None
        self._known.clear()
        self._made.clear()
        self.own_types.forget()

    def _kept(self, relation: int) -> tuple[float, dict[int, Origin]] | None:
        kept = self._known.get(relation)
        return kept if kept or self._outside is None else self._outside._kept(relation)

    def _until(self, relation: int) -> float:
        kept = self._kept(relation)
        return kept[0] if kept else 0.0
