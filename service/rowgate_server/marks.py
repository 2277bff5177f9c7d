"""Marks by which it is seen that a file is another one than before."""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import TypeAlias

Mark: TypeAlias = tuple[int, int, int] | None
"""None: there is no such file, or it cannot be looked at."""
Marks: TypeAlias = tuple[Mark, ...]


def marks(paths: Iterable[str]) -> Marks:
    """Other ones whenever one of the files may be another; a mounted one is exchanged as a whole."""
    return tuple(_mark(path) for path in paths)


def _mark(path: str) -> Mark:
    try:
        found = os.stat(path)  # noqa: PTH116 - by its path as it is given, links followed
    except OSError:
        return None
    return found.st_ino, found.st_mtime_ns, found.st_size
