"""The real gateway in a process of its own, as an operator would run it."""

from __future__ import annotations

import os
import signal
import sys
from typing import TYPE_CHECKING, Self

from support.available import ROOT
from support.child import Child
from support.guard import test_run

if TYPE_CHECKING:
    from collections.abc import Mapping

_READY = r"rowgate-server is ready on (\S+) \(admin (\S+)\)(?: \(health (\S+)\))?"
_PASSED_ON = ("PATH", "HOME", "PYTHONPATH", "LANG")


class GatewayDidNotStartError(AssertionError):
    """The gateway ended, or stayed silent, before it was ready. The message has what it wrote."""


class Gateway:
    """A running `rowgate-server serve`. `start` makes it; it is a context manager that ends it."""

    def __init__(self, child: Child, address: str, admin_address: str, health_address: str | None = None) -> None:
        """Takes over a gateway that is ready; `start` is the way to call this."""
        self.child = child
        self.address = address
        """HOST:PORT of gRPC."""
        self.admin_address = admin_address
        """HOST:PORT of the metrics and the HTTP health."""
        self.health_address = health_address or address
        """HOST:PORT of gRPC's health, which may have a port of its own."""

    @classmethod
    def start(
        cls,
        *arguments: str,
        environment: Mapping[str, str] | None = None,
        within: float = 30.0,
        module: str = "rowgate_server",
    ) -> Self:
        """Starts the gateway on free ports and waits for its word that it is ready.

        Args:
            arguments: what follows `serve` on the command line.
            environment: more variables, settings above all. No `ROWGATE_` variable of the caller's own is passed on.
            within: seconds until it must be ready.
            module: what is run.
        """
        child = Child(
            [sys.executable, "-m", module, "serve", *arguments],
            folder=ROOT,
            environment={
                **{name: os.environ[name] for name in _PASSED_ON if name in os.environ},
                "PYTHONUNBUFFERED": "1",
                "TMPDIR": str(test_run().folder),  # a demo database stays where its gateway is killed
                "ROWGATE_LISTEN": "127.0.0.1:0",
                "ROWGATE_ADMIN_LISTEN": "127.0.0.1:0",
                "ROWGATE_SERVER__DRAIN_PAUSE": "0",  # no load balancer has to hear of its end
                **(environment or {}),
            },
        )
        ready = child.stdout.wait_for(_READY, within=within)
        if not ready:
            code = child.kill()
            raise GatewayDidNotStartError(f"exit code {code}\n{child.stdout.text}\n{child.stderr.text}")
        return cls(child, *ready.groups())

    @property
    def stdout(self) -> str:
        """What it has written to its output so far; all of it once it has ended."""
        return self.child.stdout.text

    @property
    def stderr(self) -> str:
        """What it has written to its error stream so far; all of it once it has ended."""
        return self.child.stderr.text

    def terminate(self, *, within: float = 30.0) -> int:
        """Asks it to shut down (SIGTERM), waits, and returns the exit code; -9 if it had to be killed."""
        return self.child.stop(signal.SIGTERM, within=within)

    def kill(self) -> None:
        """Ends it as a crash would."""
        self.child.kill()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.child.kill()
