"""Where gRPC servers listen."""

from __future__ import annotations

import grpc.aio

from rowgate_server import config
from rowgate_server.listening import ListenError, refuse_taken
from rowgate_server.transport.certificates import ServedCertificates
from rowgate_server.transport.tls import GrpcCredentials


def bind(
    setting: str, server: grpc.aio.Server, listen: config.Address, certificates: ServedCertificates | None
) -> tuple[str, int | None]:
    """Where a server listens from its start on, and the port that it has; None for a socket file.

    Raises:
        ListenError: the address cannot be had.
    """
    refuse_taken(setting, listen)
    try:
        if certificates is None:
            port = server.add_insecure_port(str(listen))
        else:
            port = server.add_secure_port(str(listen), GrpcCredentials(certificates).credentials())
    except RuntimeError:
        raise ListenError(f"{setting}: {listen} cannot be listened on; is something else there?") from None
    if listen.path:
        return str(listen), None
    return f"[{listen.host}]:{port}" if ":" in listen.host else f"{listen.host}:{port}", port
