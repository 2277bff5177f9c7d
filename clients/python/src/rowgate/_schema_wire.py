"""A table as a message, for `create_table`."""

from __future__ import annotations

from rowgate._schema import ForeignKey, Index, IndexPart, Table, TableColumn
from rowgate._schema_words import Deferral
from rowgate.v1 import result_pb2
from rowgate.v1 import schema_service_pb2 as pb


def table_to_wire(table: Table) -> pb.Table:
    """The message that describes a table, for `create_table`."""
    key = table.primary_key
    return pb.Table(
        database=table.database,
        schema=table.schema,
        name=table.name,
        kind=pb.TableKind.Value(f"TABLE_KIND_{table.kind or 'UNSPECIFIED'}"),
        comment=table.comment,
        columns=map(_column_to_wire, table.columns),
        primary_key=(
            None
            if key is None
            else pb.PrimaryKey(name=key.name, columns=key.columns, deferral=_deferral_to_wire(key.deferral))
        ),
        foreign_keys=map(_foreign_key_to_wire, table.foreign_keys),
        unique_constraints=[
            pb.UniqueConstraint(
                name=each.name,
                columns=each.columns,
                deferral=_deferral_to_wire(each.deferral),
                nulls_not_distinct=each.nulls_not_distinct,
            )
            for each in table.unique_constraints
        ],
        indexes=map(_index_to_wire, table.indexes),
        checks=[pb.CheckConstraint(name=each.name, expression=each.expression) for each in table.checks],
        engine=pb.Engine.Value(f"ENGINE_{table.engine or 'UNSPECIFIED'}"),
        options=table.options,
        untold=table.untold,
    )


def _column_to_wire(column: TableColumn) -> pb.TableColumn:
    return pb.TableColumn(
        name=column.name,
        type=result_pb2.ColumnType.Value(f"COLUMN_TYPE_{column.type}"),
        database_type=column.database_type,
        nullable=column.nullable,
        default_expression=column.default_expression,
        autoincrement=column.autoincrement,
        generated=column.generated,
        generation_expression=column.generation_expression,
        comment=column.comment,
        length=column.length,
        precision=column.precision,
        scale=column.scale,
        labels=column.labels,
        collation=column.collation,
        autoincrement_always=column.autoincrement_always,
        generated_virtual=column.generated_virtual,
    )


def _foreign_key_to_wire(key: ForeignKey) -> pb.ForeignKey:
    return pb.ForeignKey(
        name=key.name,
        columns=key.columns,
        referred_schema=key.referred_schema,
        referred_table=key.referred_table,
        referred_columns=key.referred_columns,
        on_delete=pb.ReferentialAction.Value(f"REFERENTIAL_ACTION_{key.on_delete or 'UNSPECIFIED'}"),
        on_update=pb.ReferentialAction.Value(f"REFERENTIAL_ACTION_{key.on_update or 'UNSPECIFIED'}"),
        deferral=_deferral_to_wire(key.deferral),
    )


def _index_to_wire(index: Index) -> pb.Index:
    return pb.Index(
        name=index.name,
        parts=map(_index_part_to_wire, index.parts),
        unique=index.unique,
        partial=index.partial,
        condition=index.condition,
        method=index.method,
        include=index.include,
        nulls_not_distinct=index.nulls_not_distinct,
    )


def _index_part_to_wire(part: IndexPart) -> pb.IndexPart:
    wire = pb.IndexPart(
        descending=part.descending,
        collation=part.collation,
        operator_class=part.operator_class,
        nulls_first=part.nulls_first,
        length=part.length,
    )
    if part.column is not None:
        wire.column = part.column
    else:
        wire.expression = part.expression or ""
    return wire


def _deferral_to_wire(deferral: Deferral | None) -> pb.Deferral.ValueType:
    return pb.Deferral.Value(f"DEFERRAL_{deferral or 'UNSPECIFIED'}")
