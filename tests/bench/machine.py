"""What the figures were taken on: a figure without its machine says nothing."""

from __future__ import annotations

import os
import platform
import re
import subprocess
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path

from support.available import ROOT

_LIBRARIES = (
    *("grpcio", "protobuf", "asyncmy", "SQLAlchemy", "fastapi", "starlette", "pydantic", "uvicorn", "uvloop"),
    *("httptools", "aiohttp", "pyarrow"),
)


@dataclass(frozen=True, slots=True)
class Machine:
    """The machine and the software, and how busy it was before and after: load averages of 1 minute."""

    cpu: str
    cores: int
    memory_gib: float
    kernel: str
    python: str
    libraries: dict[str, str]
    database: str
    rowgate: str
    began: str
    load_before: float
    load_after: float = field(default=0.0)

    def lines(self) -> list[tuple[str, str]]:
        """For the reports: what, and which."""
        return [
            ("date", self.began),
            ("processor", f"{self.cpu}, {self.cores} cores for client, server and database together"),
            ("memory", f"{self.memory_gib:.0f} GiB"),
            ("kernel", self.kernel),
            ("load average", f"{self.load_before:.2f} before, {self.load_after:.2f} after"),
            ("Rowgate", self.rowgate),
            ("Python", self.python),
            ("database", self.database),
            ("libraries", ", ".join(f"{name} {version}" for name, version in self.libraries.items())),
        ]


def describe(database: str) -> Machine:
    """This machine, now.

    Args:
        database: the version line of the database server.
    """
    return Machine(
        cpu=_first_match(Path("/proc/cpuinfo").read_text(), r"^model name\s*: (.+)$") or platform.machine(),
        cores=len(os.sched_getaffinity(0)),
        memory_gib=int(_first_match(Path("/proc/meminfo").read_text(), r"^MemTotal:\s+(\d+)") or 0) / 1024**2,
        kernel=f"{platform.system()} {platform.release()}",
        python=f"{platform.python_implementation()} {platform.python_version()}",
        libraries=dict(_versions(_LIBRARIES)),
        database=_first_match(database, r"(\d\S*MariaDB)") or database,
        rowgate=f"{metadata.version('rowgate-server')}, {_revision()}",
        began=datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        load_before=load(),
    )


def load() -> float:
    """The load average of the last minute."""
    return os.getloadavg()[0]


def _versions(names: Iterable[str]) -> Iterable[tuple[str, str]]:
    for name in names:
        try:
            yield name, metadata.version(name)
        except metadata.PackageNotFoundError:
            yield name, "not installed"


def _revision() -> str:
    command = ["git", "describe", "--always", "--dirty=, with changes"]
    found = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    return f"revision {found.stdout.strip()}" if found.returncode == 0 else "revision unknown"


def _first_match(text: str, pattern: str) -> str:
    found = re.search(pattern, text, re.MULTILINE)
    return found[1] if found else ""
