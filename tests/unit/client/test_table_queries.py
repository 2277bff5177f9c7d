"""Queries of a table: immutable, page after page, with the client's retries and deadlines."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import grpc
import pytest
from unit.client.packed import packed
from unit.client.scripted import PRODUCTS, Fault, ScriptedGateway, page, product

import rowgate
from rowgate import RowQuery, TableRows, _table, col
from rowgate.v1 import schema_service_pb2 as schema_pb
from rowgate.v1 import table_service_pb2 as pb
from rowgate.v1.result_pb2 import RESULT_ENCODING_COLUMNS, QueryStats, ResultSet
from rowgate.v1.value_pb2 import Value

UNREACHABLE = Fault(grpc.StatusCode.UNAVAILABLE)


def ids(rows: list[rowgate.Row]) -> list[int]:
    return [row["id"] for row in rows]


async def test_a_request_says_all_that_the_query_says(db: rowgate.Client, gateway: ScriptedGateway) -> None:
    gateway.will(page())
    query = (
        db.using("shop")
        .table("orders")
        .schema("sales")
        .select("id", "total")
        .where(col("total") >= 10, state="paid")
        .where(note=None)
        .order_by("-placed_at", "id", col("total").desc(nulls="last"), col("city"))
        .page_size(50)
        .include_deleted()
    )
    await query.page("token", count="estimated")
    assert gateway.received[0].method == "ListRows"
    assert gateway.request == pb.ListRowsRequest(
        database="shop",
        schema="sales",
        table="orders",
        columns=["id", "total"],
        filter=((col("total") >= 10) & (col("state") == "paid") & col("note").__eq__(None)).to_wire(),
        order_by=[
            pb.SortOrder(column="placed_at", descending=True),
            pb.SortOrder(column="id"),
            pb.SortOrder(column="total", descending=True, nulls=pb.NULLS_ORDER_LAST),
            pb.SortOrder(column="city"),
        ],
        page_size=50,
        page_token="token",
        count=pb.COUNT_MODE_ESTIMATED,
        encoding=RESULT_ENCODING_COLUMNS,
        include_deleted=True,
    )


async def test_a_bare_table_asks_for_all_rows(db: rowgate.Client, gateway: ScriptedGateway) -> None:
    gateway.will(page())
    await db.table("orders", schema="sales").page()
    assert gateway.request == pb.ListRowsRequest(
        schema="sales", table="orders", page_size=1000, count=pb.COUNT_MODE_NONE, encoding=RESULT_ENCODING_COLUMNS
    )


async def test_each_step_leaves_the_query_as_it_was(db: rowgate.Client, gateway: ScriptedGateway) -> None:
    table = db.table("orders")
    paid = table.where(state="paid")
    steps: list[RowQuery] = [paid.limit(1), paid.order_by("id"), paid.page_size(2), paid.select("id"), paid.where(id=1)]
    assert len({id(step) for step in (table, paid, *steps)}) == 7
    gateway.will(page(), page())
    await paid.page()
    assert gateway.request.filter == (col("state") == "paid").to_wire()
    assert (list(gateway.request.columns), list(gateway.request.order_by), gateway.request.page_size) == ([], [], 1000)
    await table.page()
    assert not gateway.request.HasField("filter")


async def test_select_and_order_by_say_it_anew_and_where_adds(db: rowgate.Client, gateway: ScriptedGateway) -> None:
    gateway.will(page())
    query = db.table("orders").select("id").select("total").order_by("id").order_by("-total").where(a=1).where(b=2)
    await query.page()
    assert list(gateway.request.columns) == ["total"]
    assert list(gateway.request.order_by) == [pb.SortOrder(column="total", descending=True)]
    assert len(getattr(gateway.request.filter, "and").filters) == 2


async def test_any_column_name_is_free_for_where(db: rowgate.Client, gateway: ScriptedGateway) -> None:
    gateway.will(page())
    names = ("self", "conditions", "values", "limit", "a name", "soil_°C")
    await db.table("t").where(**dict.fromkeys(names, 1)).page()
    filters = getattr(gateway.request.filter, "and").filters
    assert [each.compare.column for each in filters] == list(names)


@pytest.mark.parametrize("conditions", [(), (rowgate.all_of(),), (rowgate.all_of(), rowgate.all_of())])
async def test_no_condition_is_no_filter(
    db: rowgate.Client, gateway: ScriptedGateway, conditions: tuple[rowgate.Condition, ...]
) -> None:
    gateway.will(page())
    await db.table("t").where(*conditions).page()
    assert not gateway.request.HasField("filter")


# Rows over pages


async def test_a_loop_reads_page_after_page_until_the_token_is_empty(
    db: rowgate.Client, gateway: ScriptedGateway
) -> None:
    gateway.will(page(product(1), product(2), token="b"), page(token="c"), page(product(3)))
    assert [row["id"] async for row in db.table("products").page_size(2)] == [1, 2, 3]
    assert [call.request.page_token for call in gateway.received] == ["", "b", "c"]


async def test_a_loop_that_is_left_asks_for_no_further_page(db: rowgate.Client, gateway: ScriptedGateway) -> None:
    gateway.will(page(product(1), product(2), token="b"))
    async for row in db.table("products"):
        assert row["id"] == 1
        break
    assert len(gateway.received) == 1


async def test_a_query_can_be_read_again(db: rowgate.Client, gateway: ScriptedGateway) -> None:
    gateway.will(page(product(1)), page(product(1), product(2)))
    query = db.table("products")
    assert ids(await query.all()) == [1]
    assert ids(await query.all()) == [1, 2]


async def test_a_limit_goes_over_all_pages(db: rowgate.Client, gateway: ScriptedGateway) -> None:
    gateway.will(page(product(1), product(2), token="b"), page(product(3), token="c"))
    assert ids(await db.table("products").page_size(2).limit(3).all()) == [1, 2, 3]
    assert [call.request.page_size for call in gateway.received] == [2, 1]


async def test_a_limit_is_reached_over_pages_that_are_shorter_than_asked_for(
    db: rowgate.Client, gateway: ScriptedGateway
) -> None:
    gateway.will(page(product(1), token="b"), page(token="c"), page(product(2), product(3), token="d"))
    assert ids(await db.table("products").limit(3).all()) == [1, 2, 3]
    assert [call.request.page_size for call in gateway.received] == [3, 2, 2]


async def test_pages_are_results_with_the_way_on(db: rowgate.Client, gateway: ScriptedGateway) -> None:
    told = {"total_count": 0, "total_count_estimated": True, "soft_delete_column": "deleted_at"}
    response = page(token="b", **told)
    response.result.CopyFrom(packed(PRODUCTS, [product(1), product(2)]))
    gateway.will(response, page(product(3)))
    first, second = [each async for each in db.table("products").pages()]
    assert (first.scalars("id"), first.next_page_token, first.total_count) == ([1, 2], "b", 0)
    assert (first.total_count_estimated, first.soft_delete_column) == (True, "deleted_at")
    assert (second.scalars("id"), second.next_page_token, second.total_count) == ([3], "", None)
    assert (second.total_count_estimated, second.soft_delete_column) == (False, None)


async def test_first_asks_for_one_row(db: rowgate.Client, gateway: ScriptedGateway) -> None:
    gateway.will(page(product(1), token="b"), page(token="b"), page(product(2)), page())
    products = db.table("products")
    for expected in ((1, "Oak table"), (2, "Oak table"), None):
        assert await products.first() == expected
    assert [call.request.page_size for call in gateway.received] == [1] * 4


async def test_one_wants_exactly_one_row(db: rowgate.Client, gateway: ScriptedGateway) -> None:
    products = db.table("products")
    gateway.will(page(product(1)), page(product(1), token="b"), page())
    assert ids([await products.one(), await products.one()]) == [1, 1]
    gateway.will(page(product(1), product(2)), page(product(1), token="b"), page(product(2)))
    for _ in range(2):
        with pytest.raises(rowgate.MultipleRows):
            await products.one()
    gateway.will(page(), page())
    with pytest.raises(rowgate.NoRows):
        await products.one()
    assert await products.one_or_none() is None


# Counting


@pytest.mark.parametrize(("estimated", "mode"), [(False, pb.COUNT_MODE_EXACT), (True, pb.COUNT_MODE_ESTIMATED)])
async def test_counting_asks_for_the_rows_of_the_query(
    db: rowgate.Client, gateway: ScriptedGateway, estimated: bool, mode: pb.CountMode.ValueType
) -> None:
    gateway.will(pb.CountRowsResponse(count=7))
    query = db.table("orders").include_deleted().where(state="paid").order_by("id").select("id").page_size(2)
    assert await query.count(estimated=estimated) == 7
    assert gateway.request == pb.CountRowsRequest(
        table="orders", filter=(col("state") == "paid").to_wire(), count=mode, include_deleted=True
    )


# One row by its key


def row_answer(number: int) -> pb.GetRowResponse:
    return pb.GetRowResponse(result=ResultSet(columns=PRODUCTS, rows=[product(number)]), stats=QueryStats())


def described(*columns: str) -> schema_pb.GetTableResponse:
    return schema_pb.GetTableResponse(table=schema_pb.Table(primary_key=schema_pb.PrimaryKey(columns=columns)))


@pytest.mark.parametrize("ask", [lambda t: t.get(a=1, b="x"), lambda t: t.get({"a": 1, "b": "x"})])
async def test_get_takes_the_columns_of_a_key(
    db: rowgate.Client, gateway: ScriptedGateway, ask: Callable[[TableRows], Awaitable[rowgate.Row]]
) -> None:
    gateway.will(row_answer(1))
    row = await ask(db.table("orders", schema="sales").select("id", "name").include_deleted())
    assert row == (1, "Oak table")
    assert gateway.request == pb.GetRowRequest(
        schema="sales",
        table="orders",
        key={"a": Value(int_value=1), "b": Value(string_value="x")},
        columns=["id", "name"],
        encoding=RESULT_ENCODING_COLUMNS,
        include_deleted=True,
    )


async def test_get_with_a_value_looks_the_primary_key_up_once(db: rowgate.Client, gateway: ScriptedGateway) -> None:
    gateway.will(described("number"), row_answer(7), row_answer(8), described("id"), row_answer(9))
    assert [(await db.table("orders").get(number))["id"] for number in (7, 8)] == [7, 8]
    await db.with_options(timeout=5).table("orders", schema="sales").get(9)
    assert [call.method for call in gateway.received] == ["GetTable", "GetRow", "GetRow", "GetTable", "GetRow"]
    assert [list(call.request.key) for call in gateway.received if call.method == "GetRow"] == [["number"]] * 2 + [
        ["id"]
    ]


async def test_so_many_primary_keys_are_remembered_and_no_more(
    db: rowgate.Client, gateway: ScriptedGateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_table, "_MOST_KEYS", 2)
    for name in ("a", "b", "c", "c"):
        gateway.will(*([described("id")] if name not in [key[2] for key in remembered(db)] else []), row_answer(1))
        await db.table(name).get(1)
        assert len(remembered(db)) <= 2
    assert [call.method for call in gateway.received].count("GetTable") == 3


def remembered(db: rowgate.Client) -> dict[tuple[str, str, str], tuple[str, ...]]:
    return db._calls.connection.primary_keys


async def test_a_primary_key_that_turns_out_wrong_is_looked_up_anew(
    db: rowgate.Client, gateway: ScriptedGateway
) -> None:
    gone = Fault(grpc.StatusCode.INVALID_ARGUMENT, "UNKNOWN_COLUMN")
    gateway.will(described("old"), gone, described("id"), row_answer(7))
    with pytest.raises(rowgate.UnknownColumn):
        await db.table("orders").get(7)
    assert (await db.table("orders").get(7))["id"] == 7


@pytest.mark.parametrize(("columns", "told"), [((), "is not there"), (("a", "b"), r"is \(a, b\)")])
async def test_a_value_alone_needs_a_primary_key_of_one_column(
    db: rowgate.Client, gateway: ScriptedGateway, columns: tuple[str, ...], told: str
) -> None:
    gateway.will(described(*columns))
    with pytest.raises(rowgate.InvalidParameter, match=told):
        await db.table("orders").get(7)
    assert len(gateway.received) == 1


async def test_a_row_that_is_not_there_is_an_error(db: rowgate.Client, gateway: ScriptedGateway) -> None:
    gateway.will(Fault(grpc.StatusCode.NOT_FOUND, "ROW_NOT_FOUND"))
    with pytest.raises(rowgate.RowNotFound):
        await db.table("orders").get(id=7)


# Retries and deadlines


@pytest.mark.parametrize(
    ("ask", "answers"),
    [
        (lambda t: t.all(), [page(product(1), token="b"), UNREACHABLE, page(product(2))]),
        (lambda t: t.page(), [page()]),
        (lambda t: t.first(), [page()]),
        (lambda t: t.count(), [pb.CountRowsResponse()]),
        (lambda t: t.get(id=1), [row_answer(1)]),
        (lambda t: t.get(1), [described("id"), UNREACHABLE, row_answer(1)]),
    ],
)
async def test_reading_is_made_again(
    db: rowgate.Client, gateway: ScriptedGateway, ask: Callable[[TableRows], Awaitable[Any]], answers: list[Any]
) -> None:
    gateway.will(UNREACHABLE, *answers)
    await ask(db.table("orders"))
    assert len(gateway.received) == 1 + len(answers)


async def test_a_loop_gives_each_page_the_whole_time_and_all_shares_it(
    db: rowgate.Client, gateway: ScriptedGateway
) -> None:
    again = Fault(grpc.StatusCode.UNAVAILABLE, "SHUTTING_DOWN", retry_after=1)
    for _ in range(2):
        gateway.will(again, page(product(1), token="b"), page())
    products = db.with_options(timeout=10).table("products")  # gRPC sends three digits of it
    async for _ in products:
        pass
    await products.all()
    first, second, next_page, *of_all = [call.until for call in gateway.received]
    assert second - first < 0.7, "an attempt has no more than was left"
    assert next_page - second > 0.7
    assert max(of_all) - min(of_all) < 0.7


# What is refused before anything is sent


@pytest.mark.parametrize(
    ("misuse", "told"),
    [
        (lambda t: t.where(True), "a condition is made like"),
        (lambda t: t.where({"id": 1}), r"spread a dict.*\*\*"),
        (lambda t: t.where("id = 1"), "not of a str"),
        (lambda t: t.where(col("id")), "alone is no condition"),
        (lambda t: t.order_by(1), "an order is a name"),
        (lambda t: t.order_by(col("id") == 1), "an order is a name"),
        (lambda t: t.select(col("id")), "a column's name is a str"),
        (lambda t: t.limit("5"), "limit takes a number of rows, not a str"),
        (lambda t: t.limit(True), "limit takes a number of rows"),
        (lambda t: t.page_size(2.5), "page_size takes a number of rows"),
        (lambda t: t.schema(None), "a schema's name is a str, not None"),
    ],
)
def test_a_step_that_makes_no_sense_is_refused(misuse: Callable[[Any], object], told: str) -> None:
    with pytest.raises(TypeError, match=told):
        misuse(rowgate.connect("localhost:1").table("t"))


@pytest.mark.parametrize(
    ("misuse", "told"),
    [
        (lambda t: t.limit(0), "limit must be 1 or more"),
        (lambda t: t.page_size(-1), "page_size must be 1 or more"),
        (lambda t: t.limit(2**63), "within 64 bits"),
        (lambda t: t.order_by("-"), "name is empty"),
        (lambda t: t.select(""), "name is empty"),
        (lambda t: t.schema(""), "the schema's name is empty"),
        (lambda t: t.where(a={1}), "column 'a': a set can't be sent"),
        (lambda t: t.where(**{"\ud800": 1}), "lone surrogate"),
    ],
)
def test_a_step_that_cant_be_sent_is_refused(misuse: Callable[[Any], object], told: str) -> None:
    with pytest.raises(rowgate.InvalidParameter, match=told) as caught:
        misuse(rowgate.connect("localhost:1").table("t"))
    assert caught.value.outcome is rowgate.Outcome.NOT_RUN


@pytest.mark.parametrize(
    ("misuse", "told"),
    [
        (lambda t: t.limit(5).page(), "page_size"),
        (lambda t: t.page(count="all"), "count is 'exact'"),
        (lambda t: t.limit(5).count(), "does not go with count"),
        (lambda t: t.get(), "get takes"),
        (lambda t: t.get(7, id=7), "get takes"),
    ],
)
async def test_a_read_that_makes_no_sense_is_refused(
    db: rowgate.Client, gateway: ScriptedGateway, misuse: Callable[[Any], Awaitable[object]], told: str
) -> None:
    with pytest.raises(TypeError, match=told):
        await misuse(db.table("t"))
    assert gateway.received == []


async def test_an_empty_key_is_refused(db: rowgate.Client, gateway: ScriptedGateway) -> None:
    with pytest.raises(rowgate.InvalidParameter, match="key names no column"):
        await db.table("t").get({})
    assert gateway.received == []


def test_what_needs_the_table_is_not_there_on_a_part_of_it() -> None:
    part = rowgate.connect("localhost:1").table("t").where(id=1)
    assert [name for name in ("get", "insert", "upsert", "schema") if hasattr(part, name)] == []


def test_a_page_size_beyond_the_wire_s_is_the_largest_there_is() -> None:
    table = rowgate.connect("localhost:1").table("t").page_size(2**40)
    assert table._asked.page_request("", "", 2**40, pb.COUNT_MODE_NONE).page_size == 2**31 - 1


def test_a_query_shows_itself_without_its_values() -> None:
    table = rowgate.connect("localhost:1").table("orders", schema="sales")
    assert repr(table) == "<TableRows 'sales.orders'>"
    query = table.where(card="4111").order_by("-id").limit(5)
    assert repr(query) == "<RowQuery 'sales.orders'.where(<Condition card = ?>).order_by(col('id').desc()).limit(5)>"
