"""The life of a supervising process: as `serve`, with several workers to do the serving."""

from __future__ import annotations

import sys

from rowgate_server import config, ending, signals
from rowgate_server.config_watch import Reading
from rowgate_server.demo.hosting import Demo, SeedingError
from rowgate_server.greeting import announce, greeting, ready_line
from rowgate_server.listening import ListenError
from rowgate_server.observability import logging
from rowgate_server.observability.outlet import say
from rowgate_server.workers.supervisor import Supervisor, WorkersError


def supervise(settings: config.Settings, demo: Demo, reading: Reading) -> int:
    """Supervise until SIGTERM or SIGINT; returns the exit code: 0, or 1 if the workers could not start or end well."""
    logging.configure(settings.log.level, settings.log.format)

    # What is wrong in it is told once, and not by each worker.
    config.read_policy(settings)

    def greet(address: str, admin: str, health: str) -> None:
        announce(ready_line(address, admin, health))
        if demo.seeding is not None:
            announce(greeting(address, settings))

    try:
        demo.wait()
        if signals.waiting():
            return 0
        ending.run(Supervisor(settings, greet, reading).run(), settings.server.drain_grace)
    except (ListenError, SeedingError, WorkersError) as error:
        say(f"rowgate-server: {error}", to=sys.stderr)
        return 1
    return 0
