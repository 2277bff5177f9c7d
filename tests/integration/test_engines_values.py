"""Any value that goes into a real MariaDB or PostgreSQL as a parameter comes back as it was, and is never SQL."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

import asyncmy
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from rowgate_server.engines import isotime
from rowgate_server.engines.deadline import Deadline
from rowgate_server.engines.dialects.mysql.literals import literal
from rowgate_server.engines.executor import Call, Executor
from rowgate_server.engines.limits import ResultLimits
from rowgate_server.engines.results import Result
from rowgate_server.engines.values import NULL, Array, BoundStatement, BoundValue, ValueType
from rowgate_server.errors import Reason, RowgateError
from support.direct import driver_of, pool_of
from support.mariadb import MariaDB
from support.postgresql import PostgreSQL
from support.throwaway import DATABASE, HOST, PASSWORD, USER, ThrowawayServer

V = ValueType


class Served:
    """One database, without the gateway around it."""

    def __init__(self, executor: Executor) -> None:
        self._executor = executor

    async def run(self, sql: str, *values: BoundValue) -> Result:
        """Run SQL in which § stands for each value."""
        statement = BoundStatement(tuple(sql.split("§")), values)
        call = Call(statement, Deadline.soonest((30, "the test")), ResultLimits(), "id", sql.startswith("select"))
        return await self._executor.run(call)

    async def there_and_back(self, value_type: ValueType, values: Sequence[Any]) -> tuple[list[Any], set[ValueType]]:
        """The cells of one row that selects every value, and their columns' types."""
        sql = "select " + ", ".join(f"§ as c{index}" for index in range(len(values)))
        result = await self.run(sql, *(BoundValue(value_type, value) for value in values))
        (row,) = result.rows
        return list(row), {column.type for column in result.columns}


@asynccontextmanager
async def serving(server: ThrowawayServer) -> AsyncIterator[Served]:
    async with driver_of(server) as driver, pool_of(driver) as pool:
        yield Served(Executor(driver, pool))


@pytest.fixture(scope="module")
async def mariadb(mariadb_server: MariaDB) -> AsyncIterator[Served]:
    async with serving(mariadb_server) as served:
        yield served


@pytest.fixture(scope="module")
async def postgresql(postgresql_server: PostgreSQL) -> AsyncIterator[Served]:
    async with serving(postgresql_server) as served:
        yield served


def some(values: st.SearchStrategy[Any]) -> st.SearchStrategy[list[Any]]:
    return st.lists(values, min_size=1, max_size=8)


def decimal_text(unscaled: int, scale: int) -> str:
    return format(Decimal((unscaled < 0, tuple(map(int, str(abs(unscaled)))), -scale)), "f")


def zoned(moment: datetime, offset: int) -> str:
    return moment.replace(tzinfo=timezone(timedelta(seconds=offset))).isoformat(timespec="microseconds")


def in_utc(text: str) -> str:
    return datetime.fromisoformat(text).astimezone(UTC).isoformat(timespec="microseconds")


HOSTILE = st.text(st.sampled_from("'\"\\`;-/*#%:?$ \x01\x1a\r\n中\u00a5\u02bc\uff07a"), max_size=20)
TEXT = st.text() | HOSTILE
INJECTIONS = (
    "' OR 1=1 -- ",
    "\\' OR 1=1 -- ",
    "中' OR 1=1 -- ",
    "\\",
    "'",
    '" OR 1=1 -- ',
    "';select 1;--",
    "\ud7ff\U0010ffff",
)
DECIMALS = st.builds(decimal_text, st.integers(-(10**65) + 1, 10**65 - 1), st.integers(0, 30))
INSTANTS = st.datetimes(datetime(2, 1, 1), datetime(9998, 12, 31))
TIMESTAMPS = st.builds(zoned, INSTANTS, st.integers(-899, 899).map(lambda minutes: minutes * 60))
DURATIONS = st.integers(-3_020_399_999_999, 3_020_399_999_999).map(
    lambda micros: ("-" if micros < 0 else "") + isotime.time_from_micros(abs(micros))
)
DATETIMES = st.datetimes().map(lambda moment: moment.isoformat(timespec="microseconds"))
DATES = st.dates().map(lambda day: day.isoformat())


def same(value: Any) -> Any:
    return value


def without_sign_of_zero(text: str) -> str:
    return text.removeprefix("-") if not Decimal(text) else text


# What goes in, as which type it comes back, and how it looks then.
MARIADB: dict[str, tuple[ValueType, st.SearchStrategy[Any], set[ValueType], Callable[[Any], Any]]] = {
    "text": (V.STRING, TEXT, {V.STRING}, same),
    "bytes": (V.BYTES, st.binary(), {V.BYTES}, same),
    "int64": (V.INT, st.integers(-(2**63), 2**63 - 1), {V.INT}, same),
    "uint64": (V.UINT, st.integers(0, 2**64 - 1), {V.INT, V.UINT}, same),
    # The server drops the sign of a zero.
    "double": (V.DOUBLE, st.floats(allow_nan=False, allow_infinity=False), {V.DOUBLE}, lambda number: number or 0.0),
    "decimal": (V.DECIMAL, DECIMALS, {V.DECIMAL}, without_sign_of_zero),
    "date": (V.DATE, DATES, {V.DATE}, same),
    "datetime": (V.DATETIME, DATETIMES, {V.DATETIME}, same),
    # A literal has no zone: it is UTC, as the session is.
    "timestamp": (V.TIMESTAMP, TIMESTAMPS, {V.DATETIME}, lambda text: in_utc(text).removesuffix("+00:00")),
    "time": (V.TIME, DURATIONS, {V.TIME}, same),
    "uuid": (V.UUID, st.uuids().map(str), {V.STRING}, same),
    "truth": (V.BOOL, st.booleans(), {V.INT}, int),
}


@pytest.mark.parametrize("name", MARIADB)
@given(data=st.data())
async def test_any_value_comes_back_from_mariadb(mariadb: Served, name: str, data: st.DataObject) -> None:
    value_type, strategy, types, expected = MARIADB[name]
    values = data.draw(some(strategy))
    cells, column_types = await mariadb.there_and_back(value_type, values)
    assert list(map(repr, cells)) == [repr(expected(value)) for value in values]
    assert column_types <= types


POSTGRESQL: dict[str, tuple[ValueType, st.SearchStrategy[Any], set[ValueType], Callable[[Any], Any]]] = {
    "text": (V.STRING, TEXT.map(lambda text: text.replace("\0", "")), {V.STRING}, same),
    "bytes": (V.BYTES, st.binary(), {V.BYTES}, same),
    "int64": (V.INT, st.integers(-(2**63), 2**63 - 1), {V.INT}, same),
    "small uint64": (V.UINT, st.integers(0, 2**63 - 1), {V.INT}, same),
    "large uint64": (V.UINT, st.integers(2**63, 2**64 - 1), {V.DECIMAL}, str),
    "double": (V.DOUBLE, st.floats(), {V.DOUBLE}, same),
    "decimal": (V.DECIMAL, DECIMALS, {V.DECIMAL}, without_sign_of_zero),
    "date": (V.DATE, st.integers(-2_451_545, 2_145_031_948).map(isotime.date_from_days), {V.DATE}, same),
    "datetime": (
        V.DATETIME,
        st.integers(-211_813_488_000_000_000, 9_223_371_331_199_999_999).map(isotime.datetime_from_micros),
        {V.DATETIME},
        same,
    ),
    "timestamp": (V.TIMESTAMP, TIMESTAMPS, {V.TIMESTAMP}, in_utc),
    "time": (V.TIME, st.integers(0, isotime.DAY).map(isotime.time_from_micros), {V.TIME}, same),
    "interval": (
        V.INTERVAL,
        st.builds(
            isotime.interval_from_parts,
            st.integers(-(2**31), 2**31 - 1),
            st.integers(-(2**31), 2**31 - 1),
            st.integers(-(2**62), 2**62),
        ),
        {V.INTERVAL},
        same,
    ),
    "infinity": (V.DATETIME, st.sampled_from(["infinity", "-infinity"]), {V.DATETIME}, same),
    "infinite timestamp": (V.TIMESTAMP, st.sampled_from(["infinity", "-infinity"]), {V.TIMESTAMP}, same),
    "infinite date": (V.DATE, st.sampled_from(["infinity", "-infinity"]), {V.DATE}, same),
    "json": (V.JSON, st.sampled_from(['{"a": 1.0, "b": [null, "\\u00e9"]}', " [ ] ", '"x"']), {V.JSON}, same),
    "uuid": (V.UUID, st.uuids().map(str), {V.UUID}, same),
    "truth": (V.BOOL, st.booleans(), {V.BOOL}, same),
    "array": (
        V.LIST,
        st.lists(st.none() | st.integers(-(2**63), 2**63 - 1), min_size=1)
        .filter(any)
        .map(lambda numbers: [NULL if number is None else BoundValue(V.INT, number) for number in numbers]),
        {V.LIST},
        lambda members: Array(V.INT, [member.value for member in members]),
    ),
}


@pytest.mark.parametrize("name", POSTGRESQL)
@given(data=st.data())
async def test_any_value_comes_back_from_postgresql(postgresql: Served, name: str, data: st.DataObject) -> None:
    value_type, strategy, types, expected = POSTGRESQL[name]
    values = data.draw(some(strategy))
    cells, column_types = await postgresql.there_and_back(value_type, values)
    assert list(map(repr, cells)) == [repr(expected(value)) for value in values]
    assert column_types == types


async def test_null_comes_back_from_both(mariadb: Served, postgresql: Served) -> None:
    for served in (mariadb, postgresql):
        assert await served.there_and_back(V.NULL, [None, None]) in (
            ([None, None], {V.NULL}),
            ([None, None], {V.STRING}),
        )


TYPED = {
    "mariadb": (
        "u bigint unsigned, n decimal(65, 30), d double, t text character set utf8mb4, b blob, "
        "day date, moment datetime(6), instant timestamp(6) null, span time(6)"
    ),
    "postgresql": (
        "u numeric(20), n numeric(65, 30), d float8, t text, b bytea, "
        "day date, moment timestamp, instant timestamptz, span time"
    ),
}
# The years that MariaDB's TIMESTAMP has.
SHORT_INSTANTS = st.builds(
    zoned,
    st.datetimes(datetime(1971, 1, 1), datetime(2037, 12, 31)),
    st.sampled_from([0, 3600, -19_800, 45_900]),
)
ROWS = st.tuples(
    st.integers(0, 2**64 - 1),
    st.builds(decimal_text, st.integers(1, 10**65 - 1), st.just(30)),
    st.floats(allow_nan=False, allow_infinity=False).filter(bool),
    TEXT.map(lambda text: text.replace("\0", "")),
    st.binary(),
    DATES,
    DATETIMES,
    SHORT_INSTANTS,
    st.integers(0, isotime.DAY - 1).map(isotime.time_from_micros),
)
ROW_TYPES = (V.UINT, V.DECIMAL, V.DOUBLE, V.STRING, V.BYTES, V.DATE, V.DATETIME, V.TIMESTAMP, V.TIME)


@pytest.fixture(scope="module")
async def typed(mariadb: Served, postgresql: Served) -> AsyncIterator[dict[str, Served]]:
    both = {"mariadb": mariadb, "postgresql": postgresql}
    for name, served in both.items():
        await served.run(f"create table typed ({TYPED[name]})")
    yield both
    for served in both.values():
        await served.run("drop table typed")


@pytest.mark.parametrize("engine", TYPED)
@given(row=ROWS)
async def test_a_row_written_into_typed_columns_is_read_as_it_was(
    typed: dict[str, Served], engine: str, row: tuple[Any, ...]
) -> None:
    served = typed[engine]
    values = [BoundValue(value_type, value) for value_type, value in zip(ROW_TYPES, row, strict=True)]
    await served.run("delete from typed")
    await served.run(f"insert into typed values ({', '.join('§' for _ in row)})", *values)
    result = await served.run("select * from typed")
    number_type = V.UINT if engine == "mariadb" else V.DECIMAL
    assert [column.type for column in result.columns] == [number_type, *ROW_TYPES[1:]]
    (stored,) = result.rows
    number, *cells = stored
    assert int(number) == row[0]
    assert cells == [*row[1:7], in_utc(row[7]), row[8]]
    # And every value finds its own row.
    names = ("u", "n", "d", "b", "day", "moment", "instant", "span")
    wheres = " and ".join(f"{name} = §" for name in names)
    found = await served.run(f"select 1 as one from typed where {wheres}", *values[:3], *values[4:])
    assert list(map(tuple, found.rows)) == [(1,)]


@given(TEXT.filter(lambda text: "\0" in text) | TEXT.map(lambda text: text + "\0"))
async def test_text_with_a_nul_is_refused_by_postgresql_and_kept_by_mariadb(
    mariadb: Served, postgresql: Served, text: str
) -> None:
    assert await mariadb.there_and_back(V.STRING, [text]) == ([text], {V.STRING})
    with pytest.raises(RowgateError) as caught:
        await postgresql.there_and_back(V.STRING, [text])
    assert caught.value.reason is Reason.VALUE_OUT_OF_RANGE


@pytest.mark.parametrize(
    "name", ['public."x[]"', 'public."a ""b"" \'; drop table typed; --"', 'public."Mood"', 'public."char"']
)
async def test_text_goes_as_a_caller_s_own_type_whatever_its_name(postgresql: Served, name: str) -> None:
    await postgresql.run(f"create type {name} as enum ('sad', 'ok')")
    try:
        result = await postgresql.run(
            f"select §::{name} as one, §::{name}[] as many",
            *(BoundValue(V.STRING, text) for text in ("sad", "{sad,ok}")),
        )
        ((one, many),) = result.rows
        assert one == "sad"
        assert many.members == ["sad", "ok"]
    finally:
        await postgresql.run(f"drop type {name}")


MODES = [
    "NO_BACKSLASH_ESCAPES",
    "ANSI_QUOTES",
    "NO_BACKSLASH_ESCAPES,ANSI_QUOTES,PIPES_AS_CONCAT,HIGH_NOT_PRECEDENCE",
    "ORACLE",
    "",
]


@pytest.fixture(scope="module", params=MODES, ids=lambda modes: modes or "no modes")
async def mode(request: pytest.FixtureRequest, mariadb_server: MariaDB) -> AsyncIterator[Served]:
    """MariaDB with that sql_mode for every new session."""
    ((before,),) = mariadb_server.execute("SELECT @@GLOBAL.sql_mode")
    mariadb_server.execute(f"SET GLOBAL sql_mode = '{request.param}'")
    try:
        async with serving(mariadb_server) as served:
            yield served
    finally:
        mariadb_server.execute(f"SET GLOBAL sql_mode = '{before}'")


@given(TEXT, st.binary() | TEXT.map(str.encode))
@example("\\", b"\\' OR 1=1 -- ")
@example("' OR 1=1 -- ", b"' OR 1=1 -- ")
@example('" OR 1=1 -- ', b'" OR 1=1 -- ')
@example("中' OR 1=1 -- ", b"\xbf' OR 1=1 -- ")
async def test_values_are_only_values_whatever_the_server_s_sql_mode(mode: Served, text: str, octets: bytes) -> None:
    values = (BoundValue(V.STRING, text), BoundValue(V.BYTES, octets))
    result = await mode.run("select § as t, § as b, 'it''s \\'one\\'' as c, \"it's\" as d", *values)
    assert [tuple(row) for row in result.rows] == [(text, octets, "it's 'one'", "it's")]
    nothing = await mode.run(
        "select 1 from dual where 'x' = § or 'x' = §", *(BoundValue(value.type, value.value * 2) for value in values)
    )
    assert list(nothing.rows) == []


FOREIGN_CHARSETS = ["utf8mb4", "gbk", "sjis", "big5", "latin1"]


@pytest.fixture(scope="module", params=FOREIGN_CHARSETS)
async def foreign(request: pytest.FixtureRequest, mariadb_server: MariaDB) -> AsyncIterator[Any]:
    """A session as a caller may have left it: it sends another character set than the server believes."""
    connection: Any = await asyncmy.connect(
        host=HOST, port=mariadb_server.port, user=USER, password=PASSWORD, database=DATABASE, autocommit=True
    )
    await connection.query(f"SET NAMES {request.param}, character_set_results = utf8mb4")
    yield connection, request.param
    await connection.ensure_closed()


@pytest.mark.parametrize("modes", ["", "NO_BACKSLASH_ESCAPES,ANSI_QUOTES"])
@given(TEXT | st.sampled_from(INJECTIONS), st.binary())
@example("中\\", b"")
@example("中' OR 1=1 -- ", b"\\' OR 1=1 -- ")
async def test_a_literal_stays_a_value_even_in_a_session_that_was_not_reset(
    foreign: tuple[Any, str], modes: str, text: str, octets: bytes
) -> None:
    connection, charset = foreign
    await connection.query(f"SET sql_mode = '{modes}'")
    written = [literal(BoundValue(V.STRING, text)), literal(BoundValue(V.BYTES, octets))]
    sql = f"SELECT HEX(CONVERT({written[0]} USING utf8mb4)) AS t, HEX({written[1]}) AS b, 7 AS seven"
    try:
        await connection.query(sql.encode())
    except asyncmy.errors.MySQLError as error:
        assert error.args[0] == 1300  # noqa: PT017 - "invalid character string" is a right answer too
        return
    ((text_hex, octets_hex, seven),) = connection._result.rows
    assert (bytes.fromhex(octets_hex), seven) == (octets, 7)
    if charset == "utf8mb4" or written[0].startswith("_utf8mb4"):
        assert bytes.fromhex(text_hex).decode() == text
