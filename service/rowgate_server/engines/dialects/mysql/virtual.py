"""Which tables have virtual columns: MariaDB works those out as they are read, and they may set and ask for variables.

`a int as (@a := 5) virtual` sets one, of which the server does not tell; with `@a` or `RAND()` another one asks. So a
statement is plain only where its tables were asked about a moment ago, and have none. That costs as much as a reset or
two: it is asked only for what is run again soon.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from typing import Any, TypeAlias

from rowgate_server.engines import clock
from rowgate_server.engines.dialects.mysql.literals import literal
from rowgate_server.engines.values import BoundValue, ValueType

_KEPT = 1.0
"""Seconds: how long a virtual column that was added may go unseen."""
_MOST = 4096
_HAS = (
    "(SELECT COUNT(*) FROM information_schema.columns"
    " WHERE table_schema={} AND table_name={} AND extra LIKE '%VIRTUAL%')"
)

Ask: TypeAlias = Callable[[str], Awaitable[Any]]
"""Gives the one row of the answer."""


class VirtualColumns:
    """What is known of one server's tables.

    Args:
        database: the default schema.
    """

    def __init__(self, database: str) -> None:
        self._database = database
        self._known: dict[tuple[str, str], tuple[float, bool]] = {}

    def in_any(self, tables: Iterable[tuple[str, str]], now: float) -> bool | None:
        """Whether any of the tables has some; None where that is not known."""
        found: bool | None = False
        for table in tables:
            until, has = self._known.get(table, (0.0, False))
            if until <= now:
                return None
            found = found or has
        return found

    async def ask(self, tables: tuple[tuple[str, str], ...], ask: Ask) -> bool:
        """Ask the server, which tells a login of what it may read."""
        until = clock.now() + _KEPT
        asked = [_HAS.format(_quoted(schema or self._database), _quoted(name)) for schema, name in tables]
        found = [bool(count) for count in await ask("SELECT " + ",".join(asked))]
        if len(self._known) > _MOST:
            self._known.clear()
        self._known.update({table: (until, has) for table, has in zip(tables, found, strict=True)})
        return any(found)


def _quoted(name: str) -> str:
    return literal(BoundValue(ValueType.STRING, name))
