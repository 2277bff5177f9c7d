"""`python -m rowgate_server.workers`: one worker, started by the supervisor and by nobody else."""

from __future__ import annotations

import os
import sys

from rowgate_server import ending
from rowgate_server.config import ConfigError
from rowgate_server.configured import TableNotMadeError
from rowgate_server.listening import ListenError
from rowgate_server.observability.outlet import say
from rowgate_server.workers.worker import work


def main() -> int:
    """Work; returns the exit code."""
    # As `serve` does: what matters the gateway says itself.
    os.environ.setdefault("GRPC_VERBOSITY", "NONE")
    try:
        work(int(sys.argv[1]), int(sys.argv[2]))
    except ConfigError as error:
        # The supervisor's settings were right: a file that they name is another one now.
        for problem in error.problems:
            say(f"rowgate-server: {problem}", to=sys.stderr)
        return 1
    except (ListenError, TableNotMadeError, EOFError) as error:
        say(f"rowgate-server: {error}", to=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    ending.leave(main())
