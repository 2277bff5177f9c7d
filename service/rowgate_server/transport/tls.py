"""TLS of the gRPC port: the newest certificates for every handshake.

A fetcher that raised would fail every new connection, so gRPC is given one that cannot.
"""

from __future__ import annotations

from collections.abc import Callable

import grpc

from rowgate_server.transport.certificates import Material, ServedCertificates


class GrpcCredentials:
    """What a gRPC server takes for the certificates of its port.

    Args:
        served: the certificates.
    """

    def __init__(self, served: ServedCertificates) -> None:
        self._served = served
        self._given = served.material

    def credentials(self) -> grpc.ServerCredentials:
        """Asked for new ones before every handshake."""
        return grpc.dynamic_ssl_server_credentials(
            _configuration(self._given),
            self._fetch,  # type: ignore[arg-type]  # its types leave out None, which its documentation names
            require_client_authentication=self._given.client_ca is not None,
        )

    def _fetch(self) -> grpc.ServerCertificateConfiguration | None:
        """Called by gRPC's own threads; None is no change."""
        material = self._served.material
        if material is self._given:
            return None
        self._given = material
        return _configuration(material)


def _configuration(material: Material) -> grpc.ServerCertificateConfiguration:
    make: Callable[..., grpc.ServerCertificateConfiguration] = grpc.ssl_server_certificate_configuration
    return make([(material.key, material.certificate)], material.client_ca)
