"""Tables of an engine's ordinary features, put together at random: copied they are the same, elsewhere made or refused.

Short here; `LONG_RUN=1` (`make copies`) makes 300 on each engine.
"""

from __future__ import annotations

import os
from collections.abc import AsyncIterator

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

import rowgate
from rowgate.v1 import schema_service_pb2 as pb
from rowgate.v1 import schema_service_pb2_grpc
from support.making import Maker
from support.random_tables import tables

_NAME = "rg_random"
_EXAMPLES = 300 if os.environ.get("LONG_RUN") else 2
_ENGINES = ("mariadb", "postgresql", "sqlite")


@pytest.fixture
async def stub(
    schemas: schema_service_pb2_grpc.SchemaServiceAsyncStub,
) -> AsyncIterator[schema_service_pb2_grpc.SchemaServiceAsyncStub]:
    yield schemas
    for engine in _ENGINES:
        await Maker(schemas, engine).drop(_NAME, if_exists=True)


def _told(table: pb.Table) -> pb.Table:
    """Without what is another table's own."""
    told = pb.Table()
    told.CopyFrom(table)
    for field in ("create_statement", "row_estimate", "untold"):
        told.ClearField(field)
    return told


@pytest.mark.timeout(1800)
@settings(
    max_examples=_EXAMPLES,
    deadline=None,
    phases=[Phase.explicit, Phase.reuse, Phase.generate],
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(data=st.data())
@pytest.mark.parametrize("source", _ENGINES)
async def test_a_copy_is_the_same_and_elsewhere_one_is_made_or_refused_by_a_field(
    stub: schema_service_pb2_grpc.SchemaServiceAsyncStub, client: rowgate.Client, source: str, data: st.DataObject
) -> None:
    here = Maker(stub, source)
    for statement in data.draw(tables(source)):
        try:
            await client.using(source).query(statement.replace("{0}", _NAME))
        except rowgate.RowgateError:
            # Features that do not go together, such as a default of a column that is part of no index.
            await here.drop(_NAME, if_exists=True)
            return
    told = await here.get(_NAME)
    assert not told.untold
    await here.drop(_NAME)
    made = (await here.create(told)).table
    try:
        assert _told(made) == _told(told)
    finally:
        await here.drop(_NAME)
    for target in _ENGINES:
        if target == source:
            continue
        there = Maker(stub, target)
        copy: pb.Table | None = None
        fields: list[str] = ["table."]
        try:
            copy = (await there.create(told)).table
        except (rowgate.InvalidRequest, rowgate.NotSupported) as error:
            fields = [violation.field for violation in error.field_violations]
        assert fields[0].startswith("table.")
        if copy is not None:
            assert [column.name for column in copy.columns] == [column.name for column in told.columns]
            assert list(copy.primary_key.columns) == list(told.primary_key.columns)
            await there.drop(_NAME)
