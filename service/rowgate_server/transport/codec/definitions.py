"""CreateTable's message: a Table as GetTable returns it, read back."""

from __future__ import annotations

from dataclasses import replace

from rowgate.v1 import schema_service_pb2 as pb
from rowgate_server.core import tables
from rowgate_server.core.ddl.maker import TableOrder
from rowgate_server.engines.dialects import Dialect
from rowgate_server.engines.values import ValueType
from rowgate_server.errors import Reason, RowgateError

_DIALECTS = {
    pb.ENGINE_MYSQL: Dialect.MYSQL,
    pb.ENGINE_MARIADB: Dialect.MYSQL,
    pb.ENGINE_POSTGRESQL: Dialect.POSTGRESQL,
    pb.ENGINE_SQLITE: Dialect.SQLITE,
}
_KINDS = {
    pb.TABLE_KIND_UNSPECIFIED: tables.TableKind.TABLE,
    pb.TABLE_KIND_TABLE: tables.TableKind.TABLE,
    pb.TABLE_KIND_VIEW: tables.TableKind.VIEW,
}


def decode_order(request: pb.CreateTableRequest, call_timeout: float | None) -> TableOrder:
    """The table to be made.

    Raises:
        RowgateError: INVALID_REQUEST for an enum's number that the gateway does not know.
    """
    source = _DIALECTS.get(request.table.engine)
    if source is None and request.table.engine != pb.ENGINE_UNSPECIFIED:
        raise _unknown("engine")
    return TableOrder(
        database=request.database,
        schema=request.schema,
        table=_table(request.table),
        source=source,
        if_not_exists=request.if_not_exists,
        dry_run=request.dry_run,
        call_timeout=call_timeout,
    )


def _table(table: pb.Table) -> tables.Table:
    kind = _KINDS.get(table.kind)
    if kind is None:
        raise _unknown("kind")
    key = table.primary_key
    return tables.Table(
        name=table.name,
        schema=table.schema,
        kind=kind,
        comment=table.comment,
        columns=tuple(_column(column, f"columns[{number}].type") for number, column in enumerate(table.columns)),
        primary_key=_key(key, "primary_key") if table.HasField("primary_key") else None,
        foreign_keys=tuple(_foreign_key(key, number) for number, key in enumerate(table.foreign_keys)),
        unique_constraints=tuple(
            replace(_key(each, f"unique_constraints[{number}]"), nulls_not_distinct=each.nulls_not_distinct)
            for number, each in enumerate(table.unique_constraints)
        ),
        indexes=tuple(map(_index, table.indexes)),
        checks=tuple(tables.Check(check.name, check.expression) for check in table.checks),
        options=tuple(table.options),
        besides=tuple(table.untold),
    )


def _column(column: pb.TableColumn, field: str) -> tables.TableColumn:
    try:
        kind = ValueType(column.type)
    except ValueError:
        raise _unknown(field) from None
    return tables.TableColumn(
        name=column.name,
        type=kind,
        database_type=column.database_type,
        nullable=column.nullable,
        default=column.default_expression if column.HasField("default_expression") else None,
        autoincrement=column.autoincrement,
        generated=column.generated,
        generation_expression=column.generation_expression,
        comment=column.comment,
        length=column.length if column.HasField("length") else None,
        precision=column.precision if column.HasField("precision") else None,
        scale=column.scale if column.HasField("scale") else None,
        labels=tuple(column.labels),
        always_counted=column.autoincrement_always,
        collation=column.collation,
        virtual=column.generated_virtual,
    )


def _key(key: pb.PrimaryKey | pb.UniqueConstraint, field: str) -> tables.Key:
    return tables.Key(key.name, tuple(key.columns), _deferral(key.deferral, f"{field}.deferral"))


def _foreign_key(key: pb.ForeignKey, number: int) -> tables.ForeignKey:
    return tables.ForeignKey(
        name=key.name,
        columns=tuple(key.columns),
        referred_schema=key.referred_schema,
        referred_table=key.referred_table,
        referred_columns=tuple(key.referred_columns),
        on_delete=_action(key.on_delete, f"foreign_keys[{number}].on_delete"),
        on_update=_action(key.on_update, f"foreign_keys[{number}].on_update"),
        deferral=_deferral(key.deferral, f"foreign_keys[{number}].deferral"),
    )


def _action(number: int, field: str) -> tables.ReferentialAction:
    if number == pb.REFERENTIAL_ACTION_UNSPECIFIED:
        return tables.ReferentialAction.NO_ACTION
    try:
        return tables.ReferentialAction(number)
    except ValueError:
        raise _unknown(field) from None


def _deferral(number: int, field: str) -> tables.Deferral:
    try:
        return tables.Deferral(number)
    except ValueError:
        raise _unknown(field) from None


def _index(index: pb.Index) -> tables.Index:
    return tables.Index(
        name=index.name,
        parts=tuple(map(_index_part, index.parts)),
        unique=index.unique,
        partial=index.partial,
        condition=index.condition,
        method=index.method,
        include=tuple(index.include),
        nulls_not_distinct=index.nulls_not_distinct,
    )


def _index_part(part: pb.IndexPart) -> tables.IndexPart:
    return tables.IndexPart(
        text=part.column or part.expression,
        expression=part.HasField("expression"),
        descending=part.descending,
        collation=part.collation,
        operator_class=part.operator_class,
        nulls_first=part.nulls_first if part.HasField("nulls_first") else None,
        length=part.length if part.HasField("length") else None,
    )


def _unknown(field: str) -> RowgateError:
    return RowgateError(Reason.INVALID_REQUEST, "the gateway does not know this number", field=f"table.{field}")
