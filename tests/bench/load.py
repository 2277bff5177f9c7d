"""The load generator: a process of its own that calls one contender, as the bench commands over a socket.

It has one caller, connected for the whole run, and works through one command after another:
`python -m bench.load SOCKET CONTENDER TARGET`
"""

from __future__ import annotations

import asyncio
import random
import sys
from collections.abc import Awaitable, Callable
from datetime import datetime
from multiprocessing.connection import Connection, Listener
from time import perf_counter
from typing import Any

from bench.caller import Caller, NotServedError
from bench.commands import Answer, Calls, Command, Failed, NotServed, Ping, Pinged, Row, Scan, Timed
from bench.contenders import find
from bench.figures import percentile
from bench.work import PAGE_ROWS, Kind

_SEED = 20240131
"""Every contender is asked for the same keys."""


async def answer(command: Command, caller: Caller, next_command: Callable[[], Awaitable[Command]]) -> Answer:
    """Carries one command out."""
    match command:
        case Row():
            return [as_text(cell) for cell in await caller.row(command.key)]
        case Calls():
            return await call_in_a_loop(command, caller)
        case Scan():
            began = perf_counter()
            count = await caller.scan(command.rows, command.encoding)
            took = perf_counter() - began
            return Timed(count, took, took, took)
        case Ping():
            return await ping_until(next_command(), caller, command.every)
        case _:
            raise ValueError(f"{command} stands alone")


async def call_in_a_loop(command: Calls, caller: Caller) -> Timed:
    """`concurrency` callers, each of whom calls again as soon as it has its answer, and at least once."""
    latencies: list[float] = []
    call = _call(command, caller)
    began = perf_counter()
    until = began + command.seconds

    async def one_caller() -> None:
        started = perf_counter()
        while True:
            await call()
            ended = perf_counter()
            latencies.append(ended - started)
            if ended >= until:
                return
            started = ended

    async with asyncio.TaskGroup() as callers:
        for _ in range(command.concurrency):
            callers.create_task(one_caller())
    elapsed = perf_counter() - began
    latencies.sort()
    return Timed(len(latencies), elapsed, percentile(latencies, 50), percentile(latencies, 99))


def _call(command: Calls, caller: Caller) -> Callable[[], Awaitable[None]]:
    choose = random.Random(_SEED).randint
    match command.kind:
        case Kind.POINT:
            return lambda: caller.point(choose(1, command.rows))
        case Kind.PAGE:
            return lambda: caller.page(choose(0, command.rows - PAGE_ROWS))
        case Kind.FIRST_PAGE:
            return lambda: caller.page(0)
        case Kind.LAST_PAGE:
            return lambda: caller.page(command.rows - PAGE_ROWS)
        case Kind.INSERT:
            return caller.insert
        case Kind.MANY:
            return caller.insert_many
        case _:
            raise ValueError(f"{command.kind} is no call")


async def ping_until(stop: Awaitable[object], caller: Caller, every: float) -> Pinged:
    """Pings on a schedule that does not wait for late ones, until `stop` is there."""
    seconds: list[float] = []

    async def ping(due: float) -> None:
        await caller.ping()
        seconds.append(perf_counter() - due)

    async def schedule(pings: asyncio.TaskGroup) -> None:
        due = perf_counter()
        while True:
            pings.create_task(ping(due))
            due += every
            await asyncio.sleep(due - perf_counter())

    async with asyncio.TaskGroup() as pings:
        scheduling = asyncio.create_task(schedule(pings))
        try:
            await stop
        finally:
            scheduling.cancel()
    return Pinged(tuple(seconds))


def as_text(cell: Any) -> str:
    """A cell, the same whether it came as Python's own type or in the text of an encoding."""
    if isinstance(cell, datetime):
        return cell.isoformat(timespec="microseconds")
    return str(cell)


async def work(connection: Connection, make: Callable[[], Caller]) -> None:
    """Carries commands out until the bench hangs up."""

    async def receive() -> Command:
        # A thread waits, so that the loop's own calls go on.
        command: Command = await asyncio.to_thread(connection.recv)
        return command

    # grpc.aio's channels belong to the loop that they are made in.
    async with make() as caller:
        while True:
            try:
                command = await receive()
            except (EOFError, ConnectionResetError):
                return
            try:
                connection.send(await answer(command, caller, receive))
            except NotServedError:
                connection.send(NotServed())
            except Exception as error:  # noqa: BLE001 - told to the bench, which ends the run
                connection.send(Failed(_told(error)))


def _told(error: BaseException) -> str:
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return f"{type(error).__name__}: {error}"


def main(socket: str, contender: str, target: str) -> None:
    """Waits for the bench to connect, and works for it."""
    caller = find(contender).caller
    with Listener(socket, "AF_UNIX") as listener:
        sys.stdout.write(f"ready on {socket}\n")
        sys.stdout.flush()
        with listener.accept() as connection:
            asyncio.run(work(connection, lambda: caller(target)))


if __name__ == "__main__":
    main(*sys.argv[1:])
