"""GetSchemaTree's messages: a tree in pieces of a few milliseconds' work each.

What was encoded once is kept as bytes with its schema: a hundred callers cost the encoding of one. To read such bytes
back, and to write them again, takes a tenth of the time.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from rowgate.v1 import result_pb2
from rowgate.v1 import schema_service_pb2 as pb
from rowgate_server.core.tables import TableKind
from rowgate_server.core.tree import RoutineKind, SchemaName, Tree, TreeColumn, TreeSchema, TreeTable
from rowgate_server.engines import clock

_PIECE = 1000
"""Columns of one piece."""
_MOST_ROUTINES = 5000
_MADE = "pieces"

_KINDS = {TableKind.TABLE: pb.TABLE_KIND_TABLE, TableKind.VIEW: pb.TABLE_KIND_VIEW}
_ROUTINES = {RoutineKind.FUNCTION: pb.ROUTINE_KIND_FUNCTION, RoutineKind.PROCEDURE: pb.ROUTINE_KIND_PROCEDURE}


def encode_schema(schema: SchemaName) -> pb.Schema:
    """A schema by name."""
    return pb.Schema(name=schema.name, is_default=schema.is_default, is_system=schema.is_system)


def encode_tree(tree: Tree, etag: str) -> Iterator[pb.GetSchemaTreeResponse]:
    """The answer's pieces.

    Args:
        tree: what the caller sees and asks for.
        etag: that of what the caller has.
    """
    current = tree.etag
    if etag == current:
        yield pb.GetSchemaTreeResponse(etag=current, unchanged=True)
        return
    yield pb.GetSchemaTreeResponse(
        etag=current,
        schemas=[encode_schema(schema.name) for schema in tree.schemas],
        age_seconds=max(0.0, clock.now() - tree.read_at),
    )
    for schema in tree.schemas:
        for piece in _pieces(schema):
            piece.etag = current
            yield piece


def _pieces(schema: TreeSchema) -> Iterator[pb.GetSchemaTreeResponse]:
    """The pieces of a schema; each is encoded when it is first wanted."""
    made: list[bytes] = schema.made.setdefault(_MADE, [])
    cuts: list[Sequence[TreeTable]] = schema.made.get("cuts") or list(_cuts(schema.tables.values()))
    schema.made["cuts"] = cuts
    for number, tables in enumerate(cuts):
        if number == len(made):
            made.append(_tables(schema.name.name, tables).SerializeToString())
        yield pb.GetSchemaTreeResponse.FromString(made[number])
    yield from _routines(schema)


def _cuts(tables: Iterable[TreeTable]) -> Iterator[list[TreeTable]]:
    piece: list[TreeTable] = []
    size = 0
    for table in tables:
        piece.append(table)
        size += len(table.columns) + 1
        if size >= _PIECE:
            yield piece
            piece, size = [], 0
    if piece:
        yield piece


def _tables(schema: str, tables: Sequence[TreeTable]) -> pb.GetSchemaTreeResponse:
    return pb.GetSchemaTreeResponse(
        tables=[
            pb.TreeTable(
                schema=schema,
                name=table.name,
                kind=_KINDS[table.kind],
                comment=table.comment,
                broken=table.broken,
                columns=map(_column, table.columns),
            )
            for table in tables
        ]
    )


def _column(column: TreeColumn) -> pb.TreeColumn:
    return pb.TreeColumn(
        name=column.name,
        type=result_pb2.ColumnType.ValueType(column.type),
        database_type=column.database_type,
        nullable=column.nullable,
        primary_key=column.primary_key,
        comment=column.comment,
    )


def _routines(schema: TreeSchema) -> Iterator[pb.GetSchemaTreeResponse]:
    name = schema.name.name
    for start in range(0, len(schema.routines), _MOST_ROUTINES):
        routines = [
            pb.TreeRoutine(schema=name, name=routine.name, kind=_ROUTINES[routine.kind])
            for routine in schema.routines[start : start + _MOST_ROUTINES]
        ]
        yield pb.GetSchemaTreeResponse(routines=routines)
