"""The settings of the whole server, and what must hold between their sections.

Every field says by `VISIBLE` or `SECRET` whether its value may be shown. All of it is frozen and holds plain values,
so that what is built from it takes them through its constructor.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from typing import Annotated, Any, Literal, Self

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    PrivateAttr,
    StringConstraints,
    ValidationInfo,
    WithJsonSchema,
    WrapSerializer,
    field_validator,
    model_validator,
)
from pydantic_core import PydanticCustomError

from rowgate_server.config.audit import Audit
from rowgate_server.config.auth import Auth
from rowgate_server.config.database import Database
from rowgate_server.config.fields import (
    VISIBLE,
    Derived,
    Duration,
    DurationOrOff,
    ListenAddress,
    OptionalAddress,
    Path,
    Section,
    lower_case,
)
from rowgate_server.config.grpc_server import Server
from rowgate_server.config.policy_settings import Policy
from rowgate_server.config.servers import server_disagreements
from rowgate_server.config.tls import AdminTls, Certificates, Tls
from rowgate_server.config.values import Address, FrozenMapping, Unit, format_quantity

_EXPOSED = (
    "is no loopback address, and no authentication is configured, so whoever can reach it could use the databases: "
    "configure auth, or say --insecure (insecure: true)"
)
DATABASE_NAME_PATTERN = "^[a-z0-9][a-z0-9_-]{0,62}$"


class Admin(Section):
    """AdminService: the queries that run."""

    enabled: Annotated[
        bool,
        VISIBLE,
        Field(description="Whether AdminService answers; otherwise each of its calls ends in `PERMISSION_DENIED`."),
    ] = True
    all_queries: Annotated[
        bool,
        VISIBLE,
        Field(
            description="Whether every caller may list and cancel the queries of all; otherwise its own: those of the "
            "same principal, or without authentication of the same connection. Where there is a policy, the right "
            "`admin` to the database counts instead. `--demo` turns it on."
        ),
    ] = False
    statement_text: Annotated[
        bool,
        VISIBLE,
        Field(description="Whether ListQueries tells SQL as it is written; otherwise with `?` for every literal."),
    ] = False


class Health(Section):
    """The health probes of the databases."""

    interval: Annotated[Duration, VISIBLE, Field(ge=0.1, description="Time between two probes of a database.")] = 0.5


class Log(Section):
    """What is written to standard error."""

    level: Annotated[
        Literal["debug", "info", "warning", "error"],
        BeforeValidator(lower_case),
        VISIBLE,
        Field(description="The least important level that is written."),
    ] = "info"
    slow_statements: Annotated[
        DurationOrOff,
        VISIBLE,
        Field(
            description="Statements that take so long are logged as warnings, with `?` for every literal; 0: none. "
            "The wait for a connection does not count; that of a stream for its reader does."
        ),
    ] = 1.0
    format: Annotated[
        Literal["auto", "json", "console"],
        BeforeValidator(lower_case),
        VISIBLE,
        Field(description="One JSON object a line, or text for people; `auto` is console on a terminal, else JSON."),
    ] = "auto"


class Reload(Section):
    """The configuration while the server runs."""

    interval: Annotated[
        DurationOrOff,
        VISIBLE,
        Field(
            description="Time between two looks at whether the configuration's files have changed: the YAML file, and "
            "those that `_FILE` variables name. SIGHUP has them read at once; 0: only then. A configuration that is "
            "wrong is not taken, and the one before holds on."
        ),
    ] = 5.0


def _collector(endpoint: str) -> str:
    if endpoint and not re.match(r"https?://[^/\s]+/?\Z", endpoint):
        raise ValueError("must be http://host:port or https://host:port")
    return endpoint


class Tracing(Section):
    """Traces by OpenTelemetry, which the server's `tracing` extra brings."""

    endpoint: Annotated[
        str,
        AfterValidator(_collector),
        VISIBLE,
        Field(
            description="The collector that takes OTLP by gRPC, `http://host:4317`, or by TLS `https://host:4317`. "
            "Empty: no traces."
        ),
    ] = ""
    ratio: Annotated[
        float,
        VISIBLE,
        Field(ge=0, le=1, description="How many of the calls are traced whose callers have not decided that already."),
    ] = 1.0
    sql: Annotated[
        bool, VISIBLE, Field(description="Whether a statement's text is told; the values of its parameters never are.")
    ] = False


DatabaseName = Annotated[str, StringConstraints(pattern=DATABASE_NAME_PATTERN)]
Databases = Annotated[
    Mapping[DatabaseName, Database],
    AfterValidator(FrozenMapping),
    WrapSerializer(lambda databases, dump: dump(dict(databases))),
]


def _only_one(earlier: Mapping[str, Any]) -> str | None:
    names = list(earlier["databases"])
    return names[0] if len(names) == 1 else None


class Settings(Section):
    """Everything the server can be told."""

    listen: Annotated[
        ListenAddress, VISIBLE, Field(description="Where gRPC listens: `host:port`, `[::1]:port` or `unix:/path`.")
    ] = Address(host="127.0.0.1", port=50051)
    admin_listen: Annotated[
        OptionalAddress, VISIBLE, Field(description="Where `/metrics`, `/livez` and `/readyz` listen, or `off`.")
    ] = Address(host="127.0.0.1", port=9464)
    health_listen: Annotated[
        OptionalAddress,
        VISIBLE,
        Field(
            description="Where the gRPC health service, and nothing else, also listens in plaintext: for probes that "
            "speak no TLS, or have no client certificate. It asks nobody who they are, and any address may stand here, "
            "without authentication and `insecure` too. `off`: nowhere."
        ),
    ] = None
    insecure: Annotated[
        bool,
        VISIBLE,
        Field(
            description="Whether everybody who can reach the server may use it: without authentication it listens on "
            "loopback and Unix sockets only, unless this is `true`."
        ),
    ] = False
    databases: Annotated[Databases, VISIBLE, Field(description="The databases that are served, by name.")] = Field(
        default_factory=lambda: FrozenMapping({})
    )

    default_database: Annotated[
        str | None,
        WithJsonSchema({"type": "string", "pattern": DATABASE_NAME_PATTERN}),
        VISIBLE,
        Derived("the only one there is"),
        Field(description="The database that a request means when it names none."),
    ] = Field(default_factory=_only_one)
    server: Annotated[Server, VISIBLE, Field(description="The gRPC server.")] = Server()
    auth: Annotated[Auth, VISIBLE, Field(description="Who may call.")] = Auth()
    tls: Annotated[Tls, VISIBLE, Field(description="TLS of the gRPC port.")] = Tls()
    admin_tls: Annotated[AdminTls, VISIBLE, Field(description="TLS of the admin port.")] = AdminTls()
    audit: Annotated[Audit, VISIBLE, Field(description="The audit log.")] = Audit()
    policy: Annotated[Policy, VISIBLE, Field(description="Who may do what.")] = Policy()
    admin: Annotated[Admin, VISIBLE, Field(description="AdminService: the queries that run.")] = Admin()
    health: Annotated[Health, VISIBLE, Field(description="The health probes of the databases.")] = Health()
    log: Annotated[Log, VISIBLE, Field(description="What is written to standard error.")] = Log()
    reload: Annotated[Reload, VISIBLE, Field(description="The configuration while the server runs.")] = Reload()
    tracing: Annotated[
        Tracing, VISIBLE, Field(description="Traces by OpenTelemetry, which the server's `tracing` extra brings.")
    ] = Tracing()

    _origins: Mapping[Path, str] = PrivateAttr(default=FrozenMapping({}))

    def model_post_init(self, context: Any, /) -> None:
        """Keep where each setting came from, when `load` tells."""
        if context is not None:
            self._origins = FrozenMapping(context)

    def origin(self, path: Path) -> str:
        """Where a setting's value came from: `environment ROWGATE_LISTEN`, `file rowgate.yaml`, `default`."""
        return self._origins.get(path, "default")

    @field_validator("databases")
    @classmethod
    def _some(cls, databases: Mapping[str, Database]) -> Mapping[str, Database]:
        if not databases:
            raise PydanticCustomError(
                "no_databases",
                "none is configured: give one by --database NAME=URL, ROWGATE_DATABASES__NAME__URL or a config file",
            )
        return databases

    @field_validator("default_database")
    @classmethod
    def _exists(cls, name: str | None, info: ValidationInfo) -> str | None:
        databases = info.data.get("databases")
        if name is None or databases is None or name in databases:
            return name
        close = get_close_matches(name, databases, n=1)
        raise ValueError(f"names no database; {f'did you mean {close[0]}?' if close else _there_are(databases)}")

    @model_validator(mode="after")
    def _agree(self) -> Self:
        problems = tuple(_disagreements(self))
        if problems:
            text = "; ".join(f"{'.'.join(path)} {words}" for path, words in problems)
            raise PydanticCustomError("disagreement", "{text}", {"text": text, "problems": problems})
        return self


def _there_are(names: Mapping[str, object]) -> str:
    return f"there are {', '.join(sorted(names))}"


def _disagreements(settings: Settings) -> Iterator[tuple[Path, str]]:
    """What holds between sections: the setting that breaks it, and how."""
    yield from _exposed(settings)
    yield from _incomplete("tls", settings.tls)
    yield from _incomplete("admin_tls", settings.admin_tls)
    if settings.auth.certificates and not settings.tls.client_ca:
        yield ("auth", "certificates"), "needs tls.client_ca: without it no caller is asked for a certificate"
    yield from _unsharable(settings)
    server = settings.server
    largest = f"server.max_message_bytes ({format_quantity(server.max_message_bytes, Unit.BYTES)})"
    request = f"server.max_request_bytes ({format_quantity(server.max_request_bytes, Unit.BYTES)})"
    grace = f"server.max_connection_age_grace ({format_quantity(server.max_connection_age_grace, Unit.SECONDS)})"
    for name, database in settings.databases.items():
        if database.limits.unary_bytes >= server.max_message_bytes:
            yield ("databases", name, "limits", "unary_bytes"), f"must be below {largest}, or results cannot be sent"
        if database.limits.sql_bytes >= server.max_request_bytes:
            yield ("databases", name, "limits", "sql_bytes"), f"must be below {request}, or requests cannot be received"
        yield from server_disagreements(name, database)
        if server.max_connection_age and database.timeouts.stream > server.max_connection_age_grace:
            yield ("databases", name, "timeouts", "stream"), f"must not be longer than {grace}, which would cut streams"


def _unsharable(settings: Settings) -> Iterator[tuple[Path, str]]:
    """Addresses that two listen on, and cannot."""
    admin, health, several = settings.admin_listen, settings.health_listen, settings.server.workers > 1
    if admin is not None and admin == settings.listen and (admin.path or admin.port):
        yield ("admin_listen",), "is the same as listen"
    if several and settings.listen.path:
        yield ("server", "workers"), "must be 1 where listen is a Unix socket, which processes cannot share"
    if several and health is not None and health.path:
        yield ("health_listen",), "must be no Unix socket where there are several workers, which cannot share it"


def _exposed(settings: Settings) -> Iterator[tuple[Path, str]]:
    """Addresses that others can reach, where nobody is asked who they are."""
    if settings.auth.on or settings.insecure:
        return
    for name in ("listen", "admin_listen"):
        address = getattr(settings, name)
        if address is not None and not address.local:
            yield (name,), _EXPOSED


def _incomplete(name: str, tls: Certificates) -> Iterator[tuple[Path, str]]:
    if tls.key and not tls.certificate:
        yield (name, "certificate"), f"is missing beside {name}.key"
    if tls.certificate and not tls.key:
        yield (name, "key"), f"is missing beside {name}.certificate"
    if tls.client_ca and not tls.certificate:
        yield (name, "client_ca"), f"needs {name}.certificate: callers show certificates by TLS only"
