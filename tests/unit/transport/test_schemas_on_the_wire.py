"""SchemaService's messages: requests checked, tables told whole."""

from __future__ import annotations

from typing import Any

import pytest
from unit.transport.own_services import Served

from rowgate.v1 import result_pb2, schema_service_pb2, schema_service_pb2_grpc
from rowgate_server.core import tables
from rowgate_server.core.catalog import TableQuery
from rowgate_server.engines.values import ValueType
from rowgate_server.errors import Reason, RowgateError
from rowgate_server.transport.codec.schemas import decode_table_query, encode_engine, encode_summary, encode_table

COLUMN = tables.TableColumn(
    name="amount",
    type=ValueType.DECIMAL,
    database_type="numeric(12, 2)",
    nullable=False,
    default="0",
    autoincrement=True,
    generated=True,
    generation_expression="price * 2",
    comment="in euros",
    length=0,
    precision=12,
    scale=0,
    labels=("a", "b"),
)
TABLE = tables.Table(
    name="things",
    schema="main",
    kind=tables.TableKind.VIEW,
    comment="all of them",
    columns=(COLUMN, tables.TableColumn("x", ValueType.NULL, "", nullable=True)),
    primary_key=tables.Key("things_key", ("b", "a")),
    foreign_keys=(
        tables.ForeignKey(
            "to_owner", ("owner",), "main", "owners", ("id",), tables.ReferentialAction.CASCADE,
            tables.ReferentialAction.SET_NULL,
        ),
    ),
    unique_constraints=(tables.Key("once", ("a", "b")),),
    indexes=(
        tables.Index(
            "by_amount",
            (
                tables.IndexPart("amount", descending=True),
                tables.IndexPart("lower(x)", expression=True),
                tables.IndexPart("", expression=True, descending=True),
            ),
            unique=True,
        ),
    ),
    checks=(tables.Check("positive", "amount > 0"),),
)  # fmt: skip


def test_a_request_is_decoded_whole() -> None:
    request = schema_service_pb2.ListTablesRequest(
        database="main",
        schema="s",
        name_pattern="a*",
        kind=schema_service_pb2.TABLE_KIND_VIEW,
        page_size=7,
        page_token="t",
    )
    assert decode_table_query(request, 5.0) == TableQuery("main", "s", "a*", tables.TableKind.VIEW, 7, "t", 5.0)
    assert decode_table_query(schema_service_pb2.ListTablesRequest(), None) == TableQuery("")


@pytest.mark.parametrize("number", [99, -1])
def test_a_kind_of_a_newer_caller_is_refused(number: int) -> None:
    request = schema_service_pb2.ListTablesRequest(kind=number)  # type: ignore[arg-type]  # unknown on purpose
    with pytest.raises(RowgateError) as caught:
        decode_table_query(request, None)
    assert (caught.value.reason, caught.value.field) == (Reason.INVALID_REQUEST, "kind")


@pytest.mark.parametrize("kind", list(tables.TableKind))
def test_a_summary_is_told(kind: tables.TableKind) -> None:
    found = encode_summary(tables.TableSummary("things", "main", kind))
    assert (found.schema, found.name) == ("main", "things")
    assert schema_service_pb2.TableKind.Name(found.kind) == f"TABLE_KIND_{kind.name}"


def test_a_table_is_told_whole() -> None:
    found = encode_table("shop", schema_service_pb2.ENGINE_SQLITE, TABLE)
    assert (found.database, found.schema, found.name, found.comment) == ("shop", "main", "things", "all of them")
    assert found.kind == schema_service_pb2.TABLE_KIND_VIEW
    assert (found.primary_key.name, list(found.primary_key.columns)) == ("things_key", ["b", "a"])
    assert [(key.name, list(key.columns)) for key in found.unique_constraints] == [("once", ["a", "b"])]
    assert [(check.name, check.expression) for check in found.checks] == [("positive", "amount > 0")]
    (key,) = found.foreign_keys
    assert (key.name, list(key.columns)) == ("to_owner", ["owner"])
    assert (key.referred_schema, key.referred_table, list(key.referred_columns)) == ("main", "owners", ["id"])
    assert key.on_delete == schema_service_pb2.REFERENTIAL_ACTION_CASCADE
    assert key.on_update == schema_service_pb2.REFERENTIAL_ACTION_SET_NULL


def test_a_column_tells_zero_apart_from_nothing() -> None:
    full, empty = encode_table("shop", schema_service_pb2.ENGINE_SQLITE, TABLE).columns
    assert full == schema_service_pb2.TableColumn(
        name="amount",
        type=result_pb2.COLUMN_TYPE_DECIMAL,
        database_type="numeric(12, 2)",
        nullable=False,
        default_expression="0",
        autoincrement=True,
        generated=True,
        generation_expression="price * 2",
        comment="in euros",
        length=0,
        precision=12,
        scale=0,
        labels=["a", "b"],
    )
    assert full.HasField("scale")
    told = {field.name for field, _ in empty.ListFields()}
    assert told == {"name", "nullable"}


def test_the_parts_of_an_index_say_what_they_are() -> None:
    (index,) = encode_table("shop", schema_service_pb2.ENGINE_SQLITE, TABLE).indexes
    assert (index.name, index.unique) == ("by_amount", True)
    assert [(part.WhichOneof("part"), part.column or part.expression, part.descending) for part in index.parts] == [
        ("column", "amount", True),
        ("expression", "lower(x)", False),
        ("expression", "", True),
    ]


def test_a_table_without_a_key_has_none() -> None:
    bare = tables.Table("x", "main", tables.TableKind.TABLE, "", (), None, (), (), (), ())
    assert not encode_table("shop", schema_service_pb2.ENGINE_SQLITE, bare).HasField("primary_key")


@pytest.mark.parametrize(
    ("scheme", "version", "engine"),
    [
        ("sqlite", "3.40.1", "SQLITE"),
        ("postgresql", "15.3", "POSTGRESQL"),
        ("mysql", "", "MYSQL"),
        ("mariadb", "", "MARIADB"),
        ("mysql", "8.4.0", "MYSQL"),
        ("mysql", "5.5.5-10.11.6-MariaDB-0+deb12u1", "MARIADB"),
        ("mariadb", "8.4.0", "MYSQL"),
    ],
)
def test_an_engine_is_known_by_what_it_says_of_itself(scheme: str, version: str, engine: str) -> None:
    assert schema_service_pb2.Engine.Name(encode_engine(scheme, version)) == f"ENGINE_{engine}"


async def test_databases_are_listed_without_touching_one(served: Served) -> None:
    stub: Any = schema_service_pb2_grpc.SchemaServiceStub(served.channel)
    request = schema_service_pb2.ListDatabasesRequest()
    before = (await stub.ListDatabases(request)).databases
    assert [(found.name, found.is_default, found.available, found.version) for found in before] == [
        ("main", True, False, ""),
        ("other", False, False, ""),
    ]
    for database in served.databases:
        await database.availability.probe()
    after = (await stub.ListDatabases(request)).databases
    assert [(found.name, found.available, found.default_schema) for found in after] == [
        ("main", True, "main"),
        ("other", False, ""),
    ]
    assert {found.engine for found in after} == {schema_service_pb2.ENGINE_SQLITE}
