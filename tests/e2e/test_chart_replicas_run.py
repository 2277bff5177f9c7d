"""A replica that the chart is told of is asked by the real process."""

from __future__ import annotations

import asyncio
from pathlib import Path

import rowgate
from support.eventually import eventually
from support.manifests import pod_of, rendered, settings_of
from support.postgresql import PostgreSQL
from support.process import Gateway

SECRET = {"urlSecret": {"name": "databases", "key": "url"}}
MAIN = {**SECRET, "replicas": {"near": {**SECRET, "settings": {"pool": {"size": 2, "max_overflow": 0}}}}}


async def test_a_replica_of_the_chart_answers_what_reads(postgresql_server: PostgreSQL, tmp_path: Path) -> None:
    made = rendered({"insecure": True, "databases": {"main": MAIN}})
    pod = pod_of(made, {"url": postgresql_server.url}, tmp_path)
    replica = settings_of(pod).databases["main"].replicas["near"]
    assert (replica.pool.size, replica.pool.max_overflow) == (2, 0)
    gateway = await asyncio.to_thread(Gateway.start, *pod.arguments[1:], environment=pod.environment)
    with gateway:
        async with rowgate.connect(gateway.address) as client:
            reading = client.using("main").with_options(read_only=True, route="replica")
            loop = asyncio.get_running_loop()

            def by_the_replica() -> bool:
                asked = asyncio.run_coroutine_threadsafe(reading.query("select 1 as x"), loop)
                return asked.result(10).stats.replica == "near"

            await eventually(by_the_replica, 10, "the replica is known to be fresh")
