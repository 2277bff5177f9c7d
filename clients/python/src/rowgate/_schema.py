"""What databases, tables and columns there are."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

from rowgate._schema_words import Deferral, Engine, ReferentialAction, TableKind
from rowgate._types import ColumnType
from rowgate._wire import word_of
from rowgate.v1 import result_pb2
from rowgate.v1 import schema_service_pb2 as pb


@dataclass(frozen=True, slots=True)
class DatabaseInfo:
    """One database that the gateway serves.

    Attributes:
        name: its name in the gateway's configuration: what `using` takes.
        engine: its kind; None for one that this client does not know. MySQL and MariaDB are told apart once the
            database has been reached.
        is_default: whether a client that names no database gets this one.
        available: whether the gateway's last probe reached it.
        version: the server's own version text; "" until the database has been reached.
        default_schema: the schema of tables without one; "" until the database has been reached.
    """

    name: str
    engine: Engine | None
    is_default: bool
    available: bool
    version: str
    default_schema: str

    @classmethod
    def from_wire(cls, database: pb.Database) -> Self:
        """The database that the message describes."""
        return cls(
            name=database.name,
            engine=word_of(pb.Engine, database.engine, Engine),
            is_default=database.is_default,
            available=database.available,
            version=database.version,
            default_schema=database.default_schema,
        )


@dataclass(frozen=True, slots=True)
class SchemaInfo:
    """A schema's name, whether tables without a schema are in it, and whether it is the database server's own."""

    name: str
    is_default: bool
    is_system: bool

    @classmethod
    def from_wire(cls, schema: pb.Schema) -> Self:
        """The schema that the message names."""
        return cls(schema.name, schema.is_default, schema.is_system)


@dataclass(frozen=True, slots=True)
class TableSummary:
    """A table's or view's schema, name and kind; the kind is None for one that this client does not know.

    A `broken` one the database has and can't use, as a view whose table is gone.
    """

    schema: str
    name: str
    kind: TableKind | None
    broken: bool = False

    @classmethod
    def from_wire(cls, table: pb.TableSummary) -> Self:
        """The table that the message names."""
        return cls(table.schema, table.name, word_of(pb.TableKind, table.kind, TableKind), table.broken)


@dataclass(frozen=True, slots=True)
class TableColumn:
    """One column of a table or view.

    Attributes:
        name: its name.
        type: what its cells are.
        database_type: the database's own name of the type, as in CREATE TABLE: `numeric(12, 2)`.
        nullable: whether it may hold NULL.
        default_expression: the default, as an SQL expression; None where there is none.
        autoincrement: whether the database counts it up by itself.
        generated: whether the database computes it; then it can't be written.
        generation_expression: how it does; "" where the database does not tell.
        comment: the comment on it.
        length: of a text or binary type; None where it has none.
        precision: digits of a DECIMAL, or fractional digits of a temporal type; None where it has none.
        scale: digits after the point of a DECIMAL; None where it has none.
        labels: those of an ENUM or SET, in order.
        collation: what its texts are compared by; "" for the engine's default.
        autoincrement_always: whether no other value can be written to one that counts itself up.
        generated_virtual: whether a generated one is computed when it is read, and not kept.
    """

    name: str
    type: ColumnType
    database_type: str
    nullable: bool
    default_expression: str | None = None
    autoincrement: bool = False
    generated: bool = False
    generation_expression: str = ""
    comment: str = ""
    length: int | None = None
    precision: int | None = None
    scale: int | None = None
    labels: tuple[str, ...] = ()
    collation: str = ""
    autoincrement_always: bool = False
    generated_virtual: bool = False

    @classmethod
    def from_wire(cls, column: pb.TableColumn) -> Self:
        """The column that the message describes."""
        return cls(
            name=column.name,
            type=word_of(result_pb2.ColumnType, column.type, ColumnType) or ColumnType.UNSPECIFIED,
            database_type=column.database_type,
            nullable=column.nullable,
            default_expression=column.default_expression if column.HasField("default_expression") else None,
            autoincrement=column.autoincrement,
            generated=column.generated,
            generation_expression=column.generation_expression,
            comment=column.comment,
            length=column.length if column.HasField("length") else None,
            precision=column.precision if column.HasField("precision") else None,
            scale=column.scale if column.HasField("scale") else None,
            labels=tuple(column.labels),
            collation=column.collation,
            autoincrement_always=column.autoincrement_always,
            generated_virtual=column.generated_virtual,
        )


@dataclass(frozen=True, slots=True)
class PrimaryKey:
    """The columns that tell a table's rows apart, in the key's order; `name` may be empty."""

    name: str
    columns: tuple[str, ...]
    deferral: Deferral | None = None


@dataclass(frozen=True, slots=True)
class ForeignKey:
    """A reference to another table.

    Attributes:
        name: the constraint's name; may be empty.
        columns: the referring columns, in order.
        referred_schema: the schema of the table referred to.
        referred_table: the table referred to.
        referred_columns: the columns referred to, in the same order.
        on_delete: what a delete there does here; None for something that this client does not know.
        on_update: what an update there does here; None for something that this client does not know.
        deferral: when it must hold; None where it can't be deferred.
    """

    name: str
    columns: tuple[str, ...]
    referred_schema: str
    referred_table: str
    referred_columns: tuple[str, ...]
    on_delete: ReferentialAction | None
    on_update: ReferentialAction | None
    deferral: Deferral | None = None

    @classmethod
    def from_wire(cls, key: pb.ForeignKey) -> Self:
        """The foreign key that the message describes."""
        return cls(
            name=key.name,
            columns=tuple(key.columns),
            referred_schema=key.referred_schema,
            referred_table=key.referred_table,
            referred_columns=tuple(key.referred_columns),
            on_delete=_action(key.on_delete),
            on_update=_action(key.on_update),
            deferral=word_of(pb.Deferral, key.deferral, Deferral),
        )


@dataclass(frozen=True, slots=True)
class UniqueConstraint:
    """Columns that no two rows share; `name` may be empty. NULL equals NULL if it is `nulls_not_distinct`."""

    name: str
    columns: tuple[str, ...]
    deferral: Deferral | None = None
    nulls_not_distinct: bool = False


@dataclass(frozen=True, slots=True)
class IndexPart:
    """One column or expression of an index.

    Attributes:
        column: the column; None for an expression.
        expression: the expression; None for a column.
        descending: whether it is stored in descending order.
        collation: what its texts are compared by, where that is not the column's collation.
        operator_class: PostgreSQL's, where it is not the default one.
        nulls_first: where NULLs stand, if not where PostgreSQL puts them.
        length: how many characters or bytes of the column are indexed; None for all.
    """

    column: str | None
    expression: str | None
    descending: bool
    collation: str = ""
    operator_class: str = ""
    nulls_first: bool | None = None
    length: int | None = None

    @classmethod
    def from_wire(cls, part: pb.IndexPart) -> Self:
        """The part that the message describes."""
        return cls(
            column=part.column if part.HasField("column") else None,
            expression=part.expression if part.HasField("expression") else None,
            descending=part.descending,
            collation=part.collation,
            operator_class=part.operator_class,
            nulls_first=part.nulls_first if part.HasField("nulls_first") else None,
            length=part.length if part.HasField("length") else None,
        )


@dataclass(frozen=True, slots=True)
class Index:
    """An index.

    Attributes:
        name: its name.
        parts: what is indexed, in order.
        unique: whether no two rows may share an entry.
        partial: whether it has only the rows that a condition picks.
        condition: that condition, as SQL.
        method: what kind of index it is (`gin`, `fulltext`); "" for the usual one, a B-tree.
        include: columns that it holds besides.
        nulls_not_distinct: whether NULL equals NULL in a unique one.
    """

    name: str
    parts: tuple[IndexPart, ...]
    unique: bool
    partial: bool = False
    condition: str = ""
    method: str = ""
    include: tuple[str, ...] = ()
    nulls_not_distinct: bool = False

    @classmethod
    def from_wire(cls, index: pb.Index) -> Self:
        """The index that the message describes."""
        return cls(
            name=index.name,
            parts=tuple(map(IndexPart.from_wire, index.parts)),
            unique=index.unique,
            partial=index.partial,
            condition=index.condition,
            method=index.method,
            include=tuple(index.include),
            nulls_not_distinct=index.nulls_not_distinct,
        )


@dataclass(frozen=True, slots=True)
class CheckConstraint:
    """A condition, as SQL, that every row meets; `name` may be empty."""

    name: str
    expression: str


@dataclass(frozen=True, slots=True)
class Table:
    """One table or view.

    Attributes:
        database: the gateway's name of the database.
        schema: the schema it is in.
        name: its name.
        kind: a table or a view; None for one that this client does not know.
        comment: the comment on it.
        columns: the columns, in order.
        primary_key: None where there is none.
        foreign_keys: by name.
        unique_constraints: by name; the primary key is not among them.
        indexes: by name; that of the primary key is not among them.
        checks: by name.
        engine: whose types and expressions these are; None for one that this client does not know.
        row_estimate: about how many rows it has, by the database's own statistics; None where they don't say.
        create_statement: the database's own words that make it; "" where it has none.
        broken: whether the database can't use it, as a view whose table is gone; it has no columns then.
        options: what the engine calls the table as a whole (`STRICT`, `UNLOGGED`).
        untold: what else there is to it, in the engine's words; `create_table` refuses a table with any of it.
    """

    database: str
    schema: str
    name: str
    kind: TableKind | None
    comment: str
    columns: tuple[TableColumn, ...]
    primary_key: PrimaryKey | None
    foreign_keys: tuple[ForeignKey, ...]
    unique_constraints: tuple[UniqueConstraint, ...]
    indexes: tuple[Index, ...]
    checks: tuple[CheckConstraint, ...]
    engine: Engine | None = None
    row_estimate: int | None = None
    create_statement: str = ""
    broken: bool = False
    options: tuple[str, ...] = ()
    untold: tuple[str, ...] = ()

    @classmethod
    def from_wire(cls, table: pb.Table) -> Self:
        """The table that the message describes."""
        key = table.primary_key
        return cls(
            database=table.database,
            schema=table.schema,
            name=table.name,
            kind=word_of(pb.TableKind, table.kind, TableKind),
            comment=table.comment,
            columns=tuple(map(TableColumn.from_wire, table.columns)),
            primary_key=(
                PrimaryKey(key.name, tuple(key.columns), word_of(pb.Deferral, key.deferral, Deferral))
                if table.HasField("primary_key")
                else None
            ),
            foreign_keys=tuple(map(ForeignKey.from_wire, table.foreign_keys)),
            unique_constraints=tuple(
                UniqueConstraint(
                    each.name,
                    tuple(each.columns),
                    word_of(pb.Deferral, each.deferral, Deferral),
                    each.nulls_not_distinct,
                )
                for each in table.unique_constraints
            ),
            indexes=tuple(map(Index.from_wire, table.indexes)),
            checks=tuple(CheckConstraint(each.name, each.expression) for each in table.checks),
            engine=word_of(pb.Engine, table.engine, Engine),
            row_estimate=table.row_estimate if table.HasField("row_estimate") else None,
            create_statement=table.create_statement,
            broken=table.broken,
            options=tuple(table.options),
            untold=tuple(table.untold),
        )


@dataclass(frozen=True, slots=True)
class CreatedTable:
    """What became of `create_table`.

    Attributes:
        table: as it is now; None after a dry run.
        created: whether this call made it.
        statements: what makes it, in order; () where it was there.
    """

    table: Table | None
    created: bool
    statements: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class RefreshedSchema:
    """What was read: the tree's etag, whether it is another one than was told last, how many tables and columns."""

    etag: str
    changed: bool
    tables: int
    columns: int


def _action(number: int) -> ReferentialAction | None:
    if number == pb.REFERENTIAL_ACTION_UNSPECIFIED:
        return ReferentialAction.NO_ACTION
    return word_of(pb.ReferentialAction, number, ReferentialAction)
