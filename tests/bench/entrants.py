"""The contenders at the start: servers up, load generators connected, answers compared, everything warm."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace

from bench.commands import Calls, Scan
from bench.contender import Contender, Site
from bench.contenders import find
from bench.figures import Lane
from bench.generator import LoadGenerator, connected
from bench.work import CREATE, EMPTY_ORDERS, FILL, OF_TABLES, Encoding, Kind, Work
from support.mariadb import MariaDB

_SETTINGS = ("--innodb-buffer-pool-size=512M", "--innodb-log-file-size=256M")
"""The table fits into memory: the disk is nobody's subject here."""
_FILLED_AT_A_TIME = 250_000
_WARM_CONCURRENCY = 16
_WARM_ROWS = 20_000
_CHECKED_KEY = 1
"""The echo server knows this row and no other."""


class DifferentAnswersError(Exception):
    """Two contenders do not answer the same, so their figures mean nothing."""


@dataclass(frozen=True, slots=True)
class Entrant:
    """A contender that is ready.

    Attributes:
        contender: who it is.
        generator: calls it.
        pinger: makes cheap calls while the other scans; None where the contender has no server.
        pid: of the process whose cost is the contender's.
        served: the encodings that it serves.
        admin: where its server tells its metrics; empty where it does not.
    """

    contender: Contender
    generator: LoadGenerator
    pinger: LoadGenerator | None
    pid: int
    served: tuple[Encoding, ...] = ()
    admin: str = ""

    def lanes(self, work: Work) -> list[Lane]:
        """The lanes that it runs in."""
        if work.kind is Kind.SCAN and not self.contender.scans:
            return []
        if work.kind in OF_TABLES and not self.contender.of_tables:
            return []
        if work.kind is Kind.SCAN and self.contender.encodings:
            return [Lane(self.contender.name, encoding) for encoding in self.served]
        return [Lane(self.contender.name)]

    def not_served(self) -> list[Lane]:
        """The lanes of scans that stay empty."""
        return [
            Lane(self.contender.name, encoding) for encoding in self.contender.encodings if encoding not in self.served
        ]


@dataclass(frozen=True, slots=True)
class Starters:
    """All that are ready, by name, and the database that they share, with a table of so many rows."""

    database: MariaDB
    rows: int
    entrants: dict[str, Entrant]

    def clear_orders(self) -> None:
        """Takes away what was inserted, so that every round begins alike."""
        self.database.execute(EMPTY_ORDERS)


@contextlib.contextmanager
def ready(names: Sequence[str], rows: int, warm_up: float) -> Iterator[Starters]:
    """Starts a database and the contenders, compares their answers, and warms them up; ends them all after.

    Raises:
        DifferentAnswersError: one of them answers something else.
    """
    with MariaDB.start(*_SETTINGS) as database, ExitStack() as ending:
        _fill(database, rows)
        site = Site(database.url, rows)
        entrants: dict[str, Entrant] = {}
        # The echo server repeats what Rowgate says, so Rowgate is there first, whether or not it is to be measured.
        if not {"rowgate", "echo"}.isdisjoint(names):
            running, entrants["rowgate"] = _gateway(site, ending)
            site = replace(site, gateway_address=running, encodings=entrants["rowgate"].served)
        for name in names:
            if name not in entrants:
                entrants[name] = _enter(find(name), site, ending)
        starters = Starters(database, rows, {name: entrants[name] for name in names})
        _compare(list(starters.entrants.values()))
        for entrant in starters.entrants.values():
            _warm(entrant, rows, warm_up)
        yield starters


def _fill(database: MariaDB, rows: int) -> None:
    database.script(CREATE)
    for first in range(1, rows + 1, _FILLED_AT_A_TIME):
        database.execute(FILL.format(first=first, last=min(rows, first + _FILLED_AT_A_TIME - 1)))
    database.execute("analyze table items")


def _gateway(site: Site, ending: ExitStack) -> tuple[str, Entrant]:
    """Rowgate, its address, and which encodings it serves."""
    contender = find("rowgate")
    assert contender.start
    running = ending.enter_context(contender.start(site))
    entrant = replace(_connect(contender, running.address, running.child.pid, ending), admin=running.admin)
    served = [encoding for encoding in contender.encodings if entrant.generator.scan(Scan(10, encoding))]
    return running.address, replace(entrant, served=tuple(served))


def _enter(contender: Contender, site: Site, ending: ExitStack) -> Entrant:
    if contender.start is None:
        generator = ending.enter_context(connected(contender.name, site.database_url))
        return Entrant(contender, generator, None, generator.pid)
    running = ending.enter_context(contender.start(site))
    entrant = _connect(contender, running.address, running.child.pid, ending)
    return replace(entrant, served=site.encodings) if contender.encodings else entrant


def _connect(contender: Contender, address: str, pid: int, ending: ExitStack) -> Entrant:
    generator, pinger = (ending.enter_context(connected(contender.name, address)) for _ in range(2))
    return Entrant(contender, generator, pinger, pid)


def _compare(entrants: Sequence[Entrant]) -> None:
    answers = {entrant.contender.name: entrant.generator.row(_CHECKED_KEY) for entrant in entrants}
    if len({tuple(answer) for answer in answers.values()}) > 1:
        told = "\n".join(f"  {name}: {answer}" for name, answer in answers.items())
        raise DifferentAnswersError(f"the contenders answer differently:\n{told}")


def _warm(entrant: Entrant, rows: int, seconds: float) -> None:
    for kind in (Kind.POINT, Kind.PAGE, Kind.INSERT):
        entrant.generator.calls(Calls(kind, _WARM_CONCURRENCY, seconds, rows))
    for encoding in entrant.served or (None,) * entrant.contender.scans:
        entrant.generator.scan(Scan(min(rows, _WARM_ROWS), encoding))
