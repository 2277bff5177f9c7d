"""Rows, as many at a time as are worth a hop to the connection's thread."""

from __future__ import annotations

import sqlite3
import time

from rowgate_server.engines.results import Row

_MOST_PER_FETCH, _MOST_PER_STEP = 4096, 64
_TARGET_BYTES, _TARGET_SECONDS = 256 * 1024, 0.02


def read(cursor: sqlite3.Cursor, most: float) -> list[Row]:
    """The next rows: about 256 KiB of them, or what 20 ms bring, whichever is first; none at the end.

    The first is read by itself and the next ones in growing steps: any may take long, and have cells of any size.
    """
    rows: list[Row] = []
    until = time.monotonic() + _TARGET_SECONDS
    room, step = _TARGET_BYTES, 1
    most = min(most, _MOST_PER_FETCH)
    while len(rows) < most and room > 0:
        some = cursor.fetchmany(min(step, int(most) - len(rows)))
        rows += some
        if len(some) < step or time.monotonic() > until:
            break
        width = max(_width(some[0]), _width(some[-1]))
        room -= width * len(some)
        step = max(1, min(step * 2, _MOST_PER_STEP, room // width))
    return rows


def _width(row: Row) -> int:
    return 1 + sum([len(cell) if isinstance(cell, (str, bytes)) else 8 for cell in row])
