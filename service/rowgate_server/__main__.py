"""`python -m rowgate_server`, and the command `rowgate-server`."""

from __future__ import annotations

import sys

from rowgate_server import signals


def main() -> None:
    """Run the command line, and exit with its code."""
    if sys.argv[1:2] == ["serve"]:
        # Before the imports, which take a good part of a second.
        signals.hold_back()
    from rowgate_server import ending
    from rowgate_server.cli import run

    ending.leave(run(sys.argv[1:]))


if __name__ == "__main__":
    main()
