"""Asks a running gateway for its health, as a container's health check does."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

import grpc
import grpc.aio
from cryptography import x509
from grpc_health.v1 import health_pb2, health_pb2_grpc


class Trust(NamedTuple):
    """The certificate that the gateway has to show, and a name in it."""

    pem: bytes
    name: str


def trust_in(path: str) -> Trust:
    """The gateway's own certificate, from its file: whoever else answers at the address is not trusted.

    Raises:
        OSError, ValueError: there is none.
    """
    pem = Path(path).read_bytes()
    try:
        names = (
            x509.load_pem_x509_certificate(pem).extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        )
    except x509.ExtensionNotFound:
        raise ValueError("has no names") from None
    known = [str(name) for kind in (x509.DNSName, x509.IPAddress) for name in names.get_values_for_type(kind)]
    if not known:
        raise ValueError("has no names")
    return Trust(pem, known[0])


async def healthcheck(
    address: str,
    service: str,
    seconds: float,
    trust: Trust | None = None,
) -> str:
    """The gateway's answer about one service name: SERVING, NOT_SERVING, or the code that the call failed with."""
    async with _channel(address, trust) as channel:
        stub: Any = health_pb2_grpc.HealthStub(channel)
        try:
            response = await stub.Check(health_pb2.HealthCheckRequest(service=service), timeout=seconds)
        except grpc.aio.AioRpcError as error:
            return error.code().name
    return health_pb2.HealthCheckResponse.ServingStatus.Name(response.status)


def _channel(address: str, trust: Trust | None) -> grpc.aio.Channel:
    if trust is None:
        return grpc.aio.insecure_channel(address)
    options = [("grpc.ssl_target_name_override", trust.name)]
    return grpc.aio.secure_channel(address, grpc.ssl_channel_credentials(trust.pem), options)
