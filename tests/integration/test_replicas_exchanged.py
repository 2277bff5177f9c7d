"""Replicas that come and go while the server serves."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

import rowgate
from support.eventually import eventually
from support.mariadb import MariaDB
from support.metrics import scraped
from support.postgresql import PostgreSQL
from support.process import Gateway

_STREAMED = "select 'kept_by_a_replica', repeat('x', 100000) from information_schema.columns"
_COUNTED = {
    "mariadb_server": "select count(*) from information_schema.processlist where info like '%kept_by_a_replica%'",
    "postgresql_server": "select count(*) from pg_stat_activity where query like '%kept_by_a_replica%'",
}
_BREAKER = 'rowgate_breaker_state{database="main"}'
_POOL, _HOST = 'rowgate_pool_max{database="main@near"}', 'rowgate_host_up{database="main",host="near",role="replica"}'


@pytest.mark.parametrize("engine", _COUNTED)
async def test_a_replica_comes_and_goes_and_a_stream_ends_where_it_began(
    engine: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    server: MariaDB | PostgreSQL = request.getfixturevalue(engine)
    file = tmp_path / "rowgate.yaml"

    def write(main_url: str = server.url, **replicas: str) -> None:
        pool = {"size": 3, "max_overflow": 1}
        near = {name: {"url": url, "pool": pool} for name, url in replicas.items()}
        main = {"url": main_url, "pool": {"size": 2, "max_overflow": 0}, "replicas": near}
        settings: dict[str, Any] = {"databases": {"main": main}, "log": {"level": "debug"}}
        file.write_text(yaml.safe_dump({**settings, "reload": {"interval": "50ms"}}), encoding="utf-8")

    async def connections() -> int:
        # One is this question's own.
        return int((await asyncio.to_thread(server.execute, _COUNTED[engine]))[0][0]) - 1

    async def told(number: int) -> None:
        await eventually(lambda: gateway.stderr.count("configuration taken") == number, 20, "it is taken")

    write()
    with Gateway.start("--config", str(file)) as gateway:
        async with rowgate.connect(gateway.address, database="main") as client:
            reads = client.with_options(read_only=True, route="replica")
            assert (await reads.query("select 1 as x")).stats.replica == ""
            write(near=server.url)
            await told(1)
            assert (await reads.query("select 1 as x")).stats.replica == "near"
            assert (await client.query("select 1 as x")).stats.replica == ""
            samples = await asyncio.to_thread(scraped, gateway)
            assert (samples[_POOL], samples[_HOST]) == (4, 1)
            # It is the primary's own server: the pools of both are that server's.
            within = r'(?=.*"pools within what the database allows")(?=.*"host": "[^"]+:\d+")'
            line = await asyncio.to_thread(gateway.child.stderr.wait_for, within + '(?=.*"pool_max": 6[,}])', within=20)
            assert line, gateway.stderr
            # A port that nobody listens on: the candidate is down, and what is served is told of as before.
            write(main_url=re.sub(r":\d+/", ":1/", server.url), near=server.url)
            refused = "databases.main.url: cannot be reached"
            await eventually(lambda: refused in gateway.stderr, 20, "it is refused")
            samples = await asyncio.to_thread(scraped, gateway)
            assert (samples[_BREAKER], samples[_HOST]) == (0, 1)
            async with reads.stream(_STREAMED) as rows:
                async for _ in rows:
                    break
                write()
                await told(2)
                assert await connections() == 1
                assert (await reads.query("select 1 as x")).stats.replica == ""
                async for _ in rows:
                    break
            for _ in range(1000):
                if await connections() == 0 and _POOL not in await asyncio.to_thread(scraped, gateway):
                    break
                await asyncio.sleep(0.01)
            assert await connections() == 0
            samples = await asyncio.to_thread(scraped, gateway)
            assert not [name for name in samples if "main@near" in name or 'host="near"' in name]
        assert gateway.terminate() == 0
