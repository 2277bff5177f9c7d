"""Defaults of columns made on another engine: a row that leaves them out has what it had, or the copy is refused."""

from __future__ import annotations

import itertools
from collections.abc import AsyncIterator

import pytest

import rowgate
from rowgate.v1 import schema_service_pb2 as pb
from rowgate.v1 import schema_service_pb2_grpc
from support.making import MadeOnEach

_numbers = itertools.count(1)
_ENGINES = ("mariadb", "postgresql", "sqlite")
# What each engine keeps as it was written.
_KEPT = {
    "mariadb": (
        *("int default 1.7", "decimal(5,2) default 1.239", "varchar(9) default 5", "double default 1e300"),
        *("bigint default -9000000000", "datetime(1) default '2024-01-31 12:00:00.70'", "varchar(9) default true"),
    ),
    "postgresql": (
        *("integer default '-5'", "numeric(5,2) default 1.50", "double precision default -1e3", "text default 5"),
        *(
            "varchar(9) default 'ab'",
            "text default null::varchar(3)",
            "real default '0.5'",
            "bigint default 5000000000",
        ),
        *("timestamp(1) default '2024-01-31 12:00:00.70'", "time default '10:00'", "text default 'ab'::varchar"),
    ),
    "sqlite": (
        *("int default '5'", "text default 5", "int default true", "double default -1.5e3", "decimal(5,2) default 1.5"),
        *("varchar(9) default 'ab'", "int default +7"),
    ),
}
_CHANGED = {
    "postgresql": (
        *("integer default 1.7", "numeric(5,2) default 1.239", "text default (true)::text", "text default true"),
        *("text default 'abcdef'::varchar(3)", "text default 1.50", "integer default x'1F'::integer"),
        *("double precision default 0.1::real", "double precision default '0.1'::real"),
        *("date default '2024-01-31 12:00'::timestamp", "timestamp(0) default '2024-01-31 12:00:00.7'"),
    ),
    "sqlite": (
        *("int default 1.7", "decimal(5,2) default 1.239", "text default 1.50", "text default true"),
        *("date default '2024-01-31 12:00'", "datetime default '2024-01-31 12:00:00.1234567'"),
    ),
}
_PAIRS = [(source, target) for source in _ENGINES for target in _ENGINES if source != target]


class Moved(MadeOnEach):
    """A table's name on each engine; all is dropped in the end."""

    async def told(self, engine: str, columns: tuple[str, ...]) -> pb.Table:
        """What is told of a new table with columns c0, c1 and so on, beside a key."""
        written = ", ".join(f"c{number} {column}" for number, column in enumerate(columns))
        await self.client.using(engine).query(f"create table {self.name} (id integer primary key, {written})")
        return await self.on(engine).get(self.name)

    async def row(self, engine: str) -> list[str]:
        """What stands in a row that leaves everything out but its key."""
        await self.client.using(engine).query(f"insert into {self.name} (id) values (1)")
        row = await self.client.using(engine).table(self.name).get(1)
        return [_comparable(value) for value in row.as_dict().values()]


@pytest.fixture
async def moved(
    schemas: schema_service_pb2_grpc.SchemaServiceAsyncStub, client: rowgate.Client
) -> AsyncIterator[Moved]:
    async with Moved(schemas, client, f"defaulted_{next(_numbers)}") as moved:
        yield moved


@pytest.mark.parametrize(("source", "target"), _PAIRS)
async def test_a_default_gives_the_same_value(moved: Moved, source: str, target: str) -> None:
    await moved.on(target).create(await moved.told(source, _KEPT[source]))
    assert await moved.row(target) == await moved.row(source)


@pytest.mark.parametrize(("source", "target"), [pair for pair in _PAIRS if pair[0] in _CHANGED])
async def test_a_default_that_its_column_changes_is_refused(moved: Moved, source: str, target: str) -> None:
    told = await moved.told(source, _CHANGED[source])
    for column in told.columns[1:]:
        alone = pb.Table(name=moved.name, engine=told.engine, columns=[column])
        with pytest.raises(rowgate.InvalidRequest) as caught:
            await moved.on(target).create(alone, dry_run=True)
        assert caught.value.field_violations[0].field == "table.columns[0].default_expression", (
            column.default_expression
        )


def _comparable(value: object) -> str:
    """SQLite hands out numbers and times as they were written."""
    text = str(value).replace("T", " ")
    try:
        return repr(float(text))
    except ValueError:
        return text.rstrip("0") if "." in text else text.removesuffix(":00")
