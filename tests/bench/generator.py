"""A load generator, as the bench holds it: started, commanded, ended."""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Iterator
from multiprocessing.connection import Client, Connection
from typing import TypeVar

from bench.commands import Answer, Calls, Command, Failed, NotServed, Ping, Pinged, Row, Scan, Stop, Timed
from bench.contender import started
from support.child import Child
from support.guard import test_run

A = TypeVar("A", bound=Answer)

_ANSWER_WITHIN = 180.0
_numbers = itertools.count(1)


class CallFailedError(Exception):
    """A contender failed at a call, or a load generator was lost. The message tells which, and why."""


class LoadGenerator:
    """A running load generator; `connected` makes it.

    Args:
        name: the contender that it calls.
        child: its process.
        connection: to it.
    """

    def __init__(self, name: str, child: Child, connection: Connection) -> None:
        self._name = name
        self._child = child
        self._connection = connection

    @property
    def pid(self) -> int:
        """The number of its process."""
        return self._child.pid

    def row(self, key: int) -> list[str]:
        """One row, each cell as text."""
        return self._ask(Row(key), list)

    def calls(self, command: Calls) -> Timed:
        """Calls for a while."""
        return self._ask(command, Timed)

    def scan(self, command: Scan) -> Timed | None:
        """Scans the table; None if the contender has no such encoding."""
        answer = self._ask(command, Timed, NotServed)
        return answer if isinstance(answer, Timed) else None

    @contextlib.contextmanager
    def pinging(self, every: float) -> Iterator[list[float]]:
        """Pings as long as the context lasts; the list has the latencies after it."""
        latencies: list[float] = []
        self._connection.send(Ping(every))
        yield latencies
        latencies += self._ask(Stop(), Pinged).seconds

    def _ask(self, command: Command, *kinds: type[A]) -> A:
        try:
            self._connection.send(command)
            if not self._connection.poll(_ANSWER_WITHIN):
                raise CallFailedError(f"{self._name}: no answer to {command} in {_ANSWER_WITHIN:g} s")
            answer: Answer = self._connection.recv()
        except (EOFError, OSError) as error:
            raise CallFailedError(f"{self._name}: the load generator is gone: {self._child.stderr.text}") from error
        if isinstance(answer, kinds):
            return answer
        reason = answer.reason if isinstance(answer, Failed) else f"answered {answer}"
        raise CallFailedError(f"{self._name}: {command}: {reason}")


@contextlib.contextmanager
def connected(contender: str, target: str) -> Iterator[LoadGenerator]:
    """A load generator for a contender; it ends when the bench hangs up."""
    socket = str(test_run().folder / f"load-{next(_numbers)}")
    with started("bench.load", socket, contender, target) as running, Client(socket, "AF_UNIX") as connection:
        yield LoadGenerator(contender, running.child, connection)
