"""A certificate for a throwaway server that is reached over TLS: self-signed, in files that its account may read."""

from __future__ import annotations

import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from support.available import unavailable
from support.child import Account
from support.guard import test_run


@dataclass(frozen=True)
class Certificate:
    """A self-signed certificate for 127.0.0.1 and its key."""

    certificate: Path
    key: Path


def certificate(name: str, *accounts: str) -> Certificate:
    """Makes one that a server can read which runs as one of `accounts`.

    Args:
        name: of its folder.
        accounts: as in `ThrowawayServer.accounts`.
    """
    openssl = shutil.which("openssl") or unavailable("openssl", "install the package openssl")
    folder = test_run().folder / f"certificate-{name}"
    folder.mkdir(exist_ok=True)
    made = Certificate(folder / "server.crt", folder / "server.key")
    if not made.key.exists():
        command: list[str | Path] = [
            *(openssl, "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"),
            *("-days", "2", "-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1"),
            *("-keyout", made.key, "-out", made.certificate),
        ]
        subprocess.run(command, check=True, capture_output=True)
        made.key.chmod(0o600)
        if account := Account.unprivileged(*accounts):
            account.own(folder)
        folder.chmod(0o755)
    return made
