"""Writes to a table: what they say on the wire, that they are sent once, and what is refused before that."""

from __future__ import annotations

import math
from collections.abc import Awaitable, Callable
from datetime import date
from decimal import Decimal
from enum import IntEnum, StrEnum
from typing import Any
from uuid import UUID

import grpc
import pytest
from google.protobuf.struct_pb2 import NULL_VALUE
from unit.client.scripted import PRODUCTS, Fault, ScriptedGateway, page, product
from unit.client.test_table_queries import described

import rowgate
from rowgate import TableRows, col
from rowgate._encode import encode
from rowgate.v1 import table_service_pb2 as pb
from rowgate.v1.result_pb2 import RESULT_ENCODING_COLUMNS, QueryStats, ResultSet
from rowgate.v1.value_pb2 import Value

SEVEN = {"id": Value(int_value=7)}
SHARED: dict[str, Any] = {"table": "orders", "encoding": RESULT_ENCODING_COLUMNS}


def named(name: str) -> dict[str, Value]:
    return {"name": Value(string_value=name)}


@pytest.fixture
def orders(db: rowgate.Client) -> TableRows:
    return db.table("orders")


# Inserts


async def test_an_insert_says_its_rows_and_answers_what_was_inserted(
    orders: TableRows, gateway: ScriptedGateway
) -> None:
    stats = QueryStats(affected_rows=2)
    rows = [product(7), product(8)]
    gateway.will(pb.InsertRowsResponse(result=ResultSet(columns=PRODUCTS, rows=rows), stats=stats, ignored_rows=[1]))
    written = await orders.insert(
        [{"name": "Oak"}, {"id": 7}, {}], returning=["id", "name"], on_conflict="ignore", on="id", dry_run=True
    )
    assert (written.affected_rows, written.scalars("id"), written.ignored_rows) == (2, [7, 8], (1,))
    assert written.soft_delete_column is None
    assert gateway.request == pb.InsertRowsRequest(
        rows=[pb.RowValues(values=named("Oak")), pb.RowValues(values=SEVEN), pb.RowValues()],
        on_conflict=pb.OnConflict(action=pb.CONFLICT_ACTION_IGNORE, target=["id"]),
        returning=["id", "name"],
        dry_run=True,
        **SHARED,
    )


class Kind(IntEnum):
    A = 1


class Word(StrEnum):
    A = "a"


VALUES: list[Any] = [
    *(None, True, False, 0, 7, -(2**63), 2**63, 2**64 - 1, Kind.A, 0.0, -0.0, 1.5, math.inf),
    *("", "é", Word.A, b"", b"\x00", bytearray(b"a"), Decimal("1.50"), date(2025, 12, 1), [1, None]),
    *(rowgate.Json("{}"), rowgate.TemporalText("0000-00-00", rowgate.ColumnType.DATE), UUID(int=7)),
]


@pytest.mark.parametrize("value", VALUES, ids=repr)
async def test_a_cell_is_what_the_value_is_as_a_parameter(
    orders: TableRows, gateway: ScriptedGateway, value: Any
) -> None:
    gateway.will(pb.InsertRowsResponse())
    await orders.insert({"a": value})
    assert gateway.request.rows[0].values["a"].SerializeToString() == encode(value).SerializeToString()


async def test_one_row_may_stand_alone(orders: TableRows, gateway: ScriptedGateway) -> None:
    gateway.will(pb.InsertRowsResponse())
    await orders.insert({"name": "Oak"}, returning="*")
    assert gateway.request == pb.InsertRowsRequest(
        rows=[pb.RowValues(values=named("Oak"))],
        on_conflict=pb.OnConflict(action=pb.CONFLICT_ACTION_ERROR),
        returning=["*"],
        **SHARED,
    )


async def test_rows_that_were_read_can_be_inserted(orders: TableRows, gateway: ScriptedGateway) -> None:
    gateway.will(page(product(7, "Oak"), product(8, "Elm")), pb.InsertRowsResponse(), pb.InsertRowsResponse())
    rows = await orders.all()
    await orders.insert(rows)
    assert [dict(row.values) for row in gateway.request.rows] == [
        {**SEVEN, **named("Oak")},
        {"id": Value(int_value=8), **named("Elm")},
    ]
    await orders.insert(rows[0])
    assert len(gateway.request.rows) == 1


async def test_an_upsert_names_its_key_and_what_it_changes(orders: TableRows, gateway: ScriptedGateway) -> None:
    gateway.will(pb.InsertRowsResponse(), pb.InsertRowsResponse())
    await orders.upsert({"id": 7, "name": "Oak"})
    assert gateway.request.on_conflict == pb.OnConflict(action=pb.CONFLICT_ACTION_UPDATE)
    await orders.upsert(iter([{"id": 7}]), on=["id"], update=["name"], returning="id", dry_run=True)
    assert gateway.request == pb.InsertRowsRequest(
        rows=[pb.RowValues(values=SEVEN)],
        on_conflict=pb.OnConflict(action=pb.CONFLICT_ACTION_UPDATE, target=["id"], update_columns=["name"]),
        returning=["id"],
        dry_run=True,
        **SHARED,
    )


# Updates and deletes


async def test_an_update_by_key_says_what_must_still_hold(orders: TableRows, gateway: ScriptedGateway) -> None:
    gateway.will(pb.UpdateRowsResponse(stats=QueryStats(affected_rows=1), soft_delete_column="deleted_at"))
    written = await orders.include_deleted().update(
        {"name": "Oak"}, key={"id": 7}, expected={"name": None}, returning="id", max_affected=1, dry_run=True
    )
    assert (written.affected_rows, written.soft_delete_column, written.ignored_rows) == (1, "deleted_at", ())
    assert gateway.request == pb.UpdateRowsRequest(
        key=SEVEN,
        values=named("Oak"),
        expected={"name": Value(null_value=NULL_VALUE)},
        returning=["id"],
        max_affected=1,
        dry_run=True,
        include_deleted=True,
        **SHARED,
    )


async def test_an_update_of_a_query_says_its_filter(orders: TableRows, gateway: ScriptedGateway) -> None:
    gateway.will(pb.UpdateRowsResponse())
    query = orders.include_deleted().where(id=7)
    await query.update({"name": "Oak"}, returning=["id"], max_affected=5, allow_unfiltered=True, dry_run=True)
    assert gateway.request == pb.UpdateRowsRequest(
        filter=(col("id") == 7).to_wire(),
        values=named("Oak"),
        returning=["id"],
        max_affected=5,
        allow_unfiltered=True,
        dry_run=True,
        include_deleted=True,
        **SHARED,
    )


async def test_a_delete_says_its_key_or_its_filter(orders: TableRows, gateway: ScriptedGateway) -> None:
    gateway.will(*[pb.DeleteRowsResponse(stats=QueryStats(affected_rows=1), soft_delete_column="gone")] * 2)
    terms: dict[str, Any] = {"returning": ["*"], "max_affected": 5, "dry_run": True}
    written = await orders.delete(key={"id": 7}, expected={"id": 7}, **terms)
    assert written.soft_delete_column == "gone"
    assert gateway.request == pb.DeleteRowsRequest(key=SEVEN, expected=SEVEN, **terms, **SHARED)
    await orders.where(id=7).delete(allow_unfiltered=True, **terms)
    assert gateway.request == pb.DeleteRowsRequest(
        filter=(col("id") == 7).to_wire(), allow_unfiltered=True, **terms, **SHARED
    )


@pytest.mark.parametrize(
    "write", [lambda t, **also: t.update({"name": "Oak"}, **also), lambda t, **also: t.delete(**also)]
)
async def test_every_row_is_meant_by_leave_only(
    orders: TableRows, gateway: ScriptedGateway, write: Callable[..., Awaitable[Any]]
) -> None:
    for rows in (orders, orders.where(), orders.where(rowgate.all_of())):
        gateway.will(Fault(grpc.StatusCode.FAILED_PRECONDITION, "UNFILTERED_WRITE"), pb.UpdateRowsResponse())
        with pytest.raises(rowgate.UnfilteredWrite):
            await write(rows)
        assert not gateway.request.HasField("filter")
        assert not gateway.request.allow_unfiltered
        gateway._script.clear()
    gateway.will(pb.UpdateRowsResponse())
    await write(orders, allow_unfiltered=True)
    assert gateway.request.allow_unfiltered


async def test_no_row_is_a_filter_too(orders: TableRows, gateway: ScriptedGateway) -> None:
    gateway.will(pb.DeleteRowsResponse())
    await orders.where(rowgate.any_of()).delete()
    assert gateway.request.filter.WhichOneof("kind") == "or"


async def test_a_key_may_be_the_primary_key_s_value(orders: TableRows, gateway: ScriptedGateway) -> None:
    gateway.will(described("id"), pb.UpdateRowsResponse(), pb.DeleteRowsResponse())
    await orders.update({"name": "Oak"}, key=7)
    assert dict(gateway.request.key) == SEVEN
    await orders.delete(key=7)
    assert dict(gateway.request.key) == SEVEN


# Once, and with errors as the client's


WRITES: list[Callable[[TableRows], Awaitable[Any]]] = [
    lambda t: t.insert({"id": 7}),
    lambda t: t.upsert({"id": 7}),
    lambda t: t.update({"id": 7}, key={"id": 7}),
    lambda t: t.delete(key={"id": 7}),
    lambda t: t.where(id=7).update({"id": 7}),
    lambda t: t.where(id=7).delete(),
]


@pytest.mark.parametrize("write", WRITES)
@pytest.mark.parametrize("outcome", ["UNKNOWN", "NOT_RUN", "ROLLED_BACK"])
async def test_a_write_is_never_made_again(
    orders: TableRows, gateway: ScriptedGateway, write: Callable[[TableRows], Awaitable[Any]], outcome: str
) -> None:
    gateway.will(Fault(grpc.StatusCode.UNAVAILABLE, "SHUTTING_DOWN", metadata={"outcome": outcome}))
    with pytest.raises(rowgate.ShuttingDown) as caught:
        await write(orders)
    assert caught.value.outcome == outcome
    assert len(gateway.received) == 1


@pytest.mark.parametrize("write", WRITES)
async def test_a_view_that_only_reads_sends_no_write(
    db: rowgate.Client, gateway: ScriptedGateway, write: Callable[[TableRows], Awaitable[Any]]
) -> None:
    with pytest.raises(rowgate.ReadOnly) as caught:
        await write(db.with_options(read_only=True).table("orders"))
    assert caught.value.outcome is rowgate.Outcome.NOT_RUN
    assert gateway.received == []


@pytest.mark.parametrize("write", WRITES)
async def test_a_write_has_the_client_s_timeout(
    db: rowgate.Client, gateway: ScriptedGateway, write: Callable[[TableRows], Awaitable[Any]]
) -> None:
    gateway.will(Fault(grpc.StatusCode.ALREADY_EXISTS, "DUPLICATE_KEY"))
    with pytest.raises(rowgate.DuplicateKey):
        await write(db.with_options(timeout=7).table("orders"))
    assert (gateway.received[0].seconds or 99) <= 7.1


# What is refused before anything is sent


@pytest.mark.parametrize(
    ("misuse", "told"),
    [
        (lambda t: t.insert("row"), "a row is a dict"),
        (lambda t: t.insert(7), "a row is a dict"),
        (lambda t: t.insert([{"a": 1}, [1, 2]]), "row 1 is a list, not a dict"),
        (lambda t: t.insert([("a", 1)]), "row 0 is a tuple"),
        (lambda t: t.insert({7: 1}), "a column's name is a str"),
        (lambda t: t.insert({"a": 1}, on_conflict="update"), "upsert"),
        (lambda t: t.insert({"a": 1}, on="a"), "on=... goes with on_conflict='ignore'"),
        (lambda t: t.insert({"a": 1}, returning=7), "returning takes names"),
        (lambda t: t.select("a").insert({"a": 1}), "select.* does not go with an insert: returning"),
        (lambda t: t.include_deleted().insert({"a": 1}), "include_deleted.* does not go with an insert"),
        (lambda t: t.include_deleted().delete(key=1), "include_deleted.* does not go with a delete"),
        (lambda t: t.update([("a", 1)], key=1), "values takes a dict"),
        (lambda t: t.update(col("a") == 1, key=1), "values takes a dict"),
        (lambda t: t.update({"a": 1}, key=1, expected=["a"]), "expected takes a dict"),
        (lambda t: t.update({"a": 1}, expected={"a": 1}), "expected=... goes with key"),
        (lambda t: t.update({"a": 1}, max_affected="5"), "max_affected takes a number"),
        (lambda t: t.where(a=1).limit(5).update({"a": 1}), "limit.* does not go with an update"),
        (lambda t: t.where(a=1).order_by("a").delete(), "order_by.* does not go with a delete"),
        (lambda t: t.where(a=1).page_size(5).delete(), "page_size.* does not go with a delete"),
        (lambda t: t.where(a=1).select("a").delete(), "select.* does not go with a delete"),
    ],
)
async def test_a_write_that_makes_no_sense_is_refused(
    orders: TableRows, gateway: ScriptedGateway, misuse: Callable[[Any], Awaitable[object]], told: str
) -> None:
    gateway.will(described("id"))
    with pytest.raises(TypeError, match=told):
        await misuse(orders)
    assert [call.method for call in gateway.received] == []


@pytest.mark.parametrize(
    ("misuse", "told"),
    [
        (lambda t: t.insert([]), "no row to insert"),
        (lambda t: t.insert({"a": 1}, returning=[]), "returning names no column"),
        (lambda t: t.insert([{"a": 1}, {"b": {1}}]), "column 'b': a set can't be sent"),
        (lambda t: t.upsert({"a": 1}, on=[]), "on names no column"),
        (lambda t: t.upsert({"a": 1}, update=[]), "update names no column"),
        (lambda t: t.update({}, key={"a": 1}), "values names no column"),
        (lambda t: t.where(a=1).update({}), "values names no column"),
        (lambda t: t.update({"a": 1}, key={}), "key names no column"),
        (lambda t: t.update({"a": 1}, key={}, allow_unfiltered=True), "key names no column"),
        (lambda t: t.delete(key={}, allow_unfiltered=True), "key names no column"),
        (lambda t: t.delete(key={"a": 1}, expected={}), "expected names no column"),
        (lambda t: t.delete(key={"a": 1}, max_affected=0), "max_affected must be 1 or more"),
        (lambda t: t.update({"a": 2**70}, key={"a": 1}), "column 'a': the integer is beyond 64 bits"),
    ],
)
async def test_a_write_that_cant_be_sent_is_refused(
    orders: TableRows, gateway: ScriptedGateway, misuse: Callable[[Any], Awaitable[object]], told: str
) -> None:
    with pytest.raises(rowgate.InvalidParameter, match=told) as caught:
        await misuse(orders)
    assert caught.value.outcome is rowgate.Outcome.NOT_RUN
    assert gateway.received == []


async def test_a_value_that_cant_be_inserted_is_named_by_row_and_column(
    orders: TableRows, gateway: ScriptedGateway
) -> None:
    with pytest.raises(rowgate.InvalidParameter) as caught:
        await orders.insert([{"a": 1}, {"b": {1}}])
    assert [violation.field for violation in caught.value.field_violations] == ["rows[1].values[b]"]
    assert gateway.received == []
