"""A principal: who a call is made for, as everything further in sees it."""

from __future__ import annotations

from collections.abc import Mapping
from contextvars import ContextVar
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType
from typing import Any

NO_CLAIMS: Mapping[str, Any] = MappingProxyType({})


class Method(StrEnum):
    """How a principal has proved who it is."""

    NONE = "none"
    API_KEY = "api_key"
    JWT = "jwt"
    CERTIFICATE = "certificate"


@dataclass(frozen=True, slots=True)
class Principal:
    """Who calls.

    Attributes:
        name: of the key, the certificate's entry, or what the token's name claim says; "" for nobody known.
        method: how that was proved.
        roles: what it may act as, each once.
        claims: what else is known: text of the configuration, or plain JSON values of a token.
        issuer: the configured name of the token's issuer: two issuers may give the same name to two bearers.
    """

    name: str
    method: Method
    roles: tuple[str, ...] = ()
    claims: Mapping[str, Any] = field(default_factory=lambda: NO_CLAIMS, hash=False, repr=False)
    issuer: str = ""

    @property
    def identity(self) -> str:
        """One text for each principal, whatever it may do; "" for nobody known."""
        return f"{self.method.value}:{self.issuer}:{self.name}" if self.method is not Method.NONE else ""


ANONYMOUS = Principal("", Method.NONE)
"""The principal of every call where authentication is off, and of those that need none: health, open reflection,
and where the policy has roles for it."""

current_principal: ContextVar[Principal] = ContextVar("rowgate_principal", default=ANONYMOUS)
"""Who the call that this task handles is made for. What a task does for several calls at once must not ask for it."""
