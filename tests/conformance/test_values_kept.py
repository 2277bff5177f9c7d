"""What is written is read back equal, or refused with the column's name: no type of any engine rounds or cuts it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import rowgate
from rowgate import TemporalText
from support.engines import Engine
from support.kept_values import DOMAINS, TYPES, Kept
from support.table_writes import TableWrites
from support.tables import Tables

_UNFIT = ("INVALID_PARAMETER", "VALUE_OUT_OF_RANGE")


@pytest.fixture
async def kept(db: rowgate.Database, engine: Engine) -> AsyncIterator[tuple[Kept, ...]]:
    """A table with a column `c0`, `c1`, ... of each type."""
    types = TYPES[engine.name]
    domains = DOMAINS if engine.name == "postgresql" else ()
    for name, what in domains:
        await db.query(f"create {name} {what}")
    columns = "".join(f", c{number} {each.declared}" for number, each in enumerate(types))
    await db.query(f"create table kept (id integer primary key{columns})")
    yield types
    await db.query("drop table kept")
    for name, _ in reversed(domains):
        await db.query(f"drop {name}")


def _plain(value: Any) -> Any:
    """What a value says, whatever kind of Python's it comes as."""
    if isinstance(value, list):
        return [_plain(each) for each in value]
    if isinstance(value, (TemporalText, UUID, date, time, timedelta)):
        value = value.isoformat() if isinstance(value, (date, time)) else str(value)
    if isinstance(value, (int, float, Decimal)) and not isinstance(value, bool):
        return str(Decimal(str(value)).normalize())
    if isinstance(value, str):
        for read in (datetime.fromisoformat, time.fromisoformat):
            try:
                return read(value)
            except ValueError:
                continue
    return value


async def test_a_value_that_fits_is_read_back_as_it_was_written(
    writes: TableWrites, tables: Tables, kept: tuple[Kept, ...]
) -> None:
    wrong = []
    row = 0
    for number, each in enumerate(kept):
        for value, expected in (*((value, value) for value in each.kept), *each.as_read):
            row += 1
            try:
                await writes.insert("kept", [{"id": row, f"c{number}": value}])
                (found,) = await tables.get("kept", {"id": row}, columns=[f"c{number}"])
            except rowgate.RowgateError as error:
                wrong.append((each.declared, value, str(error)))
                continue
            if _plain(found) != _plain(expected):
                wrong.append((each.declared, value, found))
            # And it can be written again as it was read.
            await writes.update("kept", {f"c{number}": found}, key={"id": row})
    assert wrong == []


async def test_a_value_that_would_be_changed_is_refused_with_the_columns_name(
    writes: TableWrites, db: rowgate.Database, kept: tuple[Kept, ...]
) -> None:
    wrong = []
    for number, each in enumerate(kept):
        for value in each.refused:
            try:
                await writes.insert("kept", [{"id": 1, f"c{number}": value}])
            except rowgate.RowgateError as error:
                column = f"c{number}" if each.told else error.metadata.get("column")
                if error.reason not in _UNFIT or error.metadata.get("column") != column:
                    wrong.append((each.declared, value, str(error)))
            else:
                wrong.append((each.declared, value, "is written"))
                await db.query("delete from kept")
    assert wrong == []


async def test_many_rows_at_once_are_kept_as_they_are_one_by_one(
    writes: TableWrites, tables: Tables, kept: tuple[Kept, ...]
) -> None:
    """Many rows go in by another way, column by column."""
    row = 0
    for number, each in enumerate(kept):
        values = [*each.kept, None] if each.kept else []
        cells = [value for value in values for _ in range(16)]
        ids = range(row, row + len(cells))
        row += len(cells)
        if cells:
            rows = [{"id": place, f"c{number}": cell} for place, cell in zip(ids, cells, strict=True)]
            answer = await writes.insert("kept", rows, returning=[f"c{number}"])
            assert [_plain(found) for (found,) in answer.rows] == [_plain(cell) for cell in cells], each.declared
    assert (await tables.count("kept")).count == row


# Any value, into types that every engine has

_ANY = {
    "sqlite": ("decimal(7,3)", "double", "smallint", "varchar(6)", "text", "timestamp", "time", "integer"),
    "mariadb": (
        "decimal(7,3)",
        "float",
        "smallint unsigned",
        "char(6)",
        "tinytext",
        "datetime(2)",
        "time(1)",
        "bigint",
    ),
    "postgresql": ("numeric(7,3)", "real", "smallint", "varchar(6)", "text", "timestamp(2)", "time(1)", "money"),
}
_DIGITS = st.text("0123456789", min_size=1, max_size=6)
_NUMBERS = st.one_of(
    st.integers(-(2**63), 2**64 - 1),
    st.integers(-70_000, 70_000),
    st.decimals(allow_nan=False, allow_infinity=False, min_value=-(10**9), max_value=10**9, places=5),
    st.decimals(allow_nan=False, allow_infinity=False, min_value=-9999, max_value=9999, places=3),
    st.floats(allow_nan=False, allow_infinity=False, width=32),
    st.booleans(),
)
_MOMENTS = st.one_of(
    st.builds("{:%Y-%m-%dT%H:%M:%S}.{}".format, st.datetimes(datetime(1000, 1, 1), datetime(9999, 12, 31)), _DIGITS),
    st.builds("{:%H:%M:%S}.{}".format, st.times(), _DIGITS),
)
_VALUES = st.one_of(
    _NUMBERS, _MOMENTS, st.text(st.characters(exclude_categories=["Cs"]), max_size=8), st.binary(max_size=3)
)


@pytest.fixture
async def anything(db: rowgate.Database, engine: Engine) -> AsyncIterator[tuple[str, ...]]:
    """The types of the columns `c0`, `c1`, ... of a table with one row."""
    types = _ANY[engine.name]
    columns = "".join(f", c{number} {declared}" for number, declared in enumerate(types))
    await db.query(f"create table anything (id integer primary key{columns})")
    await db.query("insert into anything (id) values (1)")
    yield types
    await db.query("drop table anything")


def _same(declared: str, value: Any, found: Any) -> bool:
    if declared in ("float", "real") and not isinstance(value, int):
        return bool(found == pytest.approx(float(value), rel=1e-7))  # the nearest that there is
    if declared == "money":
        return Decimal(found.replace("$", "").replace(",", "")) == Decimal(str(value))
    if isinstance(value, str) and isinstance(found, (int, float, Decimal)):
        return Decimal(value) == Decimal(str(found))  # as text too a number is one
    if isinstance(value, Decimal) and isinstance(found, str):
        return found == format(value, "f")
    return bool(found == value or _plain(found) == _plain(value))


@settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture], derandomize=True)
@given(_VALUES)
async def test_any_value_is_kept_or_refused(
    writes: TableWrites, tables: Tables, anything: tuple[str, ...], value: Any
) -> None:
    for number, declared in enumerate(anything):
        column = f"c{number}"
        try:
            await writes.update("anything", {column: value}, key={"id": 1})
        except rowgate.RequestError as error:
            if error.reason not in _UNFIT or error.metadata["column"] != column:
                raise
            continue
        (found,) = await tables.get("anything", {"id": 1}, columns=[column])
        assert _same(declared, value, found), (declared, found)
