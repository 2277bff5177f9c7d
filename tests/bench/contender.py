"""One contender: how its server is started, if it has one, and how it is called."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass

from bench.caller import Caller
from bench.work import Encoding
from support.available import ROOT
from support.child import Child

_PASSED_ON = ("PATH", "HOME", "LANG", "TMPDIR")
_START_WITHIN = 120.0
_STOP_WITHIN = 10.0


class ContenderDidNotStartError(Exception):
    """A server ended, or stayed silent, before it was ready. The message has what it wrote."""


@dataclass(frozen=True, slots=True)
class Site:
    """What a contender's server may need to know.

    Attributes:
        database_url: where the database is.
        rows: of the table that is scanned.
        gateway_address: where Rowgate listens; empty where it is not there yet.
        encodings: what Rowgate serves.
    """

    database_url: str
    rows: int
    gateway_address: str = ""
    encodings: tuple[Encoding, ...] = ()


@dataclass(frozen=True, slots=True)
class Running:
    """A server that is ready; `admin` is where it tells its metrics, if it does."""

    child: Child
    address: str
    admin: str = ""


@dataclass(frozen=True, slots=True)
class Contender:
    """One contender.

    Attributes:
        name: what `--contenders` takes.
        title: for the reports.
        caller: makes its caller, from the server's address or, without a server, the database's URL.
        start: starts its server; None: it works in the caller's process.
        encodings: in which a scan is asked for, one after another.
        scans: whether it can scan the table at all.
        of_tables: whether it is measured at what `OF_TABLES` has.
    """

    name: str
    title: str
    caller: Callable[[str], Caller]
    start: Callable[[Site], AbstractContextManager[Running]] | None = None
    encodings: tuple[Encoding, ...] = ()
    scans: bool = True
    of_tables: bool = False


def environment() -> Mapping[str, str]:
    """For the bench's own processes: nothing of the developer's settings."""
    kept = {name: os.environ[name] for name in _PASSED_ON if name in os.environ}
    return {**kept, "PYTHONPATH": str(ROOT / "tests"), "PYTHONUNBUFFERED": "1"}


@contextlib.contextmanager
def started(module: str, *arguments: str) -> Iterator[Running]:
    """A server of the bench's own, which says on its output where it listens.

    Raises:
        ContenderDidNotStartError: it does not say so.
    """
    child = Child([sys.executable, "-m", module, *arguments], folder=ROOT, environment=environment())
    try:
        ready = child.stdout.wait_for(r"ready on (\S+)", within=_START_WITHIN)
        if not ready:
            child.kill()
            raise ContenderDidNotStartError(f"{module}:\n{child.stdout.text}{child.stderr.text}")
        yield Running(child, ready[1])
    finally:
        child.stop(signal.SIGTERM, within=_STOP_WITHIN)
