"""What the gateway asks of traces; `otlp` has it, with libraries that are an extra."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol


@dataclass(frozen=True, slots=True)
class Place:
    """A database, as its spans tell of it.

    Attributes:
        name: in the gateway's configuration.
        system: mysql, mariadb, postgresql or sqlite.
        namespace: the database's name on its server.
        host: empty for a file.
        port: 0 for none.
    """

    name: str
    system: str
    namespace: str
    host: str = ""
    port: int = 0


class CallSpan(Protocol):
    """A call's span."""

    @property
    def trace_id(self) -> str:
        """32 hexadecimal digits."""

    def end(self, code: str, reason: str, facts: Mapping[str, Any]) -> None:
        """The call has ended.

        Args:
            code: gRPC's name of its code.
            reason: the gateway's; empty when it went well.
            facts: what the access log tells: of these the database, the query's id and the number of rows.
        """


class PartSpan(Protocol):
    """The span of something that a call does or waits for; ended once, whoever is first."""

    def end(self) -> None:
        """It went well."""

    def fail(self, kind: str, code: str = "") -> None:
        """It did not.

        Args:
            kind: the gateway's reason, or what else is known of it.
            code: the database's own.
        """


class StatementSpan(PartSpan, Protocol):
    """A statement's span."""

    def began(self) -> None:
        """The command that begins its transaction goes with it."""

    def returned(self, rows: int) -> None:
        """So many more rows have come."""


class Tracing(Protocol):
    """Makes spans."""

    def call(self, method: str, peer: str, metadata: Iterable[tuple[str, Any]]) -> CallSpan:
        """The span of a call, below its caller's; statements of the same task, and of those it starts, go below it."""

    def statement(self, place: Place, fragments: Sequence[str], sets: int = 1) -> StatementSpan | None:
        """The span of a statement, below the call of this task; None where that is not recorded."""

    def command(self, place: Place, operation: str) -> PartSpan | None:
        """The same of a command about a transaction: `COMMIT`."""

    def wait(self, place: Place, what: str, pool: str) -> PartSpan | None:
        """The same of a wait for a connection, and for what: a pool, as the metrics name it."""

    async def close(self) -> None:
        """Export what is left, within a bounded time."""
