"""The certificates of a port: read, judged before they are served, and exchanged while the server runs.

New ones that cannot be used are told of in the log and in a metric, and the ones before stay.
"""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key

from rowgate_server.observability.logging import get_logger
from rowgate_server.observability.tls_metrics import TlsMetrics

_log = get_logger("rowgate.tls")


class CertificateError(Exception):
    """Files that cannot be served; the text says which and why, without their content."""


@dataclass(frozen=True, slots=True)
class TlsFiles:
    """Paths of PEM files; `client_ca` may be empty: no client certificates are asked for."""

    certificate: str
    key: str
    client_ca: str = ""


class Material(NamedTuple):
    """What is in the files."""

    certificate: bytes
    key: bytes
    client_ca: bytes | None


class ServedCertificates:
    """What one port serves.

    Args:
        port: `grpc` or `admin`, in the log and the metric.
        files: where they are.
        metrics: told of failures, and of the end of what is served.

    Raises:
        CertificateError: they cannot be used.
    """

    def __init__(self, port: str, files: TlsFiles, metrics: TlsMetrics) -> None:
        self._port = port
        self._files = files
        self._metrics = metrics
        self.material = self._tried = _read(files)
        self._context, expires = _judged(files, self.material)
        metrics.serving(expires)

    def reload(self, *, tell: bool = False) -> bool:
        """Take what is in the files now, if it is other than before and can be used.

        Args:
            tell: whether to tell once more of what cannot be used.
        """
        try:
            material = _read(self._files)
            if material == self.material:
                self._tried = material
                return False
            if material == self._tried and not tell:
                return False
            self._tried = material
            context, expires = _judged(self._files, material)
        except CertificateError as error:
            self._metrics.failed()
            _log.error("certificate not exchanged, the one before stays", port=self._port, cause=str(error))
            return False
        self.material, self._context = material, context
        self._metrics.serving(expires)
        _log.info("certificate exchanged", port=self._port, expires=expires.isoformat())
        return True

    def context(self) -> ssl.SSLContext:
        """What an HTTP server takes; each handshake is done by the newest."""
        context, _ = _judged(self._files, self.material)
        context.sni_callback = self._exchange
        return context

    def _exchange(self, handshake: Any, name: str | None, context: ssl.SSLContext) -> None:
        """Called at the beginning of every handshake, with a name or without."""
        del name, context
        handshake.context = self._context


class Reloading:
    """Looks at the files again and again.

    Args:
        served: what may be exchanged.
        every: seconds.
    """

    def __init__(self, served: Sequence[ServedCertificates], every: float) -> None:
        self._served = served
        self._every = every
        self._task: asyncio.Task[None] | None = None
        self._now: set[asyncio.Task[None]] = set()

    def start(self) -> None:
        """Begin, if there is anything to look at."""
        if self._served:
            self._task = asyncio.create_task(self._keep_looking(), name="certificates")

    def look_now(self) -> None:
        """Look at once: a signal has come."""
        task = asyncio.create_task(self._look(tell=True))
        self._now.add(task)
        task.add_done_callback(self._now.discard)

    async def stop(self) -> None:
        """Look no more."""
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task

    async def _keep_looking(self) -> None:
        while True:
            await asyncio.sleep(self._every)
            await self._look(tell=False)

    async def _look(self, *, tell: bool) -> None:
        for served in self._served:
            await asyncio.to_thread(served.reload, tell=tell)


def _read(files: TlsFiles) -> Material:
    read: list[bytes | None] = []
    for setting, path in (("certificate", files.certificate), ("key", files.key), ("client_ca", files.client_ca)):
        try:
            read.append(Path(path).read_bytes() if path else None)
        except OSError as error:
            raise CertificateError(f"the file of {setting} cannot be read: {error.strerror}") from None
    return Material(read[0] or b"", read[1] or b"", read[2])


def _judged(files: TlsFiles, material: Material) -> tuple[ssl.SSLContext, datetime]:
    """A context that serves it, and when it expires.

    Raises:
        CertificateError: it cannot be served.
    """
    certificate = _certificates("certificate", material.certificate)[0]
    _check_key(certificate, material.key)
    now, expires = datetime.now(UTC), certificate.not_valid_after_utc
    if expires <= now:
        raise CertificateError(f"the certificate has expired: {expires.isoformat()}")
    if certificate.not_valid_before_utc > now:
        raise CertificateError(f"the certificate is not valid yet: {certificate.not_valid_before_utc.isoformat()}")
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    try:
        # From the files: ssl takes no key from memory. One that was changed since it was read does not fit, or fits.
        context.load_cert_chain(files.certificate, files.key, password=lambda: b"")
        if material.client_ca is not None:
            _certificates("client_ca", material.client_ca)
            context.load_verify_locations(cadata=material.client_ca.decode("ascii"))
            context.verify_mode = ssl.CERT_REQUIRED
    except (ssl.SSLError, OSError, ValueError) as error:
        raise CertificateError(f"the files do not belong together: {type(error).__name__}") from None
    return context, expires


def _certificates(setting: str, pem: bytes) -> list[x509.Certificate]:
    try:
        return x509.load_pem_x509_certificates(pem)
    except ValueError:
        raise CertificateError(f"the file of {setting} has no certificate in PEM") from None


def _check_key(certificate: x509.Certificate, pem: bytes) -> None:
    try:
        key = load_pem_private_key(pem, password=None)
    except TypeError:
        raise CertificateError("the key is encrypted; it has to be readable by itself") from None
    except ValueError:
        raise CertificateError("the file of key has no private key in PEM") from None
    form = Encoding.DER, PublicFormat.SubjectPublicKeyInfo
    if key.public_key().public_bytes(*form) != certificate.public_key().public_bytes(*form):
        raise CertificateError("the key does not belong to the certificate")
