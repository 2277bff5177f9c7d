"""Where a call goes, as requests that read say it."""

from __future__ import annotations

from typing import Protocol

from google.protobuf import duration_pb2

from rowgate.v1 import routing_pb2
from rowgate_server.engines.routing import PRIMARY, Reading, Route
from rowgate_server.errors import Outcome, Reason, RowgateError

_ROUTES: dict[int, Route] = {
    routing_pb2.ROUTE_UNSPECIFIED: Route.PRIMARY,
    routing_pb2.ROUTE_PRIMARY: Route.PRIMARY,
    routing_pb2.ROUTE_REPLICA: Route.REPLICA,
    routing_pb2.ROUTE_NEAREST: Route.NEAREST,
}


class _Routed(Protocol):
    """What every request that can be sent elsewhere has."""

    @property
    def route(self) -> routing_pb2.Route.ValueType: ...

    @property
    def max_staleness(self) -> duration_pb2.Duration: ...


def decode_reading(message: _Routed, *, bounded: bool, read_only: bool = True, prefix: str = "") -> Reading:
    """Where the call goes, checked.

    Args:
        message: says it.
        bounded: whether it has a `max_staleness`.
        read_only: whether nothing can be written.
        prefix: what stands before the names of the fields.

    Raises:
        RowgateError: INVALID_REQUEST, with the field at fault.
    """
    if not message.route and not bounded:
        return PRIMARY
    route = _ROUTES.get(message.route)
    if route is None:
        raise _refused(f"{prefix}route", "the gateway does not know this route; PRIMARY, REPLICA and NEAREST it does")
    if route is Route.PRIMARY and bounded:
        raise _refused(f"{prefix}max_staleness", "only what a replica may answer can be stale", "set a route")
    if route is not Route.PRIMARY and not read_only:
        raise _refused(
            f"{prefix}route", "only what is read_only goes to a replica", "set read_only, or leave the route to PRIMARY"
        )
    if not bounded:
        return Reading(route)
    seconds = message.max_staleness.seconds + message.max_staleness.nanos / 1e9
    if seconds <= 0:
        raise _refused(f"{prefix}max_staleness", "max_staleness is not above zero")
    return Reading(route, seconds)


def _refused(field: str, message: str, hint: str | None = None) -> RowgateError:
    return RowgateError(Reason.INVALID_REQUEST, message, field=field, hint=hint, outcome=Outcome.NOT_RUN)
