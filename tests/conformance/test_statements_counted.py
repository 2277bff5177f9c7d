"""What `/metrics` tells of statements, on every engine."""

from __future__ import annotations

import urllib.request
from dataclasses import replace

import pytest
from prometheus_client.parser import text_string_to_metric_families

import rowgate
from rowgate._encode import encode
from rowgate.v1 import batch_pb2, query_service_pb2, query_service_pb2_grpc
from support.engines import Engine
from support.process import Gateway


class Counters:
    """What has been added to the metrics of one database since this was made."""

    def __init__(self, gateway: Gateway, database: str) -> None:
        self._gateway, self._database = gateway, database
        self._before = self._now()

    def added(self) -> dict[str, float]:
        """By name, and operation or result."""
        return {key: value - self._before.get(key, 0) for key, value in self._now().items()}

    def _now(self) -> dict[str, float]:
        with urllib.request.urlopen(f"http://{self._gateway.admin_address}/metrics", timeout=5) as answer:
            text = answer.read().decode()
        return {
            " ".join([sample.name, *(sample.labels[key] for key in ("operation", "result") if key in sample.labels)]): (
                sample.value
            )
            for family in text_string_to_metric_families(text)
            for sample in family.samples
            if sample.labels.get("database") == self._database and "le" not in sample.labels
        }


@pytest.fixture
def counters(gateway: Gateway, engine: Engine) -> Counters:
    return Counters(gateway, engine.name)


def ran(counters: Counters) -> dict[str, float]:
    """The operations that ran, and how often."""
    name = "rowgate_query_duration_seconds_count "
    return {key.removeprefix(name): count for key, count in counters.added().items() if key.startswith(name) and count}


async def test_statements_are_counted_by_their_first_word(counters: Counters, db: rowgate.Database) -> None:
    await db.query("/* a remark */ select 1 as x")
    await db.query("with t(x) as (select 1) select x from t")
    with pytest.raises(rowgate.RowgateError):
        await db.query("select nothing from nowhere_at_all")
    assert ran(counters) == {"select": 2, "with": 1}


async def test_writes_without_sql_and_many_at_once_are_counted_too(
    counters: Counters,
    db: rowgate.Database,
    engine: Engine,
    table: str,
    queries: query_service_pb2_grpc.QueryServiceAsyncStub,
) -> None:
    things = db.table(table)
    before = ran(counters)
    await things.insert({"id": 1, "name": "one", "amount": 1})
    await things.where(id=1).update({"name": "two"})
    assert await things.where(id=1).count() == 1
    await things.where(id=1).delete()
    sets = [batch_pb2.ParamSet(positional_params=[encode(number)]) for number in range(3)]
    step = batch_pb2.BatchStep(sql=f"insert into {table} (id, name) values (?, 'many')", param_sets=sets)
    await queries.ExecuteBatch(query_service_pb2.ExecuteBatchRequest(database=engine.name, steps=[step]))
    told = ran(counters)
    assert {key: told[key] - before.get(key, 0) for key in ("insert", "update", "delete")} == {
        "insert": 2,
        "update": 1,
        "delete": 1,
    }
    assert counters.added()["rowgate_catalog_loads_total ok"] >= 1


async def test_a_stream_is_counted_as_one_with_its_rows(
    counters: Counters, db: rowgate.Database, engine: Engine
) -> None:
    async with db.stream(engine.series.format(n=3000)) as rows:
        assert len([row async for row in rows]) == 3000
    added = counters.added()
    assert ran(counters) == {"stream": 1}
    assert added["rowgate_result_rows_total"] == 3000
    assert added["rowgate_result_bytes_total"] == 8 * 3000


async def test_tables_made_and_trees_read_are_counted(counters: Counters, db: rowgate.Database, table: str) -> None:
    described = replace(await db.describe(table), name=f"{table}_counted", indexes=())
    assert described.primary_key
    copy = replace(described, primary_key=replace(described.primary_key, name=""))
    before = counters.added()
    await db.create_table(copy)
    assert await db.drop_table(f"{table}_counted")
    assert ran(counters)["other"] == before["rowgate_query_duration_seconds_count other"] + 2
    loads = counters.added()["rowgate_catalog_loads_total ok"]
    await db.refresh_schema()
    assert counters.added()["rowgate_catalog_loads_total ok"] == loads + 1
