"""The life of a serving process: start, say so, wait for a signal, stop."""

from __future__ import annotations

import sys

from rowgate_server import app, config, ending, signals
from rowgate_server.config_watch import ConfigWatch, Reading
from rowgate_server.configured import TableNotMadeError
from rowgate_server.demo.hosting import Demo, SeedingError
from rowgate_server.engines.beside import give_way_soon
from rowgate_server.greeting import announce, greeting, ready_line
from rowgate_server.listening import ListenError
from rowgate_server.observability import logging
from rowgate_server.observability.garbage import spare_collections
from rowgate_server.observability.outlet import say
from rowgate_server.observability.reload_metrics import ReloadMetrics
from rowgate_server.workers.told import Told


def serve(settings: config.Settings, demo: Demo, reading: Reading) -> int:
    """Serve until SIGTERM or SIGINT; returns the exit code: 0, or 1 if it could not start."""
    logging.configure(settings.log.level, settings.log.format)
    try:
        demo.wait()
        if signals.waiting():
            return 0
        work = _serve_until_told(settings, reading, greet=demo.seeding is not None)
        ending.run(work, settings.server.drain_grace)
    except (ListenError, TableNotMadeError, SeedingError) as error:
        say(f"rowgate-server: {error}", to=sys.stderr)
        return 1
    return 0


async def _serve_until_told(settings: config.Settings, reading: Reading, *, greet: bool) -> None:
    told = Told()
    gateway = app.Gateway(settings)

    async def exchange(candidate: config.Settings) -> None:
        gateway.take(await gateway.prepare(candidate))

    def look_now() -> None:
        gateway.look_at_files()
        watch.look_now()

    watch = ConfigWatch(reading, settings, exchange, ReloadMetrics(gateway.metrics.registry))
    told.on_hangup(look_now)
    try:
        addresses = await told.unless_stopped(gateway.start())
        if addresses is not None:
            watch.start()
            spare_collections()
            give_way_soon()
            announce(ready_line(addresses.grpc, addresses.admin, addresses.health))
            if greet:
                announce(greeting(addresses.grpc, settings))
            await told.stop.wait()
    finally:
        await watch.stop()
        await gateway.stop(told.hurry, pause=told.patient)
