"""The metrics of the certificates that ports serve."""

from __future__ import annotations

from datetime import datetime

from prometheus_client import CollectorRegistry, Counter, Gauge


class TlsMetrics:
    """What happens to the certificate of one port."""

    def __init__(self, failures: Counter, expires: Gauge) -> None:
        self._failures = failures
        self._expires = expires

    def failed(self) -> None:
        """A new one could not be used."""
        self._failures.inc()

    def serving(self, expires: datetime) -> None:
        """One is served that expires then."""
        self._expires.set(expires.timestamp())


class TlsFamilies:
    """Those of all ports.

    Args:
        registry: where they are told.
    """

    def __init__(self, registry: CollectorRegistry) -> None:
        self._failures = Counter(
            "rowgate_tls_reload_failures",
            "New certificates that could not be used; the one before stayed.",
            ["port"],
            registry=registry,
        )
        self._expires = Gauge(
            "rowgate_tls_certificate_expires_seconds",
            "When the certificate that is served expires, in seconds since 1970.",
            ["port"],
            registry=registry,
        )

    def port(self, name: str) -> TlsMetrics:
        """Those of one port."""
        return TlsMetrics(self._failures.labels(name), self._expires.labels(name))
