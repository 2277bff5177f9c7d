"""ExecuteQuery: parameters, results and figures, the same on every engine."""

from __future__ import annotations

from decimal import Decimal

import pytest

import rowgate
from rowgate.v1 import query_service_pb2, query_service_pb2_grpc, result_pb2, value_pb2
from support.engines import Engine


async def test_named_parameters_are_bound_wherever_they_stand(db: rowgate.Database) -> None:
    result = await db.query("select :b as one, :a as two, :b as three", a=1, b=2)
    assert [tuple(row) for row in result] == [(2, 1, 2)]


async def test_positional_parameters_are_bound_in_order(db: rowgate.Database) -> None:
    result = await db.query("select ? as one, ? as two", "x", 7)
    assert tuple(result.one()) == ("x", 7)


async def test_what_only_looks_like_a_parameter_is_none(db: rowgate.Database, engine: Engine) -> None:
    cast = "'9'::text" if engine.name == "postgresql" else "'9'"
    sql = f"select ':noon' as a, '10%' as b, {cast} as c, 'it''s ? %s' as d, 1 /* :y ? */ as e -- :x ?"
    assert tuple((await db.query(sql)).one()) == (":noon", "10%", "9", "it's ? %s", 1)


async def test_percent_signs_pass_beside_parameters(db: rowgate.Database) -> None:
    sql = "select '100%' as a, '%s' as b, '%(x)s' as c, :x as d, 7 % 4 as e"
    assert tuple((await db.query(sql, x="%s")).one()) == ("100%", "%s", "%(x)s", "%s", 3)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "it's",
        'a "quoted" word',
        "back\\slash \\' \\",
        "' OR 1=1 -- ",
        "中' OR 1=1 -- ",
        "\\'; drop table things; -- ",
        "` ; : ? $1 %s %(x)s /* */ #",
        "tab\tnewline\ncarriage\r",
        "\x01\x1a\x7f",
        "é ß 日本語 🦆 \U0010ffff",
        "'",
        "\\",
    ],
)
async def test_text_comes_back_as_it_went(db: rowgate.Database, text: str) -> None:
    assert (await db.query("select :x as x", x=text)).scalar() == text
    assert (await db.query("select ? as x", text)).scalar() == text


@pytest.mark.parametrize("octets", [b"", b"\x00", b"\\' OR 1=1 -- ", bytes(range(256)), b"\xff\xfe"])
async def test_bytes_come_back_as_they_went(db: rowgate.Database, octets: bytes) -> None:
    assert (await db.query("select :x as x", x=octets)).scalar() == octets


@pytest.mark.parametrize("number", [0, 1, -1, 2**31, -(2**31) - 1, 2**53 + 1, 2**63 - 1, -(2**63)])
async def test_integers_come_back_as_they_went(db: rowgate.Database, number: int) -> None:
    assert (await db.query("select :x as x", x=number)).scalar() == number


@pytest.mark.parametrize("number", [0.0, 0.1, -1.5, 1e300, 5e-324, 1.7976931348623157e308, 2.5])
async def test_doubles_come_back_as_they_went(db: rowgate.Database, number: float) -> None:
    found = (await db.query("select :x as x", x=number)).scalar()
    assert found == number
    assert isinstance(found, float)


async def test_null_is_told_apart_from_an_empty_text(db: rowgate.Database) -> None:
    assert tuple((await db.query("select :a as a, :b as b", a=None, b="")).one()) == (None, "")


async def test_booleans_are_conditions(db: rowgate.Database) -> None:
    assert (await db.query("select 1 as x where :x", x=True)).rows
    assert not (await db.query("select 1 as x where :x", x=False)).rows


async def test_rows_are_both_mappings_and_tuples(db: rowgate.Database) -> None:
    row = (await db.query("select 1 as a, 'x' as b")).one()
    assert (row["a"], row[1], tuple(row), row.as_dict()) == (1, "x", (1, "x"), {"a": 1, "b": "x"})


async def test_names_of_columns_may_repeat(db: rowgate.Database) -> None:
    result = await db.query("select 1 as a, 2 as a")
    assert [column.name for column in result.columns] == ["a", "a"]
    assert tuple(result.one()) == (1, 2)


async def test_a_result_without_rows_still_has_its_columns(db: rowgate.Database) -> None:
    result = await db.query("select 1 as a, 'x' as b where 1 = 0")
    assert [column.name for column in result.columns] == ["a", "b"]
    assert result.rows == []


async def test_columns_tell_their_type(db: rowgate.Database, table: str, engine: Engine) -> None:
    columns = (await db.query(f"select id, name, amount from {table}")).columns
    types = [column.type for column in columns]
    if engine.dynamic:
        assert types == [rowgate.ColumnType.DYNAMIC] * 3
    else:
        assert types == [rowgate.ColumnType.INT, rowgate.ColumnType.STRING, rowgate.ColumnType.DECIMAL]
        assert all(column.database_type for column in columns)


async def test_writes_count_their_rows(db: rowgate.Database, table: str) -> None:
    inserted = await db.query(f"insert into {table} (id, name) values (1, 'a'), (2, 'b'), (3, 'c')")
    assert (inserted.affected_rows, inserted.columns, inserted.rows) == (3, (), [])
    assert (await db.query(f"update {table} set name = 'z' where id > :id", id=1)).affected_rows == 2
    assert (await db.query(f"delete from {table} where id = :id", id=99)).affected_rows == 0
    assert (await db.query(f"delete from {table}")).affected_rows == 3


async def test_an_update_that_changes_nothing_counts_the_rows_it_matched(db: rowgate.Database, table: str) -> None:
    await db.query(f"insert into {table} (id, name) values (1, 'a'), (2, 'a')")
    assert (await db.query(f"update {table} set name = 'a'")).affected_rows == 2


async def test_what_is_no_write_affects_no_rows(db: rowgate.Database, table: str) -> None:
    assert (await db.query(f"select * from {table}")).affected_rows is None
    assert (await db.query(f"create index {table}_by_name on {table} (name)")).affected_rows is None


async def test_returning_gives_rows_and_counts_them(db: rowgate.Database, table: str) -> None:
    result = await db.query(f"insert into {table} (id, name) values (1, 'a'), (2, 'b') returning id, name")
    assert [tuple(row) for row in result] == [(1, "a"), (2, "b")]
    assert result.affected_rows == 2


async def test_a_generated_key_is_told_where_the_engine_tells_it(db: rowgate.Database, engine: Engine) -> None:
    kind = {
        "sqlite": "integer primary key",
        "mariadb": "integer primary key auto_increment",
        "postgresql": "serial primary key",
    }[engine.name]
    await db.query(f"create table keyed (id {kind}, name varchar(9))")
    try:
        first = await db.query("insert into keyed (name) values ('a')")
        second = await db.query("insert into keyed (name) values ('b')")
        updated = await db.query("update keyed set name = 'c'")
    finally:
        await db.query("drop table keyed")
    expected = [None, None] if engine.name == "postgresql" else [1, 2]
    assert [first.last_insert_id, second.last_insert_id] == expected
    assert updated.last_insert_id is None


async def test_a_statement_is_a_transaction_of_its_own(db: rowgate.Database, table: str) -> None:
    with pytest.raises(rowgate.DuplicateKey):
        await db.query(f"insert into {table} (id, name) values (1, 'a'), (2, 'b'), (1, 'c')")
    assert (await db.query(f"select count(*) as n from {table}")).scalar() == 0


async def test_a_result_is_cut_at_max_rows_and_says_so(db: rowgate.Database, engine: Engine) -> None:
    result = await db.with_options(max_rows=10).query(engine.series.format(n=1000))
    assert [row[0] for row in result] == list(range(1, 11))
    assert (result.truncated, result.truncation_reason) == (True, rowgate.TruncationReason.MAX_ROWS)


async def test_a_result_of_just_max_rows_is_whole(db: rowgate.Database, engine: Engine) -> None:
    result = await db.with_options(max_rows=10).query(engine.series.format(n=10))
    assert (len(result), result.truncated) == (10, False)


async def test_a_result_is_cut_before_max_bytes_and_says_so(db: rowgate.Database, engine: Engine) -> None:
    # A number counts for 8 bytes.
    result = await db.with_options(max_bytes=100).query(engine.series.format(n=1000))
    assert (len(result), result.truncation_reason) == (12, rowgate.TruncationReason.MAX_BYTES)


async def test_a_long_result_that_was_cut_leaves_the_next_call_alone(db: rowgate.Database, engine: Engine) -> None:
    for _ in range(5):
        assert len(await db.with_options(max_rows=1).query(engine.series.format(n=3_000_000))) == 1
        assert (await db.query("select 42 as x")).scalar() == 42


async def test_a_unary_result_over_the_cap_fails_and_names_the_way_out(db: rowgate.Database, engine: Engine) -> None:
    with pytest.raises(rowgate.ResultTooLarge) as caught:
        await db.query(engine.series.format(n=100_001))
    assert caught.value.metadata["limit"] == "100000 rows"
    assert "StreamQuery" in caught.value.metadata["hint"]
    assert (await db.query("select 1 as x")).scalar() == 1


async def test_a_unary_result_of_too_many_bytes_fails(db: rowgate.Database, engine: Engine) -> None:
    wide = {"sqlite": "hex(zeroblob(500000))", "mariadb": "repeat('x', 1000000)", "postgresql": "repeat('x', 1000000)"}
    sql = f"select {wide[engine.name]} as w from ({engine.series.format(n=100)}) as numbers"
    with pytest.raises(rowgate.ResultTooLarge):
        await db.query(sql)
    assert (await db.query("select 1 as x")).scalar() == 1


async def test_a_read_only_call_reads_and_does_not_write(db: rowgate.Database, table: str) -> None:
    reading = db.with_options(read_only=True)
    assert (await reading.query(f"select count(*) as n from {table}")).scalar() == 0
    for sql in (
        f"insert into {table} (id, name) values (1, 'a')",
        f"update {table} set name = 'b'",
        f"delete from {table}",
        f"drop table {table}",
    ):
        with pytest.raises(rowgate.ReadOnly):
            await reading.query(sql)
    await db.query(f"insert into {table} (id, name) values (1, 'a')")
    assert (await db.query(f"select count(*) as n from {table}")).scalar() == 1


async def test_the_default_database_is_none_where_there_are_several(client: rowgate.Client) -> None:
    with pytest.raises(rowgate.UnknownDatabase):
        await client.query("select 1 as x")


async def test_the_stats_tell_the_time_and_name_the_query(db: rowgate.Database) -> None:
    first, second = await db.query("select 1 as x"), await db.query("select 1 as x")
    assert first.elapsed.total_seconds() > 0
    assert first.query_id != second.query_id


async def test_decimals_keep_their_scale(db: rowgate.Database, engine: Engine, table: str) -> None:
    await db.query(f"insert into {table} (id, name, amount) values (1, 'a', :x)", x=Decimal("1.50"))
    amount = (await db.query(f"select amount from {table}")).scalar()
    # SQLite keeps a DECIMAL column's cells as binary numbers.
    assert amount == Decimal("1.50")
    assert isinstance(amount, float if engine.dynamic else Decimal)


async def test_a_value_is_told_by_its_kind_on_the_wire(
    queries: query_service_pb2_grpc.QueryServiceAsyncStub, engine: Engine
) -> None:
    request = query_service_pb2.ExecuteQueryRequest(
        database=engine.name,
        sql="select :a as a, :b as b, null as c",
        params={"a": value_pb2.Value(int_value=5), "b": value_pb2.Value(string_value="x")},
    )
    response = await queries.ExecuteQuery(request)
    kinds = [value.WhichOneof("kind") for value in response.result.rows[0].values]
    assert kinds == ["int_value", "string_value", "null_value"]
    assert response.result.columns[0].type in (result_pb2.COLUMN_TYPE_INT, result_pb2.COLUMN_TYPE_DYNAMIC)


@pytest.mark.parametrize("sql", ["select 1 :a", "select 'x' :a", "select 1 as :a", "select :a :a"])
async def test_a_value_is_never_a_name_or_a_part_of_another_value(db: rowgate.Database, sql: str) -> None:
    with pytest.raises(rowgate.RequestError) as caught:
        await db.query(sql, a="foo")
    assert caught.value.outcome in (rowgate.Outcome.NOT_RUN, rowgate.Outcome.ROLLED_BACK)
