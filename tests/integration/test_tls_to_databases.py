"""TLS towards databases: the certificate's issuer, end and name are checked before anything is told to the server."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from rowgate_server import config
from rowgate_server.observability.causes import in_a_line
from rowgate_server.observability.metrics import Metrics
from rowgate_server.opening import open_databases
from support import guard
from support.certificates import Authority, self_signed
from support.child import Account
from support.eventually import eventually
from support.mariadb import MariaDB
from support.postgresql import PostgreSQL

CA = Authority.make("databases")
SHOWN = {
    "good": CA.issue("dns:localhost", "ip:127.0.0.1"),
    "expired": CA.issue("dns:localhost", "ip:127.0.0.1", until=timedelta(hours=-1)),
    "of another name": CA.issue("dns:elsewhere.test"),
    "self-signed": self_signed("dns:localhost", "ip:127.0.0.1"),
}
REFUSED = {
    "verify-full": {"expired", "of another name", "self-signed"},
    "verify-ca": {"expired", "self-signed"},
    "require": set[str](),
}


class Encrypted:
    """A server whose certificate can be exchanged."""

    def __init__(self, kind: type[MariaDB | PostgreSQL], folder: Path) -> None:
        self._folder = folder
        self._account = Account.unprivileged(*kind.accounts)
        self._mariadb = kind is MariaDB
        self._write("good")
        paths = folder / "tls.crt", folder / "tls.key"
        options = [f"--ssl-cert={paths[0]}", f"--ssl-key={paths[1]}"]
        if not self._mariadb:
            settings = "ssl=on", f"ssl_cert_file={paths[0]}", f"ssl_key_file={paths[1]}"
            options = [word for setting in settings for word in ("-c", setting)]
        self.server = kind.start(*options)
        self.ca = guard.test_run().folder / "databases-ca.crt"
        self.ca.write_bytes(CA.pem)

    async def show(self, name: str) -> None:
        """Exchange it."""
        self._write(name)
        self.server.execute("FLUSH SSL" if self._mariadb else "SELECT pg_reload_conf()")
        if not self._mariadb:
            await eventually(lambda: self._shown() == SHOWN[name].certificate, 10, "the certificate is shown")

    async def probe(self, options: str) -> str | None:
        """What is wrong with a connection; None for nothing."""
        loaded = config.load({"databases.main.url": f"{self.server.url}{options}"}, {})
        (database,) = open_databases(loaded, Metrics())
        try:
            error = await database.availability.probe()
        finally:
            await database.close()
        return None if error is None else in_a_line(error.__cause__ or error)

    def _write(self, name: str) -> None:
        SHOWN[name].write(self._folder)
        if self._account:
            self._account.own(self._folder)

    def _shown(self) -> bytes:
        """What PostgreSQL shows behind its own word for "TLS, please"."""
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        with socket.create_connection(("127.0.0.1", self.server.port), 5) as plain:
            plain.sendall(b"\x00\x00\x00\x08\x04\xd2\x16\x2f")
            assert plain.recv(1) == b"S"
            with context.wrap_socket(plain) as wrapped:
                return ssl.DER_cert_to_PEM_cert(wrapped.getpeercert(binary_form=True) or b"").encode()


@pytest.fixture(scope="module", params=[MariaDB, PostgreSQL], ids=["mariadb", "postgresql"])
def encrypted(request: pytest.FixtureRequest) -> Iterator[Encrypted]:
    folder = guard.test_run().folder / f"tls-{request.param.scheme}"
    folder.mkdir(mode=0o700)
    made = Encrypted(request.param, folder)
    with made.server:
        yield made


@pytest.mark.parametrize("name", SHOWN)
async def test_a_certificate_is_checked_as_far_as_the_mode_says(encrypted: Encrypted, name: str) -> None:
    await encrypted.show(name)
    for mode, refused in REFUSED.items():
        root = "" if mode == "require" else f"&sslrootcert={encrypted.ca}"
        wrong = await encrypted.probe(f"?sslmode={mode}{root}")
        assert (wrong is not None) == (name in refused), (mode, wrong)
        assert wrong is None or "certificate" in wrong.lower(), (mode, wrong)
    # By default everything is: who names authorities means them, on loopback too.
    assert (await encrypted.probe(f"?sslrootcert={encrypted.ca}") is None) == (name == "good")


async def test_an_authority_that_is_not_trusted_is_refused(encrypted: Encrypted, tmp_path: Path) -> None:
    await encrypted.show("good")
    other = Authority.make("others").write(tmp_path)
    assert await encrypted.probe(f"?sslmode=verify-full&sslrootcert={other}") is not None
    assert await encrypted.probe("?sslmode=verify-full") is not None
