"""What a server says once it is ready, on standard output."""

from __future__ import annotations

import json
import sys

from rowgate_server import config
from rowgate_server.demo import DEMO_QUERY
from rowgate_server.demo.hosting import NAME
from rowgate_server.observability.causes import in_a_line
from rowgate_server.observability.logging import get_logger
from rowgate_server.observability.outlet import outlets, say

_log = get_logger("rowgate.serve")

_SOON = 0.1
"""Seconds that a log may hold it up whose reader stands still."""


def announce(line: str) -> None:
    """Say it, behind what the log has told so far. A server whose output cannot be written serves all the same."""

    def told(error: BaseException | None) -> None:
        if error is not None:
            _log.warning("standard output cannot be written", lost=line, cause=in_a_line(error))

    outlets.catch_up(_SOON)
    say(line, to=sys.stdout, told=told)


def ready_line(address: str, admin: str, health: str) -> str:
    """The line that says where it listens; others wait for it."""
    line = f"rowgate-server is ready on {address} (admin {admin})"
    return line if health == "off" else f"{line} (health {health})"


def greeting(address: str, settings: config.Settings) -> str:
    """What to try first with the demo, and what is open in it."""
    database = {} if settings.default_database == NAME else {"database": NAME}
    query = json.dumps({**database, "sql": DEMO_QUERY})
    tables = f"-d '{json.dumps(database)}' " if database else ""
    return (
        f"\nA demo shop is served as database {NAME}. In another terminal, try:\n\n"
        f"  grpcurl -plaintext {address} list\n"
        f"  grpcurl -plaintext -d '{query}' {address} rowgate.v1.QueryService/ExecuteQuery\n"
        f"  grpcurl -plaintext {tables}{address} rowgate.v1.SchemaService/ListTables\n\n"
        f"{_open(settings)}\n"
        "Ctrl-C stops the server, and the demo with it."
    )


def _open(settings: config.Settings) -> str:
    """Which of the switches are on."""
    demo, admin = settings.databases[NAME], settings.admin
    switches = {
        "authentication": settings.auth.on,
        "TLS": bool(settings.tls.certificate),
        "reflection": settings.server.reflection,
        "raw SQL": demo.limits.raw_sql,
        "DDL": demo.catalog.ddl,
        "admin calls": admin.enabled,
        "queries of everybody in them": admin.enabled and admin.all_queries,
        "audit log": bool(settings.audit.path),
    }
    told = {"On": [name for name, on in switches.items() if on], "Off": [n for n, on in switches.items() if not on]}
    return " ".join(f"{word}: {', '.join(names)}." for word, names in told.items() if names)
