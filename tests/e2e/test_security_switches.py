"""What an operator types: keys made and used, addresses refused, certificates exchanged by a signal."""

from __future__ import annotations

import os
import re
import signal
import ssl
import subprocess
import sys
import time
from pathlib import Path
from textwrap import dedent

import pytest
from unit.core.sqlite_files import fill

from rowgate_server import config
from rowgate_server.greeting import greeting
from support.available import ROOT
from support.certificates import Authority
from support.process import Gateway

CA = Authority.make()


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "rowgate_server", *arguments],
        cwd=ROOT,
        env={"PATH": os.environ["PATH"]},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_a_made_key_fits_the_configuration_that_is_printed_with_it(tmp_path: Path) -> None:
    made = run("hash-key", "reporting")
    assert made.returncode == 0
    key = re.search(r"rgk_reporting\.\S+", made.stdout)
    assert key
    file = tmp_path / "rowgate.yaml"
    file.write_text(
        "databases: {main: {url: 'sqlite:////x.db'}}\n" + dedent(made.stdout.partition("configuration:\n")[2])
    )
    shown = run("config", "--config", str(file))
    assert "reporting:" in shown.stdout
    assert key[0] not in file.read_text()
    refused = run("hash-key", "Not A Name")
    assert (refused.returncode, refused.stdout) == (2, "")


def test_a_server_that_others_could_reach_does_not_start_unless_told_in_as_many_words(tmp_path: Path) -> None:
    database = f"main=sqlite:///{fill(tmp_path / 'main.db', 'create table t (a)')}"
    refused = run("serve", "--database", database, "--listen", "0.0.0.0:0", "--admin-listen", "off")
    assert refused.returncode == 2
    assert "is no loopback address" in refused.stderr
    with Gateway.start("--database", database, "--listen", "0.0.0.0:0", "--insecure") as gateway:
        assert gateway.address.startswith("0.0.0.0:")


@pytest.mark.parametrize(
    ("setting", "named"),
    [
        ("server.reflection", "reflection"),
        ("databases.demo.limits.raw_sql", "raw SQL"),
        ("databases.demo.catalog.ddl", "DDL"),
        ("admin.enabled", "admin calls"),
        ("admin.all_queries", "queries of everybody in them"),
    ],
)
def test_the_demo_says_what_is_on_and_what_is_off(setting: str, named: str) -> None:
    demo = {"databases.demo.url": "sqlite:////demo.db", "databases.demo.catalog.ddl": "true"}
    settings = config.load({**demo, "admin.all_queries": "true", setting: "false"}, {})
    told = re.search(r"^On: (.*)\. Off: (.*)\.$", greeting("127.0.0.1:1", settings), re.MULTILINE)
    assert told
    assert named not in told[1].split(", ")
    assert {named, "authentication", "TLS"} <= set(told[2].split(", "))
    assert len(told[1].split(", ")) >= 3, "the others are on"


def test_check_judges_certificates_as_serve_does(tmp_path: Path) -> None:
    certificate, _ = CA.issue().write(tmp_path)
    other = tmp_path / "other"
    other.mkdir()
    _, key = CA.issue().write(other)
    database = ("--database", f"main=sqlite:///{fill(tmp_path / 'main.db', 'create table t (a)')}")
    told = {}
    for command, section in (("check", "tls"), ("serve", "tls"), ("check", "admin_tls")):
        files = ("--set", f"{section}.certificate={certificate}", "--set", f"{section}.key={key}")
        refused = run(command, *database, *files)
        assert (refused.returncode, refused.stdout) == (2, "")
        told[command, section] = refused.stderr
    assert told["check", "tls"] == told["serve", "tls"]
    assert told["check", "admin_tls"].startswith("rowgate-server: admin_tls: ")


def test_a_hangup_exchanges_the_certificate_and_does_not_end_the_server(tmp_path: Path) -> None:
    certificate, key = CA.issue().write(tmp_path)
    database = f"main=sqlite:///{fill(tmp_path / 'main.db', 'create table t (a)')}"
    settings = [f"tls.certificate={certificate}", f"tls.key={key}", "tls.reload_interval=1h"]
    flags = [word for setting in settings for word in ("--set", setting)]
    with Gateway.start("--database", database, *flags) as gateway:
        host, _, port = gateway.address.rpartition(":")
        fresh = CA.issue()
        fresh.write(tmp_path)
        os.kill(gateway.child.pid, signal.SIGHUP)
        assert gateway.child.stderr.wait_for("certificate exchanged", within=10)
        until = time.monotonic() + 10
        while (shown := ssl.get_server_certificate((host, int(port)))) != fresh.certificate.decode():
            assert time.monotonic() < until, shown
        assert gateway.terminate() == 0
