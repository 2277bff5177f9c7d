"""The life of a serving process: start, say so, wait for a signal, stop."""

from __future__ import annotations

import asyncio
import gc
import json
import signal
import sys

from rowgate_server import app, config
from rowgate_server.demo import DEMO_QUERY
from rowgate_server.demo.hosting import NAME, Demo, SeedingError
from rowgate_server.observability import logging


def serve(settings: config.Settings, demo: Demo) -> int:
    """Serve until SIGTERM or SIGINT; returns the exit code: 0, or 1 if it could not start."""
    logging.configure(settings.log.level, settings.log.format)
    try:
        demo.wait()
        asyncio.run(_serve_until_told(settings, greet=demo.seeding is not None))
    except (app.ListenError, SeedingError) as error:
        print(f"rowgate-server: {error}", file=sys.stderr)
        return 1
    return 0


async def _serve_until_told(settings: config.Settings, *, greet: bool) -> None:
    told = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, told.set)
    gateway = app.Gateway(settings)
    try:
        addresses = await gateway.start()
        spare_collections()
        loop.add_signal_handler(signal.SIGHUP, gateway.reload)
        ready = f"rowgate-server is ready on {addresses.grpc} (admin {addresses.admin})"
        print(ready if addresses.health == "off" else f"{ready} (health {addresses.health})", flush=True)
        if greet:
            print(greeting(addresses.grpc, settings), flush=True)
        await told.wait()
    finally:
        await gateway.stop()


def spare_collections() -> None:
    """Leave out of garbage collections what was made by the start: modules, descriptors, settings stay anyway.

    A full collection went through some 300,000 objects of theirs, and stopped the event loop for 50 ms; a long result
    caused one every few hundred thousand rows.
    """
    gc.collect()
    gc.freeze()


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
    switches = {
        "authentication": settings.auth.on,
        "TLS": bool(settings.tls.certificate),
        "reflection": settings.server.reflection,
        "raw SQL": settings.databases[NAME].limits.raw_sql,
        "audit log": bool(settings.audit.path),
    }
    told = {"On": [name for name, on in switches.items() if on], "Off": [n for n, on in switches.items() if not on]}
    return " ".join(f"{word}: {', '.join(names)}." for word, names in told.items() if names)
