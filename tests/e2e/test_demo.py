"""A person with a fresh machine: the demo, and the commands it tells to paste."""

from __future__ import annotations

import json
import re
import shlex
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

import rowgate
from support.process import Gateway
from support.tools import grpcurl

_TITLES = ("list", "ExecuteQuery", "ListTables")


@pytest.fixture(scope="module")
def demo() -> Iterator[Gateway]:
    with Gateway.start("--demo") as gateway:
        assert gateway.child.stdout.wait_for(r"(Ctrl-C stops the server)", within=5)
        yield gateway


def _paste(gateway: Gateway, title: str) -> str:
    """What the shell answers to the line of the banner that ends so."""
    lines = [line.strip() for line in gateway.stdout.splitlines() if line.startswith("  grpcurl ")]
    line = next(line for line in lines if line.endswith(title))
    assert shlex.split(line)[0] == "grpcurl"
    command = line.replace("grpcurl", str(grpcurl()), 1)
    answer = subprocess.run(command, shell=True, capture_output=True, text=True, check=False, timeout=30)  # noqa: S602 - pasted, as a person would
    assert answer.returncode == 0, answer.stderr
    return answer.stdout


def test_the_banner_has_just_these_commands(demo: Gateway) -> None:
    lines = [line for line in demo.stdout.splitlines() if line.startswith("  grpcurl ")]
    assert [line.rsplit("/", 1)[-1].rsplit(" ", 1)[-1] for line in lines] == list(_TITLES)
    assert all(f" {demo.address} " in line for line in lines)


def test_pasting_list_names_the_services(demo: Gateway) -> None:
    assert {"rowgate.v1.QueryService", "rowgate.v1.SchemaService", "grpc.health.v1.Health"} <= set(
        _paste(demo, "list").split()
    )


def test_pasting_the_query_shows_rows(demo: Gateway) -> None:
    answer = json.loads(_paste(demo, "ExecuteQuery"))
    assert [column["name"] for column in answer["result"]["columns"]] == ["name", "reviews", "stars"]
    assert len(answer["result"]["rows"]) == 5


def test_pasting_list_tables_names_the_tables(demo: Gateway) -> None:
    tables = json.loads(_paste(demo, "ListTables"))["tables"]
    assert {"orders", "order_lines", "products"} <= {table["name"] for table in tables}


async def test_the_demo_streams_its_largest_table(demo: Gateway) -> None:
    async with rowgate.connect(demo.address) as db:
        rows = [row async for row in db.stream("select * from order_lines")]
    assert len(rows) > 100_000


def test_a_stopped_demo_leaves_nothing_behind(tmp_path: Path) -> None:
    with Gateway.start("--demo", environment={"TMPDIR": str(tmp_path)}) as gateway:
        assert list(tmp_path.iterdir())
        assert gateway.terminate() == 0
    assert list(tmp_path.iterdir()) == []


def test_an_interrupted_demo_leaves_nothing_behind(tmp_path: Path) -> None:
    with Gateway.start("--demo", environment={"TMPDIR": str(tmp_path)}) as gateway:
        gateway.child.stop(signal.SIGINT, within=10)
    assert list(tmp_path.iterdir()) == []


def test_another_default_database_makes_the_banner_name_the_demo(tmp_path: Path) -> None:
    file = tmp_path / "own.db"
    file.touch()
    with Gateway.start("--demo", "--database", f"own=sqlite:///{file}") as gateway:
        assert gateway.child.stdout.wait_for(r"(Ctrl-C stops the server)", within=5)
        assert re.search(r'"database": "demo"', gateway.stdout)
        assert json.loads(_paste(gateway, "ListTables"))["tables"]
        assert json.loads(_paste(gateway, "ExecuteQuery"))["result"]["rows"]
