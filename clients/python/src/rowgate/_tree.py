"""The tree of a database's schemas, and what completes SQL from it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType
from typing import Self

from rowgate._schema_words import TableKind
from rowgate._types import ColumnType
from rowgate._wire import word_of
from rowgate.v1 import result_pb2
from rowgate.v1 import schema_service_pb2 as pb


@dataclass(frozen=True, slots=True)
class TreeColumn:
    """A column of a tree; `describe` tells the rest."""

    name: str
    type: ColumnType
    database_type: str
    nullable: bool
    primary_key: bool
    comment: str = ""


@dataclass(frozen=True, slots=True)
class TreeTable(Mapping[str, TreeColumn]):
    """A table or view of a tree: its columns by name, in order; `kind` None: this client does not know it.

    A `broken` one the database has and can't use, as a view whose table is gone: it has no columns.
    """

    schema: str
    name: str
    kind: TableKind | None
    comment: str
    columns: Mapping[str, TreeColumn] = field(repr=False)
    broken: bool = False

    def __getitem__(self, name: str) -> TreeColumn:
        return self.columns[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self.columns)

    def __len__(self) -> int:
        return len(self.columns)


class RoutineKind(StrEnum):
    """Functions and procedures."""

    FUNCTION = "FUNCTION"
    PROCEDURE = "PROCEDURE"


@dataclass(frozen=True, slots=True)
class TreeRoutine:
    """A function or procedure of a tree; `kind` None: this client does not know it. Overloaded ones are one."""

    name: str
    kind: RoutineKind | None


@dataclass(frozen=True, slots=True)
class TreeSchema(Mapping[str, TreeTable]):
    """A schema of a tree: its tables and views by name, in alphabetical order, and its `routines`."""

    name: str
    is_default: bool
    tables: Mapping[str, TreeTable] = field(repr=False)
    routines: tuple[TreeRoutine, ...] = field(default=(), repr=False)

    def __getitem__(self, name: str) -> TreeTable:
        return self.tables[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self.tables)

    def __len__(self) -> int:
        return len(self.tables)


@dataclass(frozen=True, slots=True)
class SchemaTree(Mapping[str, TreeSchema]):
    """A database's schemas by name, in alphabetical order; `etag` names the tree as it was."""

    etag: str
    schemas: Mapping[str, TreeSchema] = field(repr=False)

    def __getitem__(self, name: str) -> TreeSchema:
        return self.schemas[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self.schemas)

    def __len__(self) -> int:
        return len(self.schemas)

    @property
    def default(self) -> TreeSchema | None:
        """The schema of tables without one; None where there is none."""
        return next((schema for schema in self.schemas.values() if schema.is_default), None)

    @classmethod
    def from_wire(cls, pieces: Sequence[pb.GetSchemaTreeResponse]) -> Self:
        """The tree that the messages make up."""
        tables: dict[str, dict[str, TreeTable]] = {}
        for piece in pieces:
            for table in piece.tables:
                tables.setdefault(table.schema, {})[table.name] = _table(table)
        routines: dict[str, list[TreeRoutine]] = {}
        for piece in pieces:
            for routine in piece.routines:
                routines.setdefault(routine.schema, []).append(
                    TreeRoutine(routine.name, word_of(pb.RoutineKind, routine.kind, RoutineKind))
                )
        schemas = {
            schema.name: TreeSchema(
                schema.name,
                schema.is_default,
                MappingProxyType(tables.get(schema.name, {})),
                tuple(routines.get(schema.name, ())),
            )
            for piece in pieces
            for schema in piece.schemas
        }
        return cls(pieces[0].etag, MappingProxyType(schemas))


class SqlCandidateKind(StrEnum):
    """What a candidate of a completion is."""

    KEYWORD = "KEYWORD"
    SCHEMA = "SCHEMA"
    TABLE = "TABLE"
    VIEW = "VIEW"
    CTE = "CTE"
    ALIAS = "ALIAS"
    COLUMN = "COLUMN"
    FUNCTION = "FUNCTION"


@dataclass(frozen=True, slots=True)
class SqlCandidate:
    """Something that could stand at the cursor.

    Attributes:
        text: what to write: quoted where its name needs it, behind its table's where several tables in scope have it.
        kind: what it is; None for something that this client does not know.
        label: the name itself, without quotes.
        detail: a column's type; a table's schema; else empty.
        table: the table or alias that a column is of, as the statement calls it.
    """

    text: str
    kind: SqlCandidateKind | None
    label: str
    detail: str = ""
    table: str = ""


@dataclass(frozen=True, slots=True)
class SqlCompletion:
    """The candidates, the likeliest first, the characters that each replaces, and whether there are more."""

    start: int
    end: int
    candidates: tuple[SqlCandidate, ...]
    truncated: bool

    @classmethod
    def from_wire(cls, response: pb.CompleteSqlResponse) -> Self:
        """The completion that the message tells."""
        candidates = tuple(
            SqlCandidate(
                each.text, word_of(pb.CandidateKind, each.kind, SqlCandidateKind), each.label, each.detail, each.table
            )
            for each in response.candidates
        )
        return cls(response.replace_start, response.replace_end, candidates, response.truncated)


def _table(table: pb.TreeTable) -> TreeTable:
    columns = {column.name: _column(column) for column in table.columns}
    kind = word_of(pb.TableKind, table.kind, TableKind)
    return TreeTable(table.schema, table.name, kind, table.comment, MappingProxyType(columns), table.broken)


def _column(column: pb.TreeColumn) -> TreeColumn:
    return TreeColumn(
        name=column.name,
        type=word_of(result_pb2.ColumnType, column.type, ColumnType) or ColumnType.UNSPECIFIED,
        database_type=column.database_type,
        nullable=column.nullable,
        primary_key=column.primary_key,
        comment=column.comment,
    )
