"""The gRPC server: its options, its services, its interceptors in their one order."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import grpc
import grpc.aio
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection, reflection_pb2_grpc

from rowgate.v1 import (
    admin_service_pb2,
    admin_service_pb2_grpc,
    query_service_pb2,
    query_service_pb2_grpc,
    schema_service_pb2,
    schema_service_pb2_grpc,
    table_service_pb2,
    table_service_pb2_grpc,
)
from rowgate_server.observability.metrics import Metrics
from rowgate_server.observability.tracing import Tracing
from rowgate_server.transport.admin_servicer import AdminServicer
from rowgate_server.transport.health import Health
from rowgate_server.transport.interceptors.access_log import AccessLog
from rowgate_server.transport.interceptors.audit import Audit
from rowgate_server.transport.interceptors.authentication import Authentication
from rowgate_server.transport.interceptors.authorization import Authorization
from rowgate_server.transport.interceptors.chain import Chain, Interceptor
from rowgate_server.transport.interceptors.errors import Errors
from rowgate_server.transport.interceptors.metrics import CallCounter
from rowgate_server.transport.interceptors.request_id import RequestId
from rowgate_server.transport.interceptors.requests import Requests
from rowgate_server.transport.interceptors.tracing import CallTracer
from rowgate_server.transport.interceptors.underway import CallsUnderWay
from rowgate_server.transport.interceptors.unknown import answer_unknown
from rowgate_server.transport.interceptors.unread import Unread
from rowgate_server.transport.query_servicer import QueryServicer
from rowgate_server.transport.schema_servicer import SchemaServicer
from rowgate_server.transport.table_servicer import TableServicer

SERVICES: tuple[str, ...] = (
    query_service_pb2.DESCRIPTOR.services_by_name["QueryService"].full_name,
    schema_service_pb2.DESCRIPTOR.services_by_name["SchemaService"].full_name,
    table_service_pb2.DESCRIPTOR.services_by_name["TableService"].full_name,
    admin_service_pb2.DESCRIPTOR.services_by_name["AdminService"].full_name,
    health_pb2.DESCRIPTOR.services_by_name["Health"].full_name,
)

_LARGEST_METADATA = 16 * 1024

_REQUESTS_AT_ONCE = 4
"""Of the largest, that may be under way; twice as many of half their size, and so on."""


@dataclass(frozen=True, slots=True)
class ServerOptions:
    """Bytes, counts and seconds; `max_connection_age` 0 is never."""

    max_message_bytes: int
    max_request_bytes: int
    max_concurrent_streams: int
    keepalive_time: float
    keepalive_timeout: float
    max_connection_age: float
    max_connection_age_grace: float
    reflection: bool
    reuse_port: bool = False


@dataclass(frozen=True, slots=True)
class Servicers:
    """What the server serves."""

    query: QueryServicer
    schema: SchemaServicer
    tables: TableServicer
    admin: AdminServicer
    health: Health


@dataclass(frozen=True, slots=True)
class Around:
    """What stands around every handler; `authorization` None: nothing is asked, `tracing` None: nothing is traced."""

    metrics: Metrics
    audit: Audit
    under_way: CallsUnderWay
    unread: Unread
    authentication: Authentication
    authorization: Authorization | None = None
    tracing: Tracing | None = None


def interceptors(around: Around) -> tuple[Interceptor, ...]:
    """The one order, outermost first, and why each stands where it does.

    1. RequestId: everything further in names the call by it.
    2. CallTracer, where traces are on: the line that the next one writes names the trace, and tells how the call ended.
    3. AccessLog: sees how every call ended, refused ones too, and takes the time.
    4. Audit: the same for those who ask later who did what.
    5. CallCounter: counts what the access log tells.
    6. Errors: gives the code that those above report; what is further in may raise as it likes.
    7. CallsUnderWay: refuses calls once the gateway stops, before anything is spent on them.
    8. Authentication: its refusals are logged, counted and mapped like all else, and nothing is done for strangers.
    9. Authorization: asks for the principal; the health port has none.
    """
    tracer = () if around.tracing is None else (CallTracer(around.tracing),)
    authorization = () if around.authorization is None else (around.authorization,)
    return (
        RequestId(),
        *tracer,
        AccessLog(),
        around.audit,
        CallCounter(around.metrics),
        Errors(),
        around.under_way,
        around.authentication,
        *authorization,
    )


def build(
    servicers: Servicers,
    options: ServerOptions,
    around: Around,
) -> grpc.aio.Server:
    """A server with every service registered; it listens nowhere yet."""
    server = grpc.aio.server(options=_channel_arguments(options))
    # The chain has the two methods that registration calls.
    chain: Any = Chain(server, interceptors(around), around.under_way, _requests(options), around.unread)
    query_service_pb2_grpc.add_QueryServiceServicer_to_server(servicers.query, chain)
    schema_service_pb2_grpc.add_SchemaServiceServicer_to_server(servicers.schema, chain)
    table_service_pb2_grpc.add_TableServiceServicer_to_server(servicers.tables, chain)
    admin_service_pb2_grpc.add_AdminServiceServicer_to_server(servicers.admin, chain)
    health_pb2_grpc.add_HealthServicer_to_server(servicers.health.servicer, chain)
    if options.reflection:
        names = (*SERVICES, reflection.SERVICE_NAME)
        servicer = reflection.aio.ReflectionServicer(names)
        reflection_pb2_grpc.add_ServerReflectionServicer_to_server(servicer, chain)
    answer_unknown(server, chain)
    return server


def build_health(health: Health, options: ServerOptions, metrics: Metrics, audit: Audit) -> grpc.aio.Server:
    """A server with the health service only, which anybody may ask, until the very end."""
    server = grpc.aio.server(options=_channel_arguments(options))
    under_way, unread = CallsUnderWay(), Unread(0)  # none of its answers is large
    around = Around(metrics, audit, under_way, unread, Authentication(None))
    chain: Any = Chain(server, interceptors(around), under_way, _requests(options), unread)
    health_pb2_grpc.add_HealthServicer_to_server(health.servicer, chain)
    answer_unknown(server, chain)
    return server


def _requests(options: ServerOptions) -> Requests:
    return Requests(_REQUESTS_AT_ONCE * options.max_request_bytes)


def _channel_arguments(options: ServerOptions) -> Sequence[tuple[str, int]]:
    """GRPC core's arguments: https://grpc.github.io/grpc/core/group__grpc__arg__keys.html."""
    arguments = [
        # Two servers on one port, by accident, would share its calls in silence.
        ("grpc.so_reuseport", int(options.reuse_port)),
        ("grpc.max_receive_message_length", options.max_request_bytes),
        ("grpc.max_send_message_length", options.max_message_bytes),
        ("grpc.max_metadata_size", _LARGEST_METADATA),
        # Between the one and the other gRPC refuses some calls, by chance.
        ("grpc.absolute_max_metadata_size", _LARGEST_METADATA),
        # Without it one connection could open streams without bound: 50,850 in 3 s cost 64 MB.
        ("grpc.max_concurrent_streams", options.max_concurrent_streams),
        # It would count calls that are over, but not yet forgotten, and refuse new ones of a client that keeps to the
        # bound: two in three of 500 at once failed. Floods of calls cost no more memory without it.
        ("grpc.http.overload_protection", 0),
        # A frozen client is found by pings. A server's go on while there is nothing to send, whatever
        # grpc.http2.max_pings_without_data says: https://github.com/grpc/grpc/pull/29053
        ("grpc.keepalive_time_ms", round(options.keepalive_time * 1000)),
        ("grpc.keepalive_timeout_ms", round(options.keepalive_timeout * 1000)),
        ("grpc.http2.ping_timeout_ms", round(options.keepalive_timeout * 1000)),
        # Clients without calls are pinged too, and may ping as often as the gateway itself does.
        ("grpc.keepalive_permit_without_calls", 1),
        ("grpc.http2.min_ping_interval_without_data_ms", 10_000),
    ]
    if options.max_connection_age:
        arguments.append(("grpc.max_connection_age_ms", round(options.max_connection_age * 1000)))
        arguments.append(("grpc.max_connection_age_grace_ms", round(options.max_connection_age_grace * 1000)))
    return arguments
