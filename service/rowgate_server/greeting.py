"""What a server says once it is ready."""

from __future__ import annotations

import json

from rowgate_server.demo import DEMO_QUERY
from rowgate_server.demo.hosting import NAME


def ready_line(address: str, admin: str) -> str:
    """The line that says where it listens; others wait for it."""
    return f"rowgate-server is ready on {address} (admin {admin})"


def greeting(address: str, default_database: str | None) -> str:
    """What to try first with the demo."""
    database = {} if default_database == NAME else {"database": NAME}
    query = json.dumps({**database, "sql": DEMO_QUERY})
    tables = f"-d '{json.dumps(database)}' " if database else ""
    return (
        f"\nA demo shop is served as database {NAME}. In another terminal, try:\n\n"
        f"  grpcurl -plaintext {address} list\n"
        f"  grpcurl -plaintext -d '{query}' {address} rowgate.v1.QueryService/ExecuteQuery\n"
        f"  grpcurl -plaintext {tables}{address} rowgate.v1.SchemaService/ListTables\n\n"
        "Ctrl-C stops the server, and the demo with it."
    )
