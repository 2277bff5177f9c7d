"""docs/types.md is true: every type of every engine, in both directions, at its extremes."""

from __future__ import annotations

import importlib
import itertools
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from typing import Any, TypeAlias, cast

import grpc.aio
import pytest

import rowgate
from rowgate._decode import decode
from rowgate.v1 import query_service_pb2, query_service_pb2_grpc, result_pb2, value_pb2
from support.types import page
from support.types.example import NULL, Arm, Example
from support.types.mariadb import nearest_float

VALUES: dict[str, dict[str, list[Example]]] = {
    engine: importlib.import_module(f"support.types.{engine}").VALUES for engine in ("sqlite", "mariadb", "postgresql")
}
TYPES = [(engine, declared) for engine, types in VALUES.items() for declared in types]
# An infinite decimal, or one that is no number, is read but refused as a parameter.

COMPARED = [
    *(("sqlite", declared) for declared in ("BLOB", "INTEGER", "TEXT")),
    *(
        ("mariadb", declared)
        for declared in (
            *("BIGINT UNSIGNED", "DECIMAL(65,30)", "FLOAT", "DOUBLE", "BIT(64)", "VARCHAR(60)", "VARBINARY(256)"),
            *("DATE", "TIME(6)", "DATETIME(6)", "TIMESTAMP(6)", "YEAR", "SET('a', 'b c', '🦆')", "UUID", "INET6"),
        )
    ),
    *(
        ("postgresql", declared)
        for declared in (
            *("bigint", "numeric(10,2)", "real", "double precision", "text", "bytea", "date", "time"),
            *("timestamp", "timestamp with time zone", "interval", "jsonb", "uuid", "bit(12)", "inet", "money"),
            *("tstzrange", "tsvector", "mood", "price", "pricerange", "integer[]", "text[]", "inet[]", "mood[]"),
        )
    ),
]

Query: TypeAlias = "query_service_pb2_grpc.QueryServiceAsyncStub"


@dataclass(frozen=True, slots=True)
class Filled:
    """A table whose columns `c` and `d` are of one type: the values as they were written and are to be read.

    The last row has NULL in `c`; `d` is never NULL.
    """

    engine: str
    declared: str
    table: str
    wanted: list[value_pb2.Value]
    examples: list[Example]

    @property
    def claim(self) -> page.Claim:
        return page.claims(self.engine)[self.declared]


_numbers = itertools.count(1)


@pytest.fixture(scope="module")
def stub(channel: grpc.aio.Channel) -> Query:
    return cast("Query", query_service_pb2_grpc.QueryServiceStub(channel))


async def run(stub: Query, engine: str, sql: str, *values: value_pb2.Value) -> result_pb2.ResultSet:
    request = query_service_pb2.ExecuteQueryRequest(database=engine, sql=sql, positional_params=values)
    return (await stub.ExecuteQuery(request)).result


@pytest.fixture(scope="module")
async def own_types(stub: Query) -> AsyncIterator[None]:
    statements = page.own_types()
    for statement in statements:
        await run(stub, "postgresql", statement)
    yield
    for statement in reversed(statements):
        _, kind, name, *_ = statement.split()
        await run(stub, "postgresql", f"DROP {kind} {name}")


@pytest.fixture(scope="module", params=TYPES, ids=lambda pair: f"{pair[0]}-{pair[1]}")
async def filled(request: pytest.FixtureRequest, stub: Query, own_types: None) -> AsyncIterator[Filled]:
    del own_types  # only that they are there
    engine, declared = request.param
    table = f"typed_{next(_numbers)}"
    null = "" if engine == "sqlite" else "NULL"
    await run(
        stub, engine, f"create table {table} (id integer primary key, c {declared} {null}, d {declared} not null)"
    )
    examples = VALUES[engine][declared]
    wanted = []
    for number, (example, sent) in enumerate(each_way(examples), 1):
        await run(stub, engine, f"insert into {table} values (?, ?, ?)", message(number), message(sent), message(sent))
        wanted.append(example.read.message())
    last = [message(value) for value in (NULL, examples[0].sent[0])]
    await run(stub, engine, f"insert into {table} values (?, ?, ?)", message(len(wanted) + 1), *last)
    yield Filled(engine, declared, table, [*wanted, NULL.message()], examples)
    await run(stub, engine, f"drop table {table}")


def each_way(examples: list[Example]) -> Iterator[tuple[Example, Arm]]:
    return ((example, sent) for example in examples for sent in example.sent)


def message(value: int | Arm) -> value_pb2.Value:
    return value.message() if isinstance(value, Arm) else Arm("int_value", value).message()


def exact(value: value_pb2.Value) -> str:
    """Text that tells -0 from 0, and is equal for two NaNs."""
    return str(value)


def column(result: result_pb2.ResultSet, name: str) -> list[value_pb2.Value]:
    (at,) = [index for index, column in enumerate(result.columns) if column.name == name]
    return [row.values[at] for row in result.rows]


# The page and the tests


@pytest.mark.parametrize("engine", VALUES)
def test_every_type_on_the_page_has_values_here_and_no_other_has(engine: str) -> None:
    assert set(page.claims(engine)) == set(VALUES[engine])


# Reading


async def test_every_value_is_read_as_it_was_stored(filled: Filled, stub: Query) -> None:
    result = await run(stub, filled.engine, f"select c, d from {filled.table} order by id")
    assert list(map(exact, column(result, "c"))) == list(map(exact, filled.wanted))
    assert list(map(exact, column(result, "d")))[:-1] == list(map(exact, filled.wanted))[:-1]


async def test_a_stream_reads_the_same(filled: Filled, stub: Query) -> None:
    request = query_service_pb2.StreamQueryRequest(
        database=filled.engine, sql=f"select c from {filled.table} order by id"
    )
    chunks = [chunk.result async for chunk in stub.StreamQuery(request)]
    cells = [row.values[0] for chunk in chunks for row in chunk.rows]
    assert list(map(exact, cells)) == list(map(exact, filled.wanted))
    assert [column.type for column in chunks[0].columns] == [column_type(filled.claim)]


async def test_the_column_tells_what_the_page_says(filled: Filled, stub: Query) -> None:
    result = await run(stub, filled.engine, f"select c, d, id from {filled.table} where 1 = 0")
    claim = filled.claim
    tells = filled.engine != "sqlite"
    for told, nullable in zip(result.columns, (True, False), strict=False):
        assert told.type == column_type(claim)
        assert told.database_type == claim.database_type
        assert (told.precision if told.HasField("precision") else None) == claim.precision
        assert (told.scale if told.HasField("scale") else None) == claim.scale
        assert told.HasField("nullable") is tells
        assert not tells or told.nullable is nullable
        assert told.table == (filled.table if tells else "")


def column_type(claim: page.Claim) -> int:
    return result_pb2.ColumnType.Value(f"COLUMN_TYPE_{claim.column_type}")


def test_the_values_use_the_arms_that_the_page_names_and_all_of_them(filled: Filled) -> None:
    reads = [example.read for example in filled.examples]
    assert {read.name for read in reads} == filled.claim.arms
    assert {member.name for member in members(reads)} == filled.claim.members


def members(reads: list[Arm]) -> list[Arm]:
    lists = [member for read in reads if read.name == "list_value" for member in read.content if member is not None]
    return [inner for member in lists for inner in (members([member]) if member.name == "list_value" else [member])]


# The Python client


async def test_python_reads_the_objects_that_the_page_names(filled: Filled, client: rowgate.Client) -> None:
    rows = await client.using(filled.engine).query(f"select c from {filled.table} order by id")
    cells = rows.scalars()
    assert repr(cells) == repr([decode(value) for value in filled.wanted])
    assert {type(cell).__name__ for cell in cells if cell is not None} == filled.claim.objects
    inner = {type(member).__name__ for cell in cells if isinstance(cell, list) for member in flat(cell)}
    assert inner - {"NoneType"} == filled.claim.member_objects


def flat(cells: list[Any]) -> Iterator[Any]:
    for cell in cells:
        yield from flat(cell) if isinstance(cell, list) else [cell]


async def test_what_python_read_it_can_write_back(filled: Filled, stub: Query, client: rowgate.Client) -> None:
    db = client.using(filled.engine)
    copy = f"{filled.table}_copy"
    await db.query(f"create table {copy} (id integer primary key, c {filled.declared})")
    try:
        cells = (await db.query(f"select c from {filled.table} order by id")).scalars()
        for number, cell in enumerate(cells):
            await db.query(f"insert into {copy} values (:id, :cell)", id=number, cell=cell)
        again = await run(stub, filled.engine, f"select c from {copy} order by id")
    finally:
        await db.query(f"drop table {copy}")
    assert list(map(exact, column(again, "c"))) == list(map(exact, filled.wanted))


@pytest.mark.parametrize("filled", COMPARED, indirect=True, ids="-".join, scope="module")
async def test_what_python_read_finds_its_row(filled: Filled, client: rowgate.Client) -> None:
    db = client.using(filled.engine)
    cells = (
        await db.query(f"select c from {filled.table} where id <= :n order by id", n=len(filled.wanted) - 1)
    ).scalars()
    assert cells
    for cell in cells:
        found = (await db.query(f"select c from {filled.table} where c = :cell", cell=cell)).scalars()
        assert repr(cell) in map(repr, found)


# The binary protocol of MariaDB's, which a result comes over when there is a FLOAT in it


@pytest.mark.parametrize(
    "filled",
    [pair for pair in TYPES if pair[0] == "mariadb"],
    indirect=True,
    ids="-".join,
    scope="module",
)
async def test_beside_a_float_every_value_is_read_as_it_was_stored(filled: Filled, stub: Query) -> None:
    sql = f"select cast(0.1 as float) as f, c from {filled.table} order by id"
    result = await run(stub, "mariadb", sql)
    assert list(map(exact, column(result, "c"))) == list(map(exact, filled.wanted))
    assert {value.double_value for value in column(result, "f")} == {nearest_float(0.1)}
    assert result.columns[1].type == column_type(filled.claim)
    streamed = stub.StreamQuery(query_service_pb2.StreamQueryRequest(database="mariadb", sql=sql))
    cells = [row.values[1] for chunk in [chunk async for chunk in streamed] for row in chunk.result.rows]
    assert list(map(exact, cells)) == list(map(exact, filled.wanted))
