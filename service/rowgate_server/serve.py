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
    except (app.ListenError, app.TableNotMadeError, SeedingError) as error:
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
        print(f"rowgate-server is ready on {addresses.grpc} (admin {addresses.admin})", flush=True)
        if greet:
            print(greeting(addresses.grpc, settings.default_database), flush=True)
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
