"""What must hold between the servers of one database: its hosts, its replicas, and its other logins."""

from __future__ import annotations

from collections.abc import Iterator

from rowgate_server.config.database import Database
from rowgate_server.config.fields import Path
from rowgate_server.config.url import DatabaseUrl
from rowgate_server.engines.dialects import Dialect

_MOST_REPLICAS = 16


def server_disagreements(name: str, database: Database) -> Iterator[tuple[Path, str]]:
    """The setting that breaks it, and how."""
    here, url = ("databases", name), database.url
    for login, other in database.logins.items():
        if not other.url.same_place(url):
            yield (
                (*here, "logins", login, "url"),
                f"must lead to the same database as databases.{name}.url: it is another login there",
            )
    if database.routing.spread and not url.others:
        yield (*here, "routing", "spread"), f"needs several hosts in databases.{name}.url"
    if len(database.replicas) > _MOST_REPLICAS:
        yield (*here, "replicas"), f"must be no more than {_MOST_REPLICAS}"
    for replica, told in database.replicas.items():
        problem = _problem(url, told.url)
        if problem:
            yield (*here, "replicas", replica, "url"), f"{problem} databases.{name}.url"


def _problem(url: DatabaseUrl, replica: DatabaseUrl) -> str:
    if Dialect.SQLITE in (url.dialect, replica.dialect):
        return "must not be given for SQLite, which is a file and has no servers, beside"
    if replica.others:
        # How far it is behind is known of one server at a time, and callers are told which one answered.
        return "must name one host (for each of several give a replica of its own name, with its own url), beside"
    if (url.dialect, url.database) != (replica.dialect, replica.database):
        return "must be of the same engine and name the same database as"
    return ""
