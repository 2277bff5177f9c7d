"""What a tree is made of. All of it is frozen: a later moment has another tree."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import Enum
from types import MappingProxyType
from typing import Any, NamedTuple

from rowgate_server.core.tables import TableKind
from rowgate_server.engines.values import ValueType

ETAG_VERSION = "1"
_DIGEST_SIZE = 16


class SchemaName(NamedTuple):
    """A schema by name; `is_system` where it is the server's own."""

    name: str
    is_default: bool = False
    is_system: bool = False


class TreeColumn(NamedTuple):
    """A column. Columns that are alike are one object, whatever table they are of."""

    name: str
    type: ValueType
    database_type: str
    nullable: bool
    primary_key: bool = False
    comment: str = ""


class TreeTable(NamedTuple):
    """A table or view, and its columns in order; a `broken` one the database can't use."""

    name: str
    kind: TableKind
    columns: tuple[TreeColumn, ...] = ()
    comment: str = ""
    broken: bool = False


class RoutineKind(Enum):
    """Functions and procedures."""

    FUNCTION = 1
    PROCEDURE = 2


class Routine(NamedTuple):
    """A function or procedure by name."""

    name: str
    kind: RoutineKind = RoutineKind.FUNCTION


@dataclass(frozen=True, slots=True, eq=False)
class TreeSchema:
    """One schema.

    Attributes:
        name: its name.
        tables: by name, in the order of their names.
        routines: by name.
        digest: another one whenever anything in it is another.
        made: whoever makes something of it may leave that here, to find it there next time.
    """

    name: SchemaName
    tables: Mapping[str, TreeTable]
    routines: tuple[Routine, ...]
    digest: bytes
    made: dict[str, Any] = field(default_factory=dict)

    @property
    def columns(self) -> int:
        """How many columns its tables have."""
        return sum(len(table.columns) for table in self.tables.values())


@dataclass(frozen=True, slots=True, eq=False)
class Tree:
    """One database at one moment; `read_at` on the event loop's clock is when its reading began."""

    schemas: tuple[TreeSchema, ...]
    read_at: float

    def chosen(self, names: Iterable[str]) -> tuple[TreeSchema, ...]:
        """The schemas of these names, as far as they are there; without names all."""
        wanted = frozenset(names)
        return tuple(schema for schema in self.schemas if not wanted or schema.name.name in wanted)

    @property
    def etag(self) -> str:
        """That of all of it."""
        return etag(self.schemas)


def etag(schemas: Iterable[TreeSchema]) -> str:
    """What names these schemas as they are."""
    digest = hashlib.blake2b(digest_size=_DIGEST_SIZE)
    for schema in schemas:
        digest.update(schema.digest)
    return f"{ETAG_VERSION}-{digest.hexdigest()}"


class Sealing:
    """A schema put together table by table, in their order, with its digest."""

    def __init__(self, name: SchemaName) -> None:
        self._name = name
        self._tables: dict[str, TreeTable] = {}
        self._digest = hashlib.blake2b(digest_size=_DIGEST_SIZE)

    def add(self, table: TreeTable) -> None:
        """One table more."""
        self._digest.update(_bytes(table))
        self._tables[table.name] = table

    def sealed(self, routines: tuple[Routine, ...]) -> TreeSchema:
        """The schema."""
        self._digest.update(_bytes((self._name, routines)))
        return TreeSchema(self._name, MappingProxyType(self._tables), routines, self._digest.digest())


def _bytes(thing: object) -> bytes:
    return repr(thing).encode("utf-8", "surrogatepass")
