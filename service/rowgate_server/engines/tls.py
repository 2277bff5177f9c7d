"""TLS towards databases, in libpq's modes: https://www.postgresql.org/docs/current/libpq-ssl.html."""

from __future__ import annotations

import ssl
from dataclasses import dataclass
from enum import StrEnum


class TlsMode(StrEnum):
    """How much of TLS is asked for."""

    DISABLE = "disable"
    PREFER = "prefer"
    REQUIRE = "require"
    VERIFY_CA = "verify-ca"
    VERIFY_FULL = "verify-full"


@dataclass(frozen=True, slots=True)
class Tls:
    """A mode, and the file of CA certificates to trust ("": the system's own)."""

    mode: TlsMode = TlsMode.PREFER
    root_cert: str = ""

    def context(self) -> ssl.SSLContext | None:
        """What the drivers take; None for no TLS at all.

        Only the two verify modes check a certificate; `prefer` and `require` keep out listeners, not impostors.

        Raises:
            OSError, ssl.SSLError: the certificates cannot be read.
        """
        if self.mode is TlsMode.DISABLE:
            return None
        context = ssl.create_default_context(cafile=self.root_cert or None)
        context.check_hostname = self.mode is TlsMode.VERIFY_FULL
        if self.mode not in (TlsMode.VERIFY_CA, TlsMode.VERIFY_FULL):
            context.verify_mode = ssl.CERT_NONE
        return context
