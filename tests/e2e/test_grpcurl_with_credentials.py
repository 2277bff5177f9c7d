"""The options that docs/security.md gives to grpcurl, on gateways that want them."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from unit.core.sqlite_files import fill

from rowgate_server.identity.hashing import make_key
from support import documents
from support.certificates import Authority
from support.process import Gateway
from support.tools import grpcurl

KEY, HASH = make_key("bob")
CA = Authority.make()
OPTIONS = {row[0]: row[1].strip("`") for row in documents.tables("docs/security.md") if row[1].startswith("`-")}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("grpcurl")
    fill(folder / "main.db", "create table things (id integer primary key)")
    CA.write(folder)
    CA.issue().write(folder)
    CA.issue("dns:billing.internal").write(folder, "client")
    return folder


@pytest.fixture(params=OPTIONS)
def gateway(request: pytest.FixtureRequest, folder: Path) -> Iterator[Gateway]:
    settings = {"databases.main.url": f"sqlite:///{folder / 'main.db'}"}
    if "key" in request.param:
        settings["auth.api_keys.bob.hash"] = str(HASH)
    else:
        settings |= {"auth.certificates.b.san": "dns:billing.internal", "tls.client_ca": str(folder / "ca.crt")}
    if "plaintext" not in request.param:
        settings |= {"tls.certificate": str(folder / "tls.crt"), "tls.key": str(folder / "tls.key")}
    flags = [word for key, value in settings.items() for word in ("--set", f"{key}={value}")]
    with Gateway.start(*flags) as started:
        yield started


def _ask(folder: Path, gateway: Gateway, options: str) -> subprocess.CompletedProcess[str]:
    command = f'"$GRPCURL" -max-time 20 {options} {gateway.address} rowgate.v1.SchemaService/ListDatabases'
    return subprocess.run(
        ["/bin/sh", "-c", command],
        cwd=folder,
        env={"GRPCURL": str(grpcurl()), "KEY": KEY},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_grpcurl_gets_in_with_the_options_of_the_page_and_not_without(
    folder: Path, gateway: Gateway, request: pytest.FixtureRequest
) -> None:
    name = request.node.callspec.params["gateway"]
    done = _ask(folder, gateway, OPTIONS[name])
    assert '"name": "main"' in done.stdout, done.stderr
    without = OPTIONS[name].partition(" -H")[0].partition(" -cert")[0] + " -max-time 3"
    refused = _ask(folder, gateway, without)
    assert refused.returncode != 0
    assert '"name"' not in refused.stdout
