"""Tables that the configuration asks for are there once the gateway is ready, or it says why it does not start."""

from __future__ import annotations

import asyncio
import json
import re
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

import rowgate
from support.process import Gateway, GatewayDidNotStartError
from support.tools import grpcurl

PARCELS = {
    "name": "parcels",
    "columns": [
        {"name": "id", "type": "COLUMN_TYPE_INT", "autoincrement": True},
        {"name": "code", "type": "COLUMN_TYPE_STRING", "length": 20},
    ],
    "primary_key": {"columns": ["id"]},
    "unique_constraints": [{"columns": ["code"]}],
}


def _settings(folder: Path, tables: Any, **more: str) -> dict[str, str]:
    file = folder / "tables.json"
    file.write_text(tables if isinstance(tables, str) else json.dumps(tables))
    return {
        "ROWGATE_DATABASES__MAIN__URL": f"sqlite:///{folder / 'main.db'}",
        "ROWGATE_DATABASES__MAIN__CATALOG__TABLES_FROM": str(file),
        **more,
    }


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    with closing(sqlite3.connect(tmp_path / "main.db")) as connection:
        connection.execute("create table already (id integer primary key)")
        connection.commit()
    return tmp_path


async def test_what_is_missing_is_made_and_what_is_there_stays(folder: Path) -> None:
    already = {"name": "already", "columns": [{"name": "other", "type": "COLUMN_TYPE_INT"}]}
    for _ in range(2):
        with Gateway.start(environment=_settings(folder, [PARCELS, already])) as gateway:
            async with rowgate.connect(gateway.address) as client:
                await client.table("parcels").insert({"code": f"a{await client.table('parcels').count()}"})
                assert [column.name for column in (await client.describe("already")).columns] == ["id"]
                with pytest.raises(rowgate.DdlNotAllowed):  # callers still may not
                    await client.drop_table("parcels")
    with closing(sqlite3.connect(folder / "main.db")) as connection:
        assert [code for (code,) in connection.execute("select code from parcels")] == ["a0", "a1"]


def _ask(address: str) -> str:
    command = [str(grpcurl()), "-plaintext", "-d", '{"table": "products"}', address]
    command.append("rowgate.v1.SchemaService/GetTable")
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


async def test_what_grpcurl_was_told_of_a_table_makes_it_elsewhere(folder: Path) -> None:
    with Gateway.start("--demo") as gateway:
        told = await asyncio.to_thread(_ask, gateway.address)
    table = json.loads(told)["table"] | {"foreign_keys": []}
    with Gateway.start(environment=_settings(folder, [table])) as gateway:
        async with rowgate.connect(gateway.address) as client:
            columns = (await client.describe("products")).columns
    assert [column.name for column in columns] == [column["name"] for column in table["columns"]]


@pytest.mark.parametrize(
    ("command", "tables", "complaint"),
    [
        ("serve", "[", "databases.main.catalog.tables_from: must be JSON: a list of tables"),
        ("check", {"name": "x"}, "databases.main.catalog.tables_from: must be JSON: a list of tables"),
        ("serve", [{"name": "x", "colums": []}], 'databases.main.catalog.tables_from: table 0: .*"colums"'),
        ("check", [PARCELS, {"name": "x", "kind": 77}], "databases.main.catalog.tables_from: table 1: table.kind: "),
    ],
)
def test_a_file_that_is_no_list_of_tables_is_refused(folder: Path, command: str, tables: Any, complaint: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "rowgate_server", command],
        env=_settings(folder, tables),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 2
    (line,) = done.stderr.splitlines()
    assert re.match(f"rowgate-server: {complaint}", line), line


def test_a_file_that_is_not_there_is_refused(folder: Path) -> None:
    environment = _settings(folder, []) | {"ROWGATE_DATABASES__MAIN__CATALOG__TABLES_FROM": str(folder / "none.json")}
    with pytest.raises(GatewayDidNotStartError, match=r"catalog\.tables_from: the file cannot be read: No such file"):
        Gateway.start(environment=environment)


@pytest.mark.parametrize(
    ("table", "more", "complaint"),
    [
        ({"name": "x"}, {}, r"table x: the table has no columns \(table.columns\)"),
        (
            {"name": "x", "engine": "ENGINE_POSTGRESQL", "columns": [{"name": "c", "database_type": "inet"}]},
            {},
            r"table x: the column's type inet has no match on this engine \(table.columns\[0\].database_type\)",
        ),
        (PARCELS, {"ROWGATE_DATABASES__MAIN__LIMITS__READ_ONLY": "true"}, "table parcels: .*to write nothing"),
    ],
)
def test_a_table_that_can_not_be_made_keeps_the_gateway_from_starting(
    folder: Path, table: Any, more: dict[str, str], complaint: str
) -> None:
    with pytest.raises(GatewayDidNotStartError, match=rf"databases\.main\.catalog\.tables_from: {complaint}"):
        Gateway.start(environment=_settings(folder, [table], **more))
