"""One result in three encodings through the real gateway: the same cells, for every type that an engine has."""

from __future__ import annotations

import itertools
from collections.abc import AsyncIterator, Sequence
from typing import Any, TypeAlias

import pyarrow as pa
import pytest

import rowgate
from rowgate._results import Result
from rowgate.v1 import query_service_pb2_grpc
from rowgate.v1.query_service_pb2 import ExecuteQueryRequest, QueryOptions, StreamQueryRequest
from rowgate.v1.result_pb2 import (
    RESULT_ENCODING_ARROW,
    RESULT_ENCODING_COLUMNS,
    RESULT_ENCODING_ROWS,
    QueryStats,
    ResultEncoding,
    ResultSet,
    TruncationReason,
)
from support.encodings import READERS, Reader, read_arrow, read_columns, read_rows
from support.engines import Engine
from support.wide import wide_table

Queries: TypeAlias = "query_service_pb2_grpc.QueryServiceAsyncStub"

_numbers = itertools.count(1)


@pytest.fixture
async def wide(db: rowgate.Database, engine: Engine) -> AsyncIterator[str]:
    """SQL that reads a table of every type, in the order it was written."""
    name = f"wide_{next(_numbers)}"
    create, *inserts = wide_table(engine.name, name)
    await db.query(create)
    try:
        for insert in inserts:
            await db.query(insert)
        yield f"select * from {name} order by id"
    finally:
        await db.query(f"drop table {name}")


async def executed(
    queries: Queries, engine: Engine, sql: str, encoding: ResultEncoding.ValueType, **options: Any
) -> tuple[list[ResultSet], QueryStats]:
    request = ExecuteQueryRequest(database=engine.name, sql=sql, options=QueryOptions(encoding=encoding, **options))
    response = await queries.ExecuteQuery(request)
    return [response.result], response.stats


async def streamed(
    queries: Queries, engine: Engine, sql: str, encoding: ResultEncoding.ValueType, **options: Any
) -> tuple[list[ResultSet], QueryStats]:
    request = StreamQueryRequest(database=engine.name, sql=sql, options=QueryOptions(encoding=encoding, **options))
    messages = [message async for message in queries.StreamQuery(request)]
    return [message.result for message in messages], messages[-1].stats


@pytest.fixture(params=[executed, streamed])
def ask(request: pytest.FixtureRequest) -> Any:
    return request.param


async def test_every_encoding_says_the_same_of_every_type(
    queries: Queries, engine: Engine, wide: str, ask: Any
) -> None:
    tables = [read((await ask(queries, engine, wide, encoding))[0]) for encoding, read in READERS.items()]
    assert tables[0] == tables[1] == tables[2]
    assert set(tables[0][-1][1:]) == {None}
    assert len(tables[0]) > 2


async def test_the_client_makes_the_same_of_columns_as_of_rows(
    db: rowgate.Database, queries: Queries, engine: Engine, wide: str
) -> None:
    (message,), stats = await executed(queries, engine, wide, RESULT_ENCODING_ROWS)
    expected = Result.from_wire(message, stats)
    found = await db.query(wide)
    assert found.columns == expected.columns
    assert list(map(described, found)) == list(map(described, expected))
    assert list(map(described, [row async for row in db.stream(wide)])) == list(map(described, expected))
    for at in range(len(expected.columns)):
        assert described((await db.query(wide)).scalars(at)) == described(expected.scalars(at))


def described(cells: Sequence[Any]) -> list[tuple[type, str]]:
    """Values with their types; by their words, for NaN is not equal to itself."""
    return [(type(cell), repr(cell)) for cell in cells]


async def test_every_type_fits_into_a_table_and_a_frame(db: rowgate.Database, wide: str) -> None:
    result = await db.query(wide)
    table, frame = result.to_arrow(), result.to_pandas()
    table.validate(full=True)
    assert table.column_names == list(frame.columns) == [column.name for column in result.columns]
    assert table.num_rows == len(frame) == len(result)
    for at in range(1, table.num_columns):
        assert table.column(at)[-1].as_py() is None
        assert frame.iloc[:, at].isna().iloc[-1]


async def test_a_long_stream_is_the_same_in_every_encoding(queries: Queries, engine: Engine) -> None:
    series = engine.series.format(n=60_000)
    sql = f"select i, nullif(i % 3, 0) as m, case when i > 59999 then 'last' else '' end as t from ({series}) as s"
    lengths = {}
    for encoding, read in READERS.items():
        messages, stats = await streamed(queries, engine, sql, encoding)
        table = read(messages)
        lengths[encoding] = len(messages)
        assert [row[0] for row in table] == [("int", number) for number in range(1, 60_001)]
        assert [row[1] for row in table[:3]] == [("int", 1), ("int", 2), None]
        assert table[-1][2] == ("string", "last")
        assert stats.row_count == 60_000
    assert lengths[RESULT_ENCODING_ROWS] > lengths[RESULT_ENCODING_COLUMNS] > 2


@pytest.mark.parametrize(("encoding", "read"), READERS.items())
async def test_an_empty_result_has_its_columns_in_every_encoding(
    queries: Queries, engine: Engine, ask: Any, encoding: ResultEncoding.ValueType, read: Reader
) -> None:
    messages, stats = await ask(queries, engine, "select 1 as a, 'x' as b where 1 = 0", encoding)
    assert read(messages) == []
    assert [column.name for column in messages[0].columns] == ["a", "b"]
    assert stats.row_count == 0


@pytest.mark.parametrize(("encoding", "read"), READERS.items())
async def test_a_statement_without_a_result_is_none_in_every_encoding(
    queries: Queries, engine: Engine, ask: Any, table: str, encoding: ResultEncoding.ValueType, read: Reader
) -> None:
    messages, stats = await ask(queries, engine, f"insert into {table} (id, name) values (1, 'a')", encoding)
    assert read(messages) == []
    assert not any(message.columns for message in messages)
    assert stats.affected_rows == 1


@pytest.mark.parametrize(("encoding", "read"), READERS.items())
async def test_a_result_is_cut_at_the_same_row_in_every_encoding(
    queries: Queries, engine: Engine, ask: Any, encoding: ResultEncoding.ValueType, read: Reader
) -> None:
    sql = engine.series.format(n=30_000)
    for limits, reason in (
        ({"max_rows": 10_000}, TruncationReason.TRUNCATION_REASON_MAX_ROWS),
        ({"max_bytes": 80_007}, TruncationReason.TRUNCATION_REASON_MAX_BYTES),
    ):
        messages, stats = await ask(queries, engine, sql, encoding, **limits)
        assert len(read(messages)) == stats.row_count == 10_000
        assert (stats.truncated, stats.truncation_reason) == (True, reason)


@pytest.mark.engines("postgresql")
async def test_rows_without_columns_are_counted_by_the_client(db: rowgate.Database) -> None:
    result = await db.query("select from generate_series(1, 3)")
    assert list(map(tuple, result)) == [(), (), ()]
    assert len(result.to_arrow().schema) == 0


async def test_names_of_columns_may_repeat_in_every_encoding(queries: Queries, engine: Engine, ask: Any) -> None:
    for encoding, read in READERS.items():
        messages, _ = await ask(queries, engine, "select 1 as a, 2 as a", encoding)
        assert read(messages) == [(("int", 1), ("int", 2))]


@pytest.mark.engines("mariadb")
async def test_the_digits_of_an_expression_are_all_there_in_arrow(queries: Queries, engine: Engine) -> None:
    """`round(x, n)` has a digit more than MariaDB tells of it, `x * x` more than it ever tells."""
    sql = (
        "select round(a, n) as rounded, m * m as squared, sum(a) as total, a / 3 as part from "
        "(select cast(9999999999.99 as decimal(12, 2)) as a, 1 as n, "
        "cast(123456789012345678901234567.1 as decimal(65, 38)) as m) as numbers"
    )
    (rows,), _ = await executed(queries, engine, sql, RESULT_ENCODING_ROWS)
    (arrow,), _ = await executed(queries, engine, sql, RESULT_ENCODING_ARROW)
    assert read_arrow([arrow]) == read_rows([rows])
    types = pa.ipc.open_stream(arrow.arrow_ipc).schema.types
    assert [pa.types.is_decimal(kind) for kind in types] == [True, False, True, True]


async def test_columns_are_smaller_than_rows(queries: Queries, engine: Engine) -> None:
    sql = f"select i, i * 2 as j, i % 7 as k from ({engine.series.format(n=5000)}) as s"
    (rows,), _ = await executed(queries, engine, sql, RESULT_ENCODING_ROWS)
    (columns,), _ = await executed(queries, engine, sql, RESULT_ENCODING_COLUMNS)
    assert read_columns([columns]) == read_rows([rows])
    assert columns.ByteSize() < rows.ByteSize()
