"""What the schema of a database looks like, whatever the engine."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from rowgate_server.engines.values import ValueType


class TableKind(Enum):
    """Tables and views."""

    TABLE = 1
    VIEW = 2


class ReferentialAction(Enum):
    """What happens to the rows that refer to a row that changes."""

    NO_ACTION = 1
    RESTRICT = 2
    CASCADE = 3
    SET_NULL = 4
    SET_DEFAULT = 5

    @classmethod
    def named(cls, words: str | None) -> ReferentialAction:
        """The action as SQL writes it (`SET NULL`); NO ACTION where none is written."""
        return cls.__members__.get((words or "").upper().replace(" ", "_"), cls.NO_ACTION)


class Deferral(Enum):
    """When a constraint must hold: with each statement; so too, unless deferred; at a transaction's end."""

    NEVER = 0
    IMMEDIATE = 1
    DEFERRED = 2


@dataclass(frozen=True, slots=True)
class TableSummary:
    """A table or view by name; a `broken` one the database can't use."""

    name: str
    schema: str
    kind: TableKind = TableKind.TABLE
    broken: bool = False


@dataclass(frozen=True, slots=True)
class TableColumn:
    """One column. None and "" where it has none, or the database does not tell.

    `held` is what a PostgreSQL type of another name comes down to (`numeric(5,2)[]`, `range of date`), a record's
    members each; empty where `database_type` says it. `always_counted` is PostgreSQL's GENERATED ALWAYS AS IDENTITY.
    `collation` is told where it is not the engine's default; a generated column that is `virtual` is not kept.
    """

    name: str
    type: ValueType
    database_type: str
    nullable: bool
    default: str | None = None
    autoincrement: bool = False
    generated: bool = False
    generation_expression: str = ""
    comment: str = ""
    length: int | None = None
    precision: int | None = None
    scale: int | None = None
    labels: tuple[str, ...] = ()
    held: tuple[str, ...] = ()
    always_counted: bool = False
    collation: str = ""
    virtual: bool = False

    @property
    def writable(self) -> bool:
        """Whether a value can be given."""
        return not self.generated and not self.always_counted

    @property
    def base_type(self) -> str:
        """The type that its values are made one of."""
        return self.held[0] if self.held else self.database_type


@dataclass(frozen=True, slots=True)
class Key:
    """A primary key or unique constraint."""

    name: str
    columns: tuple[str, ...]
    deferral: Deferral = Deferral.NEVER
    nulls_not_distinct: bool = False


@dataclass(frozen=True, slots=True)
class ForeignKey:
    """A reference to another table."""

    name: str
    columns: tuple[str, ...]
    referred_schema: str
    referred_table: str
    referred_columns: tuple[str, ...]
    on_delete: ReferentialAction = ReferentialAction.NO_ACTION
    on_update: ReferentialAction = ReferentialAction.NO_ACTION
    deferral: Deferral = Deferral.NEVER


@dataclass(frozen=True, slots=True)
class IndexPart:
    """One column or expression of an index.

    `collation` and `operator_class` are told where they are not the column's and the type's; `nulls_first` where NULLs
    are not where PostgreSQL puts them; `length` is how much of a MySQL column is indexed.
    """

    text: str
    expression: bool = False
    descending: bool = False
    collation: str = ""
    operator_class: str = ""
    nulls_first: bool | None = None
    length: int | None = None


@dataclass(frozen=True, slots=True)
class Index:
    """An index; one that is partial has only the rows that its condition picks. No method: a B-tree."""

    name: str
    parts: tuple[IndexPart, ...]
    unique: bool
    partial: bool = False
    condition: str = ""
    method: str = ""
    include: tuple[str, ...] = ()
    nulls_not_distinct: bool = False


@dataclass(frozen=True, slots=True)
class Check:
    """A CHECK constraint."""

    name: str
    expression: str


@dataclass(frozen=True, slots=True)
class Table:
    """One table or view, whole.

    `untold` are the columns of keys that do not tell rows apart as the database compares them: a SQLite index of
    another collation than its column's, keys of a PostgreSQL table that others inherit from. `deferrable` are those of
    keys that may hold at the end of a transaction only. A `broken` one the database can't use: it has no columns.
    `options` are the engine's words for the table as a whole, `besides` those for what there is to it that has no field
    here: a copy would be without.
    """

    name: str
    schema: str
    kind: TableKind
    comment: str
    columns: tuple[TableColumn, ...]
    primary_key: Key | None
    foreign_keys: tuple[ForeignKey, ...]
    unique_constraints: tuple[Key, ...]
    indexes: tuple[Index, ...]
    checks: tuple[Check, ...]
    row_estimate: int | None = None
    create_statement: str = ""
    untold: frozenset[tuple[str, ...]] = frozenset()
    deferrable: frozenset[tuple[str, ...]] = frozenset()
    broken: bool = False
    options: tuple[str, ...] = ()
    besides: tuple[str, ...] = ()
