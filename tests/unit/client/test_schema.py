from __future__ import annotations

from enum import StrEnum

import grpc
import pytest
from google.protobuf.internal.enum_type_wrapper import EnumTypeWrapper
from unit.client.scripted import Fault, ScriptedGateway

import rowgate
from rowgate import ReferentialAction, TableKind
from rowgate.v1 import result_pb2
from rowgate.v1 import schema_service_pb2 as pb


async def test_databases_are_listed(db: rowgate.Client, gateway: ScriptedGateway) -> None:
    gateway.will(
        pb.ListDatabasesResponse(
            databases=[
                pb.Database(
                    name="main",
                    engine=pb.ENGINE_MARIADB,
                    is_default=True,
                    available=True,
                    version="10.11",
                    default_schema="shop",
                ),
                pb.Database(name="new", engine=99),  # type: ignore[arg-type]  # a newer gateway's
            ]
        )
    )
    assert await db.databases() == [
        rowgate.DatabaseInfo(
            "main", rowgate.Engine.MARIADB, is_default=True, available=True, version="10.11", default_schema="shop"
        ),
        rowgate.DatabaseInfo("new", None, is_default=False, available=False, version="", default_schema=""),
    ]


async def test_tables_are_listed_over_all_pages(db: rowgate.Client, gateway: ScriptedGateway) -> None:
    first = pb.TableSummary(schema="shop", name="order_lines", kind=pb.TABLE_KIND_TABLE)
    second = pb.TableSummary(schema="shop", name="order_totals", kind=pb.TABLE_KIND_VIEW)
    gateway.will(pb.ListTablesResponse(tables=[first], next_page_token="more"), pb.ListTablesResponse(tables=[second]))
    tables = await db.using("main").tables("order_*", schema="shop")
    assert tables == [
        rowgate.TableSummary("shop", "order_lines", TableKind.TABLE),
        rowgate.TableSummary("shop", "order_totals", TableKind.VIEW),
    ]
    asked = [call.request for call in gateway.received]
    assert asked == [
        pb.ListTablesRequest(database="main", schema="shop", name_pattern="order_*", page_token=token)
        for token in ("", "more")
    ]


@pytest.mark.parametrize(
    ("kind", "sent"),
    [(None, pb.TABLE_KIND_UNSPECIFIED), (TableKind.TABLE, pb.TABLE_KIND_TABLE), (TableKind.VIEW, pb.TABLE_KIND_VIEW)],
)
async def test_only_tables_or_only_views_can_be_listed(
    db: rowgate.Client, gateway: ScriptedGateway, kind: TableKind | None, sent: int
) -> None:
    gateway.will(pb.ListTablesResponse())
    await db.tables(kind=kind)
    assert gateway.request.kind == sent


async def test_a_table_is_described(db: rowgate.Client, gateway: ScriptedGateway) -> None:
    key = pb.ForeignKey(
        name="fk",
        columns=["customer_id"],
        referred_schema="shop",
        referred_table="customers",
        referred_columns=["id"],
        on_delete=pb.REFERENTIAL_ACTION_SET_NULL,
    )
    parts = [pb.IndexPart(column="placed_at", descending=True), pb.IndexPart(expression="lower(note)")]
    gateway.will(
        pb.GetTableResponse(
            table=pb.Table(
                database="main",
                schema="shop",
                name="orders",
                kind=pb.TABLE_KIND_TABLE,
                comment="what was ordered",
                columns=[
                    pb.TableColumn(
                        name="id", type=result_pb2.COLUMN_TYPE_INT, database_type="bigint", autoincrement=True
                    ),
                    pb.TableColumn(
                        name="state",
                        type=result_pb2.COLUMN_TYPE_STRING,
                        database_type="enum('new','paid')",
                        nullable=True,
                        default_expression="",
                        comment="where it is",
                        length=4,
                        labels=["new", "paid"],
                    ),
                ],
                primary_key=pb.PrimaryKey(columns=["id"]),
                foreign_keys=[key],
                unique_constraints=[pb.UniqueConstraint(name="uq", columns=["number"])],
                indexes=[pb.Index(name="ix", parts=parts, unique=True)],
                checks=[pb.CheckConstraint(name="ck", expression="total >= 0")],
            )
        )
    )
    table = await db.describe("orders")
    assert gateway.request == pb.GetTableRequest(table="orders")
    assert (table.database, table.schema, table.name, table.kind) == ("main", "shop", "orders", TableKind.TABLE)
    assert table.comment == "what was ordered"
    assert table.columns == (
        rowgate.TableColumn("id", rowgate.ColumnType.INT, "bigint", nullable=False, autoincrement=True),
        rowgate.TableColumn(
            "state",
            rowgate.ColumnType.STRING,
            "enum('new','paid')",
            nullable=True,
            default_expression="",
            comment="where it is",
            length=4,
            labels=("new", "paid"),
        ),
    )
    assert table.primary_key == rowgate.PrimaryKey("", ("id",))
    assert table.foreign_keys == (
        rowgate.ForeignKey(
            "fk",
            ("customer_id",),
            "shop",
            "customers",
            ("id",),
            ReferentialAction.SET_NULL,
            ReferentialAction.NO_ACTION,
        ),
    )
    assert table.unique_constraints == (rowgate.UniqueConstraint("uq", ("number",)),)
    assert table.indexes == (
        rowgate.Index(
            "ix",
            (
                rowgate.IndexPart("placed_at", None, descending=True),
                rowgate.IndexPart(None, "lower(note)", descending=False),
            ),
            unique=True,
        ),
    )
    assert table.checks == (rowgate.CheckConstraint("ck", "total >= 0"),)


async def test_a_table_without_keys_has_none(db: rowgate.Client, gateway: ScriptedGateway) -> None:
    gateway.will(pb.GetTableResponse(table=pb.Table(name="log")))
    table = await db.describe("log", schema="audit")
    assert (table.primary_key, table.foreign_keys, table.kind) == (None, (), None)
    assert gateway.request.schema == "audit"


async def test_a_table_that_is_not_there_is_an_error(db: rowgate.Client, gateway: ScriptedGateway) -> None:
    gateway.will(Fault(grpc.StatusCode.NOT_FOUND, "UNKNOWN_TABLE"))
    with pytest.raises(rowgate.UnknownTable):
        await db.describe("prodcts")


@pytest.mark.parametrize(
    ("words", "wire"),
    [
        (rowgate.Engine, pb.Engine),
        (TableKind, pb.TableKind),
        (ReferentialAction, pb.ReferentialAction),
        (rowgate.Deferral, pb.Deferral),
    ],
)
def test_every_number_has_its_word(words: type[StrEnum], wire: EnumTypeWrapper) -> None:
    prefix = wire.keys()[0].removesuffix("UNSPECIFIED")
    assert [f"{prefix}{word}" for word in words.__members__] == wire.keys()[1:]
