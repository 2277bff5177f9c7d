"""`python -m rowgate_server`, and the command `rowgate-server`."""

from __future__ import annotations

import fcntl
import os
import sys

from rowgate_server import signals

_STANDARD_ERROR = 2


def main() -> None:
    """Run the command line, and exit with its code."""
    _replace_what_is_closed()
    if sys.argv[1:2] == ["serve"]:
        # Before the imports, which take a good part of a second.
        signals.hold_back()
    from rowgate_server import ending
    from rowgate_server.cli import run

    ending.leave(run(sys.argv[1:]))


def _replace_what_is_closed() -> None:
    """Where the standard streams were closed (`>&-`) nothing is written; no file and no connection gets their numbers.

    Workers have what is made here as their own.
    """
    while (number := os.open(os.devnull, os.O_RDWR)) <= _STANDARD_ERROR:
        fcntl.fcntl(number, fcntl.F_SETFD, 0)
    os.close(number)
    sys.stdout = sys.stdout or os.fdopen(1, "w", encoding="utf-8", closefd=False)
    sys.stderr = sys.stderr or os.fdopen(2, "w", encoding="utf-8", closefd=False)


if __name__ == "__main__":
    main()
