"""Client certificates: the names in one that TLS has verified, as a principal."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from rowgate_server.identity.principal import Principal
from rowgate_server.identity.refusal import RefusedError, Why


class Certificates:
    """Knows the configured ones.

    Args:
        by_san: principals by subject alternative name: `dns:billing.internal`, `uri:spiffe://cluster/ns/billing`.
    """

    def __init__(self, by_san: Mapping[str, Principal]) -> None:
        self._by_san = dict(by_san)

    def __bool__(self) -> bool:
        return bool(self._by_san)

    def prove(self, sans: Iterable[str]) -> Principal:
        """Who a certificate with these names stands for.

        Raises:
            RefusedError: nobody, or more than one.
        """
        meant = {principal.name: principal for san in sans if (principal := self._by_san.get(san)) is not None}
        if len(meant) != 1:
            raise RefusedError(Why.CERTIFICATE)
        return next(iter(meant.values()))
