"""What ports show who they are with, and where the admin port listens. Supervisors need it, which import no gRPC."""

from __future__ import annotations

import socket
from collections.abc import Callable

from rowgate_server import config
from rowgate_server.observability.tls_metrics import TlsMetrics
from rowgate_server.transport.admin import AdminServer
from rowgate_server.transport.certificates import CertificateError, ServedCertificates, TlsFiles


class ListenError(Exception):
    """An address cannot be listened on; the text says which setting, and why."""


def refuse_taken(setting: str, listen: config.Address) -> None:
    """Refuse a socket file that somebody serves: gRPC and asyncio would put theirs in its place without a word.

    Raises:
        ListenError: somebody does.
    """
    if not listen.path:
        return
    with socket.socket(socket.AF_UNIX) as probe:
        probe.settimeout(0)
        try:
            probe.connect(listen.path)
        except OSError as error:
            # No file, one that was left behind, or a fault that listening there tells best.
            if not isinstance(error, BlockingIOError):  # so many wait to be accepted
                return
    raise ListenError(f"{setting}: {listen} cannot be listened on: another process serves it")


def certificates(
    port: str, section: str, tls: config.Certificates, metrics: Callable[[str], TlsMetrics]
) -> ServedCertificates | None:
    """What a port serves; None for plaintext.

    Raises:
        ConfigError: it cannot be served.
    """
    if not tls.certificate:
        return None
    try:
        return ServedCertificates(port, TlsFiles(tls.certificate, tls.key, tls.client_ca), metrics(port))
    except CertificateError as error:
        raise config.ConfigError([f"{section}: {error}"]) from None


async def start_admin(
    admin: AdminServer, listen: config.Address | None, certificates: ServedCertificates | None
) -> str:
    """Where the admin port listens: "off" for nowhere.

    Raises:
        ListenError: the address cannot be had.
    """
    if listen is None:
        return "off"
    refuse_taken("admin_listen", listen)
    context = None if certificates is None else certificates.context()
    try:
        return await admin.listen(listen.host, listen.port, listen.path, context)
    except OSError as error:
        raise ListenError(f"admin_listen: {listen} cannot be listened on: {error.strerror or error}") from None
