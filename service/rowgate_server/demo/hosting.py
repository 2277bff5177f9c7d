"""The demo database while a server serves it: seeded beside the server's start, removed at its end."""

from __future__ import annotations

import contextlib
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rowgate_server import signals

NAME = "demo"

_LOOKED_EVERY = 0.1
"""Seconds."""


class SeedingError(Exception):
    """The demo database could not be made; what was wrong stands on standard error."""


@dataclass(frozen=True, slots=True)
class Demo:
    """What a server is to serve besides: nothing, or the demo database."""

    databases: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    settings: Mapping[str, Any] = field(default_factory=dict)
    seeding: subprocess.Popen[bytes] | None = None

    def wait(self) -> None:
        """Wait until it is seeded, or there is word to stop.

        Raises:
            SeedingError: it could not be.
        """
        while self.seeding is not None and not signals.waiting():
            with contextlib.suppress(subprocess.TimeoutExpired):
                if self.seeding.wait(_LOOKED_EVERY) != 0:
                    raise SeedingError("the demo database could not be seeded")
                return


@contextlib.contextmanager
def demo_database(*, wanted: bool) -> Iterator[Demo]:
    """Seed the demo database in a folder of its own that goes away at the end.

    In a process of its own: that takes the other core while this one imports, and its memory is given back.
    """
    if not wanted:
        yield Demo()
        return
    folder = Path(tempfile.mkdtemp(prefix="rowgate-demo-"))
    file = folder / "shop.db"
    seeding = subprocess.Popen([sys.executable, "-m", "rowgate_server.demo", str(file)])  # noqa: S603 - ourselves
    try:
        settings = {NAME: {"url": f"sqlite:///{file}", "catalog": {"ddl": "true"}}}
        # Whoever tries a second terminal is to see what the first one does.
        yield Demo(settings, {"admin": {"all_queries": True}}, seeding)
    finally:
        seeding.kill()
        seeding.wait()
        shutil.rmtree(folder, ignore_errors=True)
