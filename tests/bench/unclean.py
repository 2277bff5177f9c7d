"""`python -m bench.unclean serve`: the gateway without the reset of sessions, to measure what that costs.

No setting does this: whoever asks next would meet with what the one before has left.
"""

from __future__ import annotations

from typing import Any

from rowgate_server.__main__ import main
from rowgate_server.engines.dialects.mysql.session import MySQLSession
from rowgate_server.engines.dialects.postgresql.session import PostgreSQLSession


async def _no_reset(_: Any) -> None:
    """Leave all as it is."""


def _as_it_is(session: Any, *, reads: bool) -> bool:
    """The next statement may have it."""
    del reads
    if isinstance(session, MySQLSession):
        session._link.resume()
    return True


for kind in (MySQLSession, PostgreSQLSession):
    for name, instead in (("reset", _no_reset), ("defer_reset", _as_it_is)):
        setattr(kind, name, instead)

if __name__ == "__main__":
    main()
