"""The pages say what is true: their commands are run and answer as shown, and their examples run too."""

from __future__ import annotations

import ast
import asyncio
import inspect
import os
import re
import shutil
import subprocess
import sys
import urllib.request
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from types import FunctionType
from typing import Any

import pytest

import rowgate
from rowgate_server import config
from support import documents, guard
from support.available import unavailable
from support.documents import Block, Places, Terminal
from support.mariadb import MariaDB
from support.postgresql import PostgreSQL
from support.process import Gateway
from support.throwaway import PASSWORD
from support.tools import grpcurl

NOT_RUN = {
    ("CONTRIBUTING.md", ".venv/bin/python -m pytest tests/unit/test_config_load.py"): "tests within tests",
    ("CONTRIBUTING.md", '.venv/bin/python -m pytest tests/conformance -k "stream and mariadb"'): "tests within tests",
    ("docs/python-client.md", "pip install ./clients/python"): "it would change the environment that runs the tests",
}
"""The commands that are shown and not run, with the reason. `make` and what it calls is not run either."""

LOGINS = {
    "postgresql_server": "gateway:{}@pg.internal:5432/shop",
    "mariadb_server": "gateway:{}@maria.internal:3306/archive",
}
"""The databases that the README configures, and the fixtures that stand for them; `{}` is the password."""

READERS = {
    "console": "here",
    "python": "here",
    "yaml": "here",
    "text": "it is a drawing",
    "sql": "docs/demo.md: tests/unit/demo/test_demo_page.py; docs/types.md: tests/conformance/test_types.py",
}
"""Who reads a kind of block. A block of another kind would be seen by no test."""

SCRIPTS = [block for block in documents.of_kind("python") if "asyncio.run(" in block.text]
EXAMPLES = [block for block in documents.of_kind("python") if block not in SCRIPTS]


def is_run(block: Block, command: str) -> bool:
    return not documents.MAKE.fullmatch(command) and (block.page, command) not in NOT_RUN


CONSOLES = [
    block
    for block in documents.of_kind("console")
    if any(is_run(block, command.text) for command in documents.commands(block))
]


@pytest.fixture(scope="module")
def demo() -> Iterator[Gateway]:
    with Gateway.start("--demo") as gateway:
        assert gateway.child.stdout.wait_for(r"^Ctrl-C", within=5)
        yield gateway


@pytest.fixture(scope="module")
def places(demo: Gateway) -> Places:
    return Places(
        (
            ("127.0.0.1:50051", demo.address),
            ("localhost:50051", demo.address),
            ("127.0.0.1:9464", demo.admin_address),
        )
    )


@pytest.fixture
def terminal(block: Block, places: Places, tmp_path: Path, request: pytest.FixtureRequest) -> Terminal:
    """A folder like the tree's root after `make dev`, with the files that the block's page shows."""
    if any(login.format("secret") in documents.read(block.page) for login in LOGINS.values()):
        places = Places((*places.pairs, *logins(request)))
    (tmp_path / ".venv").symlink_to(sys.prefix)
    tools = tmp_path / "tools"
    tools.mkdir()
    for name, find in (("grpcurl", grpcurl), ("curl", curl)):
        if re.search(rf"\b{name}\b", block.text):
            (tools / name).symlink_to(find())
    for shown in documents.blocks(block.page):
        if "." in shown.name:
            (tmp_path / shown.name).write_text(places.real(shown.text), encoding="utf-8")
    return Terminal(tmp_path, places, {"PATH": f"{tools}:{os.environ['PATH']}", "LC_ALL": "C.UTF-8"})


def curl() -> str:
    return shutil.which("curl") or unavailable("curl", "install the package curl")


def logins(request: pytest.FixtureRequest) -> Iterator[tuple[str, str]]:
    """What the pages write for each login, with its password and as it is printed, and the real one."""
    for fixture, shown in LOGINS.items():
        server: PostgreSQL | MariaDB = request.getfixturevalue(fixture)
        real = server.url.partition("://")[2]
        yield shown.format("secret"), real
        hidden = real.replace(PASSWORD, "***")
        # On loopback, where the tests' servers are, another mode is the default.
        yield f"{shown.format('***')}?sslmode=verify-full", f"{hidden}?sslmode=prefer"
        yield shown.format("***"), hidden


# Commands


@pytest.mark.parametrize("block", CONSOLES, ids=str)
def test_each_command_answers_what_the_page_shows(block: Block, terminal: Terminal) -> None:
    commands = [command for command in documents.commands(block) if is_run(block, command.text)]
    answers = terminal.type([command.text for command in commands])
    for command, answer in zip(commands, answers, strict=True):
        different = documents.difference(command.answer, answer)
        assert not different, f"{block} $ {command.text}\n{different}"


def test_make_run_answers_what_the_readme_shows(demo: Gateway, places: Places) -> None:
    (shown,) = [command.answer for command in documents.typed("README.md") if command.text == "make run"]
    different = documents.difference(shown, places.shown(demo.stdout))
    assert not different, different


def test_each_command_that_is_not_run_is_on_its_page() -> None:
    for page, text in NOT_RUN:
        assert text in {command.text for command in documents.typed(page)}


@pytest.mark.parametrize("page", documents.pages())
def test_each_block_is_of_a_kind_that_a_test_reads(page: str) -> None:
    for block in documents.blocks(page):
        assert block.kind in READERS, block
        assert block.kind != "sql" or page in READERS["sql"], block
        assert block.kind != "text" or not re.search(r"^\$ ", block.text, re.MULTILINE), block


# Examples


@pytest.mark.parametrize("block", SCRIPTS, ids=str)
def test_each_python_script_runs(block: Block, places: Places) -> None:
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", places.real(block.text)],
        env=dict([("PATH", os.environ["PATH"]), guard.test_run().mark]),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout


@pytest.fixture
async def db(demo: Gateway) -> AsyncIterator[rowgate.Client]:
    async with rowgate.connect(demo.address) as client:
        yield client


@pytest.mark.parametrize("page", sorted({block.page for block in EXAMPLES}))
async def test_the_python_examples_of_a_page_run_one_after_another(
    page: str, db: rowgate.Client, places: Places
) -> None:
    names: dict[str, Any] = {"db": db, "rowgate": rowgate}
    for block in EXAMPLES:
        if block.page == page:
            # The empty lines make the traceback point at the page's own line.
            text = "\n" * (block.line - 1) + places.real(block.text)
            code = compile(text, page, "exec", ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
            async with asyncio.timeout(30):
                ran = FunctionType(code, names)()
                if inspect.isawaitable(ran):
                    await ran


# Configuration


@pytest.mark.parametrize("block", documents.of_kind("yaml"), ids=str)
def test_each_configuration_is_accepted(block: Block, tmp_path: Path) -> None:
    assert load_yaml(block, tmp_path).databases


def test_the_readme_configures_the_same_by_file_and_by_environment(tmp_path: Path) -> None:
    (file,) = documents.blocks("README.md", "yaml")
    exports = [
        command.text.removeprefix("export ").split("=", 1)
        for command in documents.typed("README.md")
        if command.text.startswith("export ")
    ]
    assert config.load({}, dict(exports)).model_dump() == load_yaml(file, tmp_path).model_dump()


def load_yaml(block: Block, folder: Path) -> config.Settings:
    file = folder / "rowgate.yaml"
    text = block.text
    for path in set(re.findall(r"/etc/rowgate/\S+", text)):
        (folder / Path(path).name).touch()
        text = text.replace(path, str(folder / Path(path).name))
    file.write_text(text, encoding="utf-8")
    return config.load({"config": str(file)}, {})


# Metrics


def test_each_metric_is_explained(demo: Gateway) -> None:
    with urllib.request.urlopen(f"http://{demo.admin_address}/metrics", timeout=10) as answer:
        text = answer.read().decode()
    served = set(re.findall(r"^# TYPE ((?:rowgate|grpc)_\w+) ", text, re.MULTILINE))
    explained = {row[0].strip("`") for row in documents.tables("service/README.md") if len(row) == 3}
    assert served <= explained
