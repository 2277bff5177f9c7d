"""An event loop and a process that end in a moment, whatever their tasks and threads are at.

Python waits for them, however long they take: `asyncio.run` for tasks that were cancelled and for the threads of its
executor, and the interpreter for every thread that is no daemon.
"""

from __future__ import annotations

import asyncio
import logging
import os
import sys
import threading
from collections.abc import Coroutine
from time import monotonic
from typing import Any, NoReturn

from rowgate_server import signals
from rowgate_server.observability.outlet import outlets

_MOMENT = 0.1
"""Seconds. There are three of them, behind whatever a drain takes."""


def run(work: Coroutine[Any, Any, None], grace: float) -> None:
    """As `asyncio.run`, but it ends in moments. From then on SIGTERM, SIGINT and SIGHUP are ignored.

    Args:
        work: what the loop is for.
        grace: seconds that the work may take from a signal on; a moment later the process ends, whatever is stuck.
    """
    # Other commands, which have no such loop, need not import the log.
    from rowgate_server.loop import Loop
    from rowgate_server.watchdog import Watchdog

    loop = Loop(Watchdog(grace))
    try:
        asyncio.set_event_loop(loop)
        loop.run_until_complete(work)
    finally:
        loop.run_until_complete(_end_of_tasks(loop))
        asyncio.set_event_loop(None)
        signals.ignore()
        loop.close()


def leave(code: int) -> NoReturn:
    """End the process with this exit code, once the lines of its log are written or have had their time."""
    outlets.flush()
    until = monotonic() + _MOMENT
    others = [each for each in threading.enumerate() if not each.daemon and each is not threading.current_thread()]
    for thread in others:
        thread.join(max(0.0, until - monotonic()))
    if any(thread.is_alive() for thread in others):
        logging.shutdown()
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)
    sys.exit(code)


async def _end_of_tasks(loop: asyncio.AbstractEventLoop) -> None:
    tasks = asyncio.all_tasks(loop) - {asyncio.current_task(loop)}
    for task in tasks:
        task.cancel()
    if tasks:
        await asyncio.wait(tasks, timeout=_MOMENT)
    generators = asyncio.ensure_future(loop.shutdown_asyncgens())
    await asyncio.wait({generators}, timeout=_MOMENT)
