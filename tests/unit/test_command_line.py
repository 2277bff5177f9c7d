"""The real command, as an operator types it: exit codes, and one clear line for what is wrong."""

from __future__ import annotations

import json
import os
import re
import socket
import sqlite3
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from rowgate_server import __version__
from support.process import Gateway

WELL, NOT_WELL, WRONG = 0, 1, 2
COMMANDS = ("serve", "check", "healthcheck", "config", "version")
PLANTED = "planted-secret"
NOBODY = "127.0.0.1:1"
"""Where nobody listens."""


@dataclass(frozen=True)
class Answer:
    """What a command left behind."""

    code: int
    out: str
    err: str

    @property
    def complaint(self) -> str:
        """The one line of the error stream."""
        (line,) = self.err.splitlines()
        return line


def run(*arguments: str, environment: Mapping[str, str] | None = None) -> Answer:
    """Run the command with no settings but these."""
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "PYTHONPATH", "LANG", "TMPDIR") if name in os.environ}
    done = subprocess.run(
        [sys.executable, "-m", "rowgate_server", *arguments],
        env={**kept, **(environment or {})},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    return Answer(done.returncode, done.stdout, done.stderr)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    with closing(sqlite3.connect(tmp_path / "main.db")) as connection:
        connection.execute("pragma journal_mode = wal")
        connection.execute("create table things (id integer)")
    return tmp_path / "main.db"


@contextmanager
def taken_port() -> Iterator[int]:
    """A port that somebody else listens on."""
    with socket.create_server(("127.0.0.1", 0)) as somebody:
        yield somebody.getsockname()[1]


def some_database(file: Path) -> tuple[str, str]:
    return "--database", f"main=sqlite:///{file}"


# What is wrong with the command line or the configuration: exit code 2


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--set", "nope=1"], "nope (flag --set): no such setting"),
        (["--set", "nope"], "flag --set: must be of the form KEY=VALUE"),
        (["--set", "databases.main.pool.sice=3"], "databases.main.pool.sice (flag --set): no such setting"),
        (["--set", "databases.main.pool.size=many"], "databases.main.pool.size (flag --set): must be a whole number"),
        (["--database", "main"], "flag --database: must be of the form NAME=URL"),
        (["--database", "main=nosuch://host/x"], "databases.main.url (flag --database): must begin with one of"),
        (["--database", "main=postgresql://host:x/db"], "databases.main.url (flag --database)"),
        (["--config", "/nonexistent/rowgate.yaml"], "config file /nonexistent/rowgate.yaml: cannot be read"),
        (["--listen", "nowhere"], "listen (flag --listen)"),
        (["--log-level", "loud"], "log.level (flag --log-level)"),
        (["--default-database", "nowhere"], "default_database (flag --default-database): names no database"),
    ],
    ids=lambda argument: argument[1] if isinstance(argument, list) else "",
)
def test_a_wrong_setting_is_one_line(arguments: list[str], words: str, file: Path) -> None:
    others = [] if "--database" in arguments else some_database(file)
    answer = run("check", *others, *arguments)
    assert (answer.code, answer.out) == (WRONG, "")
    assert answer.complaint.startswith("rowgate-server: ")
    assert words in answer.complaint


@pytest.mark.parametrize("command", ["serve", "healthcheck", "config"])
def test_the_other_commands_read_the_same_settings(command: str, file: Path) -> None:
    answer = run(command, *some_database(file), "--set", "nope=1")
    assert (answer.code, answer.out) == (WRONG, "")
    assert "nope (flag --set): no such setting" in answer.complaint


@pytest.mark.parametrize("command", ["serve", "check", "config"])
def test_no_databases_at_all(command: str) -> None:
    answer = run(command)
    assert (answer.code, answer.out) == (WRONG, "")
    assert "databases: none is configured: give one by --database NAME=URL" in answer.complaint


def test_every_problem_is_told_at_once(file: Path) -> None:
    answer = run("check", *some_database(file), "--set", "log.level=loud", environment={"ROWGATE_LISTEN": "nowhere"})
    assert answer.code == WRONG
    assert len(answer.err.splitlines()) == 2
    assert "Traceback" not in answer.err


def test_an_unknown_variable_is_a_wrong_setting(file: Path) -> None:
    answer = run("check", *some_database(file), environment={"ROWGATE_LISSEN": "127.0.0.1:0"})
    assert answer.code == WRONG
    assert "ROWGATE_LISSEN" in answer.complaint


@pytest.mark.parametrize("command", ["serve", "check"])
def test_certificates_that_are_none_are_told_without_a_traceback(command: str, tmp_path: Path) -> None:
    certificates = tmp_path / "ca.pem"
    certificates.write_text("these are no certificates", encoding="utf-8")
    url = f"postgresql://app:{PLANTED}@{NOBODY}/shop?sslmode=verify-full&sslrootcert={certificates}"
    answer = run(command, "--database", f"main={url}")
    assert (answer.code, answer.out) == (WRONG, "")
    assert (
        "databases.main.url (flag --database): the file that its sslrootcert names cannot be used" in answer.complaint
    )
    assert PLANTED not in answer.err


@pytest.mark.parametrize(
    "arguments",
    [[], ["nonsense"], ["serve", "--nonsense"], ["serve", "extra"], ["config", "--schema", "--reference"]],
    ids=" ".join,
)
def test_what_is_no_command_is_told_with_the_usage(arguments: list[str]) -> None:
    answer = run(*arguments)
    assert (answer.code, answer.out) == (WRONG, "")
    assert answer.err.startswith("usage: rowgate-server")
    assert "Traceback" not in answer.err


# serve


@pytest.mark.parametrize("flag", ["--listen", "--admin-listen"])
def test_a_port_that_is_taken_is_one_line(flag: str, file: Path) -> None:
    with taken_port() as port:
        other = "--admin-listen" if flag == "--listen" else "--listen"
        answer = run("serve", *some_database(file), flag, f"127.0.0.1:{port}", other, "127.0.0.1:0")
    assert (answer.code, answer.out) == (NOT_WELL, "")
    setting = flag.removeprefix("--").replace("-", "_")
    assert answer.complaint.startswith(f"rowgate-server: {setting}: 127.0.0.1:{port} cannot be listened on")


@pytest.mark.parametrize("flag", ["--listen", "--admin-listen"])
def test_a_socket_file_that_cannot_be_made_is_one_line(flag: str, file: Path) -> None:
    other = "--admin-listen" if flag == "--listen" else "--listen"
    answer = run("serve", *some_database(file), flag, "unix:/nonexistent/x.sock", other, "127.0.0.1:0")
    assert (answer.code, answer.out) == (NOT_WELL, "")
    assert "unix:/nonexistent/x.sock cannot be listened on" in answer.complaint


def test_a_database_that_is_not_there_keeps_nobody_from_serving(tmp_path: Path) -> None:
    with Gateway.start("--database", f"gone=sqlite:///{tmp_path}/gone.db") as gateway:
        answer = run("healthcheck", "--listen", gateway.address)
        assert (answer.code, answer.out) == (NOT_WELL, "NOT_SERVING\n")
        answer = run("healthcheck", "--listen", gateway.address, "--service", "liveness")
        assert (answer.code, answer.out) == (WELL, "SERVING\n")
        assert gateway.terminate() == 0
        assert "Traceback" not in gateway.stderr


# check


def test_each_database_is_tried_and_told(file: Path, tmp_path: Path) -> None:
    url = f"postgresql://app:{PLANTED}@{NOBODY}/shop?sslmode=disable"
    broken = tmp_path / "broken.db"
    broken.write_text("this is no database, and longer than a header of a hundred bytes" * 9, encoding="utf-8")
    answer = run(
        "check", *some_database(file), "--database", f"gone=sqlite:///{tmp_path}/gone.db", "--database", f"down={url}",
        "--database", f"broken=sqlite:///{broken}",
    )  # fmt: skip
    assert answer.code == NOT_WELL
    assert answer.out == f"databases.main: ok, sqlite {sqlite3.sqlite_version}\n"
    complaints = dict(line.removeprefix("rowgate-server: ").split(".url: ", 1) for line in answer.err.splitlines())
    assert complaints.keys() == {"databases.gone", "databases.down", "databases.broken"}
    assert all(text.startswith("cannot be reached: ") for text in complaints.values())
    assert "unable to open database file" in complaints["databases.gone"]
    assert "not a database" in complaints["databases.broken"]
    assert PLANTED not in answer.err + answer.out
    assert not (tmp_path / "gone.db").exists(), "a mistyped path must not become an empty database"


def test_all_is_well(file: Path) -> None:
    answer = run("check", *some_database(file))
    assert (answer.code, answer.err) == (WELL, "")


# healthcheck


def test_nobody_answers() -> None:
    answer = run("healthcheck", "--listen", NOBODY, "--timeout", "20")
    assert (answer.code, answer.out, answer.err) == (NOT_WELL, "UNAVAILABLE\n", "")


def test_somebody_listens_and_says_nothing() -> None:
    with taken_port() as port:
        answer = run("healthcheck", "--listen", f"127.0.0.1:{port}", "--timeout", "0.3")
    assert (answer.code, answer.err) == (NOT_WELL, "")
    assert answer.out in ("DEADLINE_EXCEEDED\n", "UNAVAILABLE\n")


def test_the_gateway_is_asked_where_the_environment_says_that_it_listens(file: Path) -> None:
    with Gateway.start(*some_database(file)) as gateway:
        assert run("healthcheck", environment={"ROWGATE_LISTEN": gateway.address}) == Answer(WELL, "SERVING\n", "")
        answer = run("healthcheck", "--service", "database/main", environment={"ROWGATE_LISTEN": gateway.address})
        assert answer == Answer(WELL, "SERVING\n", "")
        answer = run("healthcheck", "--service", "nonsense", environment={"ROWGATE_LISTEN": gateway.address})
        assert answer == Answer(NOT_WELL, "NOT_FOUND\n", "")


# config, version, help


def test_the_effective_configuration_hides_secrets(tmp_path: Path) -> None:
    settings = tmp_path / "rowgate.yaml"
    url = f"postgresql://app:{PLANTED}@db/shop"
    settings.write_text(f"databases: {{main: {{url: '{url}'}}}}\nlog: {{level: debug}}\n", encoding="utf-8")
    answer = run(
        "config", "--config", str(settings), "--listen", "127.0.0.1:7", environment={"ROWGATE_LOG__FORMAT": "json"}
    )
    assert (answer.code, answer.err) == (WELL, "")
    assert PLANTED not in answer.out
    assert "postgresql://app:***@db:5432/shop" in answer.out
    for line in ("listen: 127.0.0.1:7  # flag --listen", "format: json  # environment ROWGATE_LOG__FORMAT"):
        assert line in answer.out
    assert re.search(r"level: debug  # .*rowgate\.yaml", answer.out)


def test_a_secret_in_the_wrong_place_is_not_repeated() -> None:
    url = f"postgresql://app:{PLANTED}@db/shop"
    for arguments in (("--set", f"{url}=1"), ("--database", url), ("--database", f"{url}?x=1"), ("--listen", url)):
        answer = run("check", *arguments)
        assert answer.code == WRONG
        assert PLANTED not in answer.err + answer.out


def test_the_schema_is_json() -> None:
    answer = run("config", "--schema")
    assert (answer.code, answer.err) == (WELL, "")
    schema = json.loads(answer.out)
    assert schema["$schema"].startswith("https://json-schema.org/")
    assert {"listen", "databases", "server", "log"} <= schema["properties"].keys()


def test_the_reference_has_every_variable() -> None:
    answer = run("config", "--reference")
    assert (answer.code, answer.err) == (WELL, "")
    for variable in ("ROWGATE_LISTEN", "ROWGATE_DATABASES__<NAME>__URL", "ROWGATE_LOG__LEVEL"):
        assert variable in answer.out


def test_the_version() -> None:
    assert run("version") == Answer(WELL, f"rowgate-server {__version__}\n", "")


FLAGS = ("--config", "--listen", "--admin-listen", "--default-database", "--database", "--insecure", "--set",
         "--log-level", "--log-format")  # fmt: skip
OWN = {
    "serve": (*FLAGS, "--demo", "--workers"),
    "check": FLAGS,
    "healthcheck": (*FLAGS, "--service", "--timeout"),
    "config": (*FLAGS, "--schema", "--reference"),
    "version": (),
}


@pytest.mark.parametrize("command", COMMANDS)
def test_help_mentions_each_flag_and_no_other(command: str) -> None:
    answer = run(command, "--help")
    assert (answer.code, answer.err) == (WELL, "")
    assert set(re.findall(r"--[a-z-]+", answer.out)) == {*OWN[command], "--help"}


def test_help_mentions_each_command() -> None:
    answer = run("--help")
    assert answer.code == WELL
    assert all(re.search(rf"^ +{command}\s+\w", answer.out, re.MULTILINE) for command in COMMANDS)


@pytest.mark.parametrize("variable", ["ROWGATE_NONSENSE", "ROWGATE_LISTEN"])
def test_what_needs_no_settings_reads_none(variable: str) -> None:
    for arguments in (["version"], ["config", "--schema"], ["config", "--reference"], ["serve", "--help"]):
        assert run(*arguments, environment={variable: "nonsense"}).code == WELL
