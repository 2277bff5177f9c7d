"""Secrets that are planted everywhere come out nowhere: not in a log, a metric, an error or a printout."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import urllib.request
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pytest
from unit.core.sqlite_files import fill

import rowgate
from rowgate_server.identity.hashing import make_key
from support.available import ROOT
from support.certificates import Authority
from support.identities import AUDIENCE, ISSUER, SigningKey, claims, jwks
from support.process import Gateway

KEY, HASH = make_key("bob")
WRONG = make_key("bob")[0]
SIGNER, STRANGER = SigningKey.make(), SigningKey.make()
TOKEN = SIGNER.token(claims(tenant="planted-tenant-claim"))
EXPIRED = SIGNER.token(claims(exp=1))
FORGED = STRANGER.token()
CA = Authority.make()
SERVED = CA.issue()

PLANTED = {
    "the password of a database": "planted-dsn-password",
    "the secret of page tokens": "planted-page-token-secret",
    "the value of a parameter": "planted-parameter",
    "a header": "planted-header",
    "a key": KEY.partition(".")[2],
    "the hash of a key": str(HASH),
    "the hash itself": str(HASH).rpartition(":")[2],
    "a wrong key": WRONG.partition(".")[2],
    "a token": TOKEN,
    "the signature of a token": TOKEN.rpartition(".")[2],
    "a claim": "planted-tenant-claim",
    "an expired token": EXPIRED.rpartition(".")[2],
    "a forged token": FORGED.rpartition(".")[2],
    "the private key of TLS": SERVED.key.decode().splitlines()[1],
    "a half of a misplaced password": "planted-basic",
}


@dataclass
class Planted:
    gateway: Gateway
    folder: Path
    arguments: list[str]


@pytest.fixture(scope="module")
def planted(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Planted]:
    folder = tmp_path_factory.mktemp("planted")
    fill(folder / "main.db", "create table things (id integer primary key, name text)")
    SERVED.write(folder)
    (folder / "keys.json").write_bytes(jwks(SIGNER))
    (folder / "rowgate.yaml").write_text(
        f"""\
default_database: main
databases:
  main: {{url: "sqlite:///{folder / "main.db"}"}}
  away: {{url: "postgresql://app:planted-dsn-password@127.0.0.1:1/shop"}}
server: {{page_token_secret: planted-page-token-secret}}
auth:
  failures: {{burst: 1000}}
  api_keys: {{bob: {{hash: "{HASH}", roles: reader, claims: tenant=acme}}}}
  jwt: {{test: {{issuer: "{ISSUER}", audience: {AUDIENCE}, jwks: "{folder / "keys.json"}"}}}}
tls: {{certificate: "{folder / "tls.crt"}", key: "{folder / "tls.key"}"}}
audit: {{path: "{folder / "audit.log"}"}}
log: {{level: debug, format: json}}
""",
        encoding="utf-8",
    )
    arguments = ["--config", str(folder / "rowgate.yaml")]
    with Gateway.start(*arguments) as gateway:
        yield Planted(gateway, folder, arguments)


STATEMENTS = ("insert into things (name) values (:v)", "select :v from nothing", "selec :v", "select :v + ")


async def _drain(view: rowgate.Database) -> None:
    _ = [row async for row in view.stream("select :v", v="planted-parameter")]


async def _call(planted: Planted, token: str | None, **more: str) -> str:
    """Calls of every kind, right and wrong; what their errors say, whole."""
    told = ""
    metadata = {"x-planted": "planted-header", "x-request-id": "planted-header '", **more}
    tls = rowgate.Tls(ca=CA.pem)
    async with rowgate.connect(
        planted.gateway.address, tls=tls, token=token, metadata=metadata, retry=None, timeout=20
    ) as db:
        for view in (db, db.using("away"), db.using("nowhere")):
            rows = view.table("things")
            asks: list[Callable[[], Awaitable[object]]] = [
                *(partial(view.query, sql, v="planted-parameter") for sql in STATEMENTS),
                partial(rows.insert, {"name": "planted-parameter"}),
                partial(rows.insert, {"id": "planted-parameter"}),
                partial(_drain, view),
            ]
            for ask in asks:
                try:
                    await ask()
                except rowgate.RowgateError as error:
                    told += f"{error!r} {error} {error.metadata} {error.__cause__!r}\n"
    return told


def _scrape(address: str) -> str:
    with urllib.request.urlopen(f"http://{address}/metrics", timeout=10) as answer:
        text: str = answer.read().decode()
        return text


def _command(planted: Planted, *command: str) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "rowgate_server", *command, *planted.arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    return done.stdout + done.stderr


async def test_what_is_secret_is_written_nowhere(planted: Planted) -> None:
    said = ""
    for token in (KEY, TOKEN, WRONG, EXPIRED, FORGED, None):
        said += await _call(planted, token)
    said += await _call(planted, None, authorization="Basic planted-basic")
    metrics = await asyncio.to_thread(_scrape, planted.gateway.admin_address)
    printed = _command(planted, "config") + _command(planted, "check")
    assert planted.gateway.terminate() == 0
    audit = (planted.folder / "audit.log").read_text(encoding="utf-8")
    log = planted.gateway.stdout + planted.gateway.stderr
    # All of it is there, so that what is not in it is left out and not lost.
    assert "InvalidSql" in said
    assert "Unauthenticated" in said
    assert "DatabaseUnavailable" in said
    assert 'rowgate_auth_failures_total{reason="wrong_key"}' in metrics
    assert '"principal": "alice"' in log
    assert '"refused": "expired"' in audit
    assert "insert into things (name) values (?)" in audit
    assert "page_token_secret: '***'" in printed
    places = {"errors": said, "metrics": metrics, "printouts": printed, "audit log": audit, "log": log}
    found = [(what, place) for what, secret in PLANTED.items() for place, text in places.items() if secret in text]
    assert found == []
    # Principals are for logs: a metric of each would have no end.
    assert "alice" not in metrics
    assert "bob" not in metrics
