"""Databases that are exchanged while the server serves: a bad login costs nothing, and no connection is left behind."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest
import yaml

import rowgate
from support.eventually import eventually
from support.mariadb import MariaDB
from support.postgresql import PostgreSQL
from support.process import Gateway

_COUNTED = {
    "mariadb_server": "select count(*) from information_schema.processlist where info like '%kept_by_a_stream%'",
    "postgresql_server": "select count(*) from pg_stat_activity where query like '%kept_by_a_stream%'",
}


@pytest.mark.parametrize("engine", _COUNTED)
async def test_a_login_that_fails_is_refused_and_a_stream_outlives_its_database(
    engine: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    server: MariaDB | PostgreSQL = request.getfixturevalue(engine)
    file = tmp_path / "rowgate.yaml"

    def write(**databases: str) -> None:
        settings: dict[str, Any] = {"databases": {name: {"url": url} for name, url in databases.items()}}
        file.write_text(yaml.safe_dump({**settings, "reload": {"interval": "50ms"}}), encoding="utf-8")

    async def connections() -> int:
        # One is this question's own.
        return int((await asyncio.to_thread(server.execute, _COUNTED[engine]))[0][0]) - 1

    write(main=server.url, other=server.url)
    with Gateway.start("--config", str(file)) as gateway:
        async with rowgate.connect(gateway.address, database="main") as client:
            write(main=server.url.replace("rowgate-pass", "wrong"), other=server.url)
            told = "databases.main.url: cannot be reached"
            await eventually(lambda: told in gateway.stderr, 20, "the login is refused")
            assert (await client.query("select 1 as x")).one()["x"] == 1
            rows = client.stream("select 'kept_by_a_stream', repeat('x', 100000) from information_schema.columns")
            async with rows:
                async for _ in rows:
                    break
                write(other=server.url)
                await eventually(lambda: "configuration taken" in gateway.stderr, 20, "it is taken")
                assert await connections() == 1
                with pytest.raises(rowgate.UnknownDatabase):
                    await client.query("select 1")
                async for _ in rows:
                    break
            for _ in range(1000):
                if await connections() == 0:
                    break
                await asyncio.sleep(0.01)
            assert await connections() == 0
        assert gateway.terminate() == 0
