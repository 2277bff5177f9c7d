"""Databases that are exchanged while the server serves: a bad login costs nothing, and no connection is left behind."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

import rowgate
from support.eventually import eventually
from support.mariadb import MariaDB
from support.postgresql import PostgreSQL
from support.process import Gateway

_ENGINES = ("mariadb_server", "postgresql_server")


def sockets(pid: int, port: int) -> int:
    """The connections of a process to that port."""
    links = [str(fd.readlink()) for fd in Path(f"/proc/{pid}/fd").iterdir() if fd.is_symlink()]
    mine = {link.removeprefix("socket:[").removesuffix("]") for link in links if link.startswith("socket:")}
    rows = [line.split() for line in Path("/proc/net/tcp").read_text(encoding="ascii").splitlines()[1:]]
    return sum(row[2].endswith(f":{port:04X}") and row[9] in mine for row in rows)


@pytest.mark.parametrize("engine", _ENGINES)
async def test_a_login_that_fails_is_refused_and_a_stream_outlives_its_database(
    engine: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    server: MariaDB | PostgreSQL = request.getfixturevalue(engine)
    file = tmp_path / "rowgate.yaml"

    def write(**databases: str) -> None:
        settings: dict[str, Any] = {"databases": {name: {"url": url} for name, url in databases.items()}}
        file.write_text(yaml.safe_dump({**settings, "reload": {"interval": "50ms"}}), encoding="utf-8")

    other = f"sqlite:///{tmp_path}/other.db"
    write(main=server.url, other=other)
    with Gateway.start("--config", str(file)) as gateway:
        async with rowgate.connect(gateway.address, database="main") as client:
            write(main=server.url.replace("rowgate-pass", "wrong"), other=other)
            told = "databases.main.url: cannot be reached"
            await eventually(lambda: told in gateway.stderr, 20, "the login is refused")
            rows = client.stream("select repeat('x', 100000) from information_schema.columns")
            async with rows:
                async for _ in rows:
                    break
                assert (await client.query("select 1 as x")).one()["x"] == 1
                before = sockets(
                    gateway.child.pid, server.port
                )  # the stream's, an idle one, and what is beside the pool
                write(other=other)
                await eventually(lambda: "configuration taken" in gateway.stderr, 20, "it is taken")
                await eventually(lambda: sockets(gateway.child.pid, server.port) < before, 20, "the idle one is closed")
                with pytest.raises(rowgate.UnknownDatabase):
                    await client.query("select 1")
                async for _ in rows:
                    break
            await eventually(lambda: sockets(gateway.child.pid, server.port) == 0, 20, "none is left")
        assert gateway.terminate() == 0
