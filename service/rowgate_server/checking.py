"""What `check` does: builds all that `serve` would build, so that it finds the same faults, and tries the databases.

Nothing is listened on, and nothing is written: neither an audit log nor a table.
"""

from __future__ import annotations

import asyncio
import io
import sys

from rowgate_server import app, config
from rowgate_server.engines.database import Database
from rowgate_server.observability import logging
from rowgate_server.observability.causes import in_a_line
from rowgate_server.security import try_audit_log
from rowgate_server.sharing import unshared


def check(settings: config.Settings) -> int:
    """Print what is found; returns the exit code: 0, or 1 if a database, or one of its servers, is not reached.

    Raises:
        ConfigError: `serve` would not start.
    """
    # What is wrong is said in one line each, not in the log.
    logging.configure("error", settings.log.format, io.StringIO())
    return asyncio.run(_check(settings))


async def _check(settings: config.Settings) -> int:
    try_audit_log(settings.audit, settings.server.workers)
    gateway = app.Gateway(settings.model_copy(update={"audit": config.Audit()}))
    try:
        for line in unshared(settings):
            _complain(line)
        found = [await _answers(database) for database in gateway.databases]
    finally:
        await gateway.stop(pause=False)
    return 0 if all(found) else 1


async def _answers(database: Database) -> bool:
    """Whether it can be reached, and all of its servers."""
    name = f"databases.{database.name}"
    error = await database.availability.probe()
    well = error is None
    for host in database.hosts:
        if host.availability.error is None:
            print(f"{name}: {host.name}: {host.told()}")
        else:
            _complain(f"{name}: {host.name}: {in_a_line(host.availability.error)}")
            well = False
    if error is None:
        facts = database.availability.facts
        print(f"{name}: ok, {database.scheme} {facts.version}")
        if facts.advice:
            _complain(f"{name}: {facts.advice}")
    else:
        _complain(f"{name}.url: cannot be reached: {in_a_line(error)}")
    return well


def _complain(line: str) -> None:
    print(f"rowgate-server: {line}", file=sys.stderr)
