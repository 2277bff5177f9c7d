"""SchemaService's messages."""

from __future__ import annotations

from rowgate.v1 import result_pb2, schema_service_pb2
from rowgate_server.core import tables
from rowgate_server.core.catalog import TableQuery
from rowgate_server.errors import Reason, RowgateError

_KINDS = {
    tables.TableKind.TABLE: schema_service_pb2.TABLE_KIND_TABLE,
    tables.TableKind.VIEW: schema_service_pb2.TABLE_KIND_VIEW,
}
_KINDS_BY_NUMBER = {number: kind for kind, number in _KINDS.items()}
_ACTIONS = {
    tables.ReferentialAction.NO_ACTION: schema_service_pb2.REFERENTIAL_ACTION_NO_ACTION,
    tables.ReferentialAction.RESTRICT: schema_service_pb2.REFERENTIAL_ACTION_RESTRICT,
    tables.ReferentialAction.CASCADE: schema_service_pb2.REFERENTIAL_ACTION_CASCADE,
    tables.ReferentialAction.SET_NULL: schema_service_pb2.REFERENTIAL_ACTION_SET_NULL,
    tables.ReferentialAction.SET_DEFAULT: schema_service_pb2.REFERENTIAL_ACTION_SET_DEFAULT,
}
_ENGINES = {
    "mysql": schema_service_pb2.ENGINE_MYSQL,
    "mariadb": schema_service_pb2.ENGINE_MARIADB,
    "postgresql": schema_service_pb2.ENGINE_POSTGRESQL,
    "sqlite": schema_service_pb2.ENGINE_SQLITE,
}


def encode_engine(scheme: str, version: str) -> schema_service_pb2.Engine.ValueType:
    """The engine: MariaDB is known by its version text, whatever the URL calls it."""
    if scheme in ("mysql", "mariadb") and version:
        scheme = "mariadb" if "mariadb" in version.lower() else "mysql"
    return _ENGINES[scheme]


def decode_table_query(request: schema_service_pb2.ListTablesRequest, call_timeout: float | None) -> TableQuery:
    """Which tables.

    Raises:
        RowgateError: INVALID_REQUEST.
    """
    kind = _KINDS_BY_NUMBER.get(request.kind)
    if kind is None and request.kind != schema_service_pb2.TABLE_KIND_UNSPECIFIED:
        raise RowgateError(Reason.INVALID_REQUEST, "the gateway does not know this kind of table", field="kind")
    return TableQuery(
        database=request.database,
        schema=request.schema,
        name_pattern=request.name_pattern,
        kind=kind,
        page_size=request.page_size,
        page_token=request.page_token,
        call_timeout=call_timeout,
    )


def encode_summary(table: tables.TableSummary) -> schema_service_pb2.TableSummary:
    """A table by name."""
    return schema_service_pb2.TableSummary(
        schema=table.schema, name=table.name, kind=_KINDS[table.kind], broken=table.broken
    )


def encode_table(
    database: str, engine: schema_service_pb2.Engine.ValueType, table: tables.Table
) -> schema_service_pb2.Table:
    """A table, whole."""
    return schema_service_pb2.Table(
        database=database,
        schema=table.schema,
        name=table.name,
        kind=_KINDS[table.kind],
        comment=table.comment,
        columns=[_column(column) for column in table.columns],
        primary_key=_primary_key(table.primary_key),
        foreign_keys=[_foreign_key(key) for key in table.foreign_keys],
        unique_constraints=[
            schema_service_pb2.UniqueConstraint(
                name=key.name,
                columns=key.columns,
                deferral=_deferral(key.deferral),
                nulls_not_distinct=key.nulls_not_distinct,
            )
            for key in table.unique_constraints
        ],
        indexes=[_index(index) for index in table.indexes],
        checks=[
            schema_service_pb2.CheckConstraint(name=check.name, expression=check.expression) for check in table.checks
        ],
        engine=engine,
        row_estimate=table.row_estimate,
        create_statement=table.create_statement,
        broken=table.broken,
        options=table.options,
        untold=table.besides,
    )


def _column(column: tables.TableColumn) -> schema_service_pb2.TableColumn:
    return schema_service_pb2.TableColumn(
        name=column.name,
        type=result_pb2.ColumnType.ValueType(column.type),
        database_type=column.database_type,
        nullable=column.nullable,
        default_expression=column.default,
        autoincrement=column.autoincrement,
        generated=column.generated,
        generation_expression=column.generation_expression,
        comment=column.comment,
        length=column.length,
        precision=column.precision,
        scale=column.scale,
        labels=column.labels,
        collation=column.collation,
        autoincrement_always=column.always_counted,
        generated_virtual=column.virtual,
    )


def _primary_key(key: tables.Key | None) -> schema_service_pb2.PrimaryKey | None:
    if key is None:
        return None
    return schema_service_pb2.PrimaryKey(name=key.name, columns=key.columns, deferral=_deferral(key.deferral))


def _deferral(deferral: tables.Deferral) -> schema_service_pb2.Deferral.ValueType:
    return schema_service_pb2.Deferral.ValueType(deferral.value)


def _foreign_key(key: tables.ForeignKey) -> schema_service_pb2.ForeignKey:
    return schema_service_pb2.ForeignKey(
        name=key.name,
        columns=key.columns,
        referred_schema=key.referred_schema,
        referred_table=key.referred_table,
        referred_columns=key.referred_columns,
        on_delete=_ACTIONS[key.on_delete],
        on_update=_ACTIONS[key.on_update],
        deferral=_deferral(key.deferral),
    )


def _index(index: tables.Index) -> schema_service_pb2.Index:
    return schema_service_pb2.Index(
        name=index.name,
        parts=[_index_part(part) for part in index.parts],
        unique=index.unique,
        partial=index.partial,
        condition=index.condition,
        method=index.method,
        include=index.include,
        nulls_not_distinct=index.nulls_not_distinct,
    )


def _index_part(part: tables.IndexPart) -> schema_service_pb2.IndexPart:
    told = schema_service_pb2.IndexPart(
        descending=part.descending,
        collation=part.collation,
        operator_class=part.operator_class,
        nulls_first=part.nulls_first,
        length=part.length,
    )
    if part.expression:
        told.expression = part.text
    else:
        told.column = part.text
    return told
