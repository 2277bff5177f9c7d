"""What metrics and logs add to a point select: CPU of the gateway's process, on and off in one run.

`python -m bench.observing`: two gateways on the same SQLite file, asked in turns. The one without is the same server
with its access log and its counters taken out, which no setting does: `python -m bench.observing serve` is that server.
"""

from __future__ import annotations

import asyncio
import sys
import tempfile
from pathlib import Path
from unittest.mock import patch

from bench.pairs import compare, things
from rowgate_server import cli
from rowgate_server.engines import running
from rowgate_server.transport import server
from rowgate_server.transport.interceptors.access_log import AccessLog
from rowgate_server.transport.interceptors.audit import Audit
from rowgate_server.transport.interceptors.chain import Interceptor
from rowgate_server.transport.interceptors.metrics import CallCounter
from support.process import Gateway

_OBSERVERS = (AccessLog, Audit, CallCounter)


def serve_unobserved(arguments: list[str]) -> int:
    """The server without them."""
    chain = server.interceptors

    def others(around: server.Around) -> tuple[Interceptor, ...]:
        return tuple(each for each in chain(around) if not isinstance(each, _OBSERVERS))

    def uncounted(*_: object) -> None:
        pass

    with patch.object(server, "interceptors", others), patch.object(running, "_count", uncounted):
        return cli.run(arguments)


def main() -> None:
    """Measure, and print a line for each kind of call."""
    with tempfile.TemporaryDirectory() as name:
        environment = {"ROWGATE_DATABASES__MAIN__URL": things(Path(name)), "ROWGATE_LOG__FORMAT": "json"}
        with (
            Gateway.start(environment={**environment, "PYTHONPATH": "tests"}, module="bench.observing") as off,
            Gateway.start(environment=environment) as on,
        ):
            asyncio.run(compare(off, on))


if __name__ == "__main__":
    if sys.argv[1:2] == ["serve"]:
        sys.exit(serve_unobserved(sys.argv[1:]))
    main()
