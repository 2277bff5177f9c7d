"""What interceptors treat in the same way: the services beside the gateway's own, and what logs tell of a call."""

from __future__ import annotations

from typing import Any

from rowgate_server.identity.principal import ANONYMOUS, Principal

HEALTH = "grpc.health.v1.Health"
REFLECTION = "grpc.reflection.v1alpha.ServerReflection"

# Probes and tools call these all the time.
QUIET = frozenset({HEALTH, REFLECTION})
_LONGEST_FACT = 128


def shortened(fact: Any) -> Any:
    """Some facts are what the caller wrote, of any length: the name of a database that is not there."""
    return fact[:_LONGEST_FACT] if isinstance(fact, str) else fact


def who(principal: Principal) -> dict[str, str]:
    """Who calls; nothing where nobody was asked."""
    if principal is ANONYMOUS:
        return {}
    issuer = {"issuer": principal.issuer} if principal.issuer else {}
    return {"principal": shortened(principal.name), "auth": principal.method.value, **issuer}
