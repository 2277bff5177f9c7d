"""The settings of TLS towards callers: of the gRPC port, and of the admin port."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from rowgate_server.config.fields import VISIBLE, Duration, Section


class Certificates(Section):
    """A certificate to show, and whom to ask for one."""

    certificate: Annotated[
        str, VISIBLE, Field(description="Path of the certificate chain, in PEM. Empty: plaintext.")
    ] = ""
    key: Annotated[str, VISIBLE, Field(description="Path of the private key that belongs to it, in PEM.")] = ""
    client_ca: Annotated[
        str,
        VISIBLE,
        Field(
            description="Path of the CA certificates, in PEM, one of which must have signed the certificate that every "
            "caller has to show. Empty: none is asked for."
        ),
    ] = ""


class Tls(Certificates):
    """TLS of the gRPC port, 1.2 or newer."""

    reload_interval: Annotated[
        Duration,
        VISIBLE,
        Field(
            description="How often the files of both ports are looked at for new certificates; SIGHUP has it done at "
            "once. Ones that cannot be used are told of, and the old ones stay."
        ),
    ] = 10.0


class AdminTls(Certificates):
    """TLS of the admin port, 1.2 or newer."""
