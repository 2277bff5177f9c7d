"""What all contenders have in common, so that none is better off."""

from __future__ import annotations

import sys
from dataclasses import dataclass

HOST = "127.0.0.1"
BATCH = 1000
"""Rows that are fetched at a time from a server-side cursor."""


@dataclass(frozen=True, slots=True)
class PoolSize:
    """Connections to the database."""

    size: int
    overflow: int

    @property
    def maximum(self) -> int:
        """The most there ever are."""
        return self.size + self.overflow


POOL = PoolSize(size=5, overflow=5)
"""The gateway's own defaults."""


def say_ready(port: int) -> None:
    """Tells whoever started this process where it listens."""
    sys.stdout.write(f"ready on {HOST}:{port}\n")
    sys.stdout.flush()
