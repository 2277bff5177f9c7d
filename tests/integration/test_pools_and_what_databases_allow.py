"""The gateway warns where the pools of all replicas are larger than what a database allows."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from support.mariadb import MariaDB
from support.postgresql import PostgreSQL
from support.process import Gateway


def serve(mariadb: MariaDB, postgresql: PostgreSQL, file: Path) -> Gateway:
    environment = {
        "ROWGATE_DATABASES__MARIA__URL": mariadb.url,
        "ROWGATE_DATABASES__POSTGRES__URL": postgresql.url,
        **{
            f"ROWGATE_DATABASES__{name}__POOL__{key}": number
            for name in ("MARIA", "POSTGRES")
            for key, number in (("SIZE", "3"), ("MAX_OVERFLOW", "2"))
        },
        "ROWGATE_LOG__LEVEL": "debug",
    }
    return Gateway.start("--config", str(file), environment=environment)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "rowgate.yaml"


def write(file: Path, replicas: int) -> None:
    """Put the number into the file, in one go."""
    fresh = file.with_suffix(".new")
    fresh.write_text(f"server:\n  replicas: {replicas}\nreload:\n  interval: 100ms\n", encoding="utf-8")
    fresh.rename(file)


def told(gateway: Gateway, event: str) -> dict[str, dict[str, object]]:
    """The lines of the log with this event, by their database, once there is one for each."""
    for database in ("maria", "postgres"):
        line = rf'(?=.*"event": "{event}")(?=.*"database": "{database}")'
        assert gateway.child.stderr.wait_for(line, within=20), gateway.stderr
    assert gateway.terminate() == 0
    lines = [json.loads(line) for line in gateway.stderr.splitlines()]
    return {line["database"]: line for line in lines if line["event"] == event}


def test_pools_that_fit_are_passed_over(mariadb_server: MariaDB, postgresql_server: PostgreSQL, file: Path) -> None:
    write(file, replicas=2)
    with serve(mariadb_server, postgresql_server, file) as gateway:
        for line in told(gateway, "pools within what the database allows").values():
            assert line["level"] == "debug"
        assert "pools larger" not in gateway.stderr


@pytest.mark.parametrize("grown", [False, True], ids=["at the start", "while it serves"])
def test_pools_that_outgrow_the_database_are_warned_of_with_the_numbers(
    mariadb_server: MariaDB, postgresql_server: PostgreSQL, file: Path, grown: bool
) -> None:
    write(file, replicas=1 if grown else 1000)
    with serve(mariadb_server, postgresql_server, file) as gateway:
        write(file, replicas=1000)
        lines = told(gateway, "pools larger than the database allows")
    for line in lines.values():
        assert (line["level"], line["pool_max"], line["processes"]) == ("warning", 5, 1000)
    # What the tests' own server is started with, less what PostgreSQL reserves for its superuser.
    assert lines["postgres"]["allowed"] == 200 - 3
    assert isinstance(lines["maria"]["allowed"], int)
    assert 5 < lines["maria"]["allowed"] < 5000
