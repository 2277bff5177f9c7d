"""CreateTable's message: a Table as GetTable returns it, read back."""

from __future__ import annotations

from rowgate.v1 import schema_service_pb2 as pb
from rowgate_server.core import tables
from rowgate_server.core.ddl import TableOrder
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
        primary_key=tables.Key(key.name, tuple(key.columns)) if table.HasField("primary_key") else None,
        foreign_keys=tuple(_foreign_key(key, number) for number, key in enumerate(table.foreign_keys)),
        unique_constraints=tuple(tables.Key(each.name, tuple(each.columns)) for each in table.unique_constraints),
        indexes=tuple(map(_index, table.indexes)),
        checks=tuple(tables.Check(check.name, check.expression) for check in table.checks),
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
    )


def _foreign_key(key: pb.ForeignKey, number: int) -> tables.ForeignKey:
    return tables.ForeignKey(
        name=key.name,
        columns=tuple(key.columns),
        referred_schema=key.referred_schema,
        referred_table=key.referred_table,
        referred_columns=tuple(key.referred_columns),
        on_delete=_action(key.on_delete, f"foreign_keys[{number}].on_delete"),
        on_update=_action(key.on_update, f"foreign_keys[{number}].on_update"),
    )


def _action(number: int, field: str) -> tables.ReferentialAction:
    if number == pb.REFERENTIAL_ACTION_UNSPECIFIED:
        return tables.ReferentialAction.NO_ACTION
    try:
        return tables.ReferentialAction(number)
    except ValueError:
        raise _unknown(field) from None


def _index(index: pb.Index) -> tables.Index:
    parts = tuple(
        tables.IndexPart(part.column or part.expression, part.HasField("expression"), part.descending)
        for part in index.parts
    )
    return tables.Index(index.name, parts, unique=index.unique, partial=index.partial)


def _unknown(field: str) -> RowgateError:
    return RowgateError(Reason.INVALID_REQUEST, "the gateway does not know this number", field=f"table.{field}")
