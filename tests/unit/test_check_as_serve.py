"""`check` finds what `serve` would not start with, in the same words; and leaves nothing behind."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest
from unit.core.sqlite_files import fill

from support.available import ROOT

CHEAP = "scrypt:4:8:1:c2FsdHNhbHRzYWx0c2FsdA:aGFzaGhhc2hoYXNoaGFzaGhhc2hoYXNoaGFzaGhhc2g"
ISSUER = {
    "auth.jwt.corporate.issuer": "https://issuer.example",
    "auth.jwt.corporate.audience": "rowgate",
    "auth.jwt.corporate.jwks": "https://issuer.example/keys",
}
POSTGRESQL = "postgresql://app:x@127.0.0.1:9/shop"


def run(command: str, settings: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
    flags = [word for name, value in settings.items() for word in ("--set", f"{name}={value}")]
    line = [sys.executable, "-m", "rowgate_server", command, "--listen", "127.0.0.1:0", "--admin-listen", "off", *flags]
    return subprocess.run(line, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)


@pytest.fixture
def main(tmp_path: Path) -> dict[str, str]:
    (tmp_path / "none.pem").write_text("these are no certificates", encoding="utf-8")
    return {"databases.main.url": f"sqlite:///{fill(tmp_path / 'main.db', 'create table t (a)')}"}


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"auth.api_keys.tester.hash": CHEAP}, "auth.api_keys.tester.hash: is a hash with parameters"),
        ({**ISSUER, "auth.jwt.corporate.jwks_ca": "{folder}/none.pem"}, "auth.jwt.corporate.jwks_ca: the file"),
        (
            {
                "databases.pg.url": POSTGRESQL,
                "databases.pg.logins.other.url": f"{POSTGRESQL}?sslmode=verify-full&sslrootcert={{folder}}/none.pem",
            },
            "databases.pg.logins.other.url (flag --set): the file that its sslrootcert names cannot be used",
        ),
    ],
    ids=["hash", "jwks_ca", "login"],
)
def test_check_finds_what_serve_would_build_in_vain(
    main: dict[str, str], tmp_path: Path, settings: dict[str, str], told: str
) -> None:
    given = main | {name: value.replace("{folder}", str(tmp_path)) for name, value in settings.items()}
    checked = run("check", given)
    assert (checked.returncode, checked.stdout) == (2, "")
    assert checked.stderr.startswith(f"rowgate-server: {told}")


def test_check_says_what_serve_says_of_an_audit_log_that_cannot_be_written(
    main: dict[str, str], tmp_path: Path
) -> None:
    given = {**main, "audit.path": str(tmp_path / "nowhere/audit.log")}
    checked, served = run("check", given), run("serve", given)
    assert (checked.returncode, checked.stderr) == (2, served.stderr)
    assert checked.stderr.startswith("rowgate-server: audit.path: the file that it names cannot be written: No such")


def test_check_leaves_no_file_behind(main: dict[str, str], tmp_path: Path) -> None:
    before = sorted(tmp_path.iterdir())
    checked = run("check", {**main, "audit.path": str(tmp_path / "audit.log"), "server.workers": "2"})
    assert (checked.returncode, checked.stderr.count("\n")) == (0, 1)
    assert checked.stderr.startswith("rowgate-server: databases.main: the file has no write-ahead log: ")
    assert sorted(tmp_path.iterdir()) == before
