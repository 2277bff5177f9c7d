"""What is known of a server's statements, kept by their text: bounded by count and by size.

- Whether it is to be run prepared, because the text protocol would round its numbers (see `columns.is_rounded`). The
  server tells without running a statement, when it prepares it; that costs a round trip, so it is asked once for each
  text that may return rows. Values and changed tables may make other columns of the same text: a result that comes as
  text has the last word, and a text that was once rounded is run prepared from then on.
- How it is written when it is run as a plain one: see `guard`; and when it last was to be.
- Which tables have virtual columns: see `virtual`.
"""

from __future__ import annotations

import re
from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from rowgate_server.engines import clock
from rowgate_server.engines.dialects.mysql import literals
from rowgate_server.engines.dialects.mysql.columns import is_rounded
from rowgate_server.engines.dialects.mysql.guard import Guarded, guarded
from rowgate_server.engines.dialects.mysql.virtual import Ask, VirtualColumns
from rowgate_server.engines.driver import ExecuteMode
from rowgate_server.engines.values import AnyStatement, BoundRows, BoundStatement

_MOST = 1024
_SOON = 1.0
"""Seconds: what is run again within them is worth a question."""
_LONGEST = 4096
"""Characters of a text that is remembered; a longer one is looked at each time."""

_SILENT = re.compile(
    r"(?:\s++|/\*.*?\*/|(?:#|--\s)[^\n]*+\n)*+(?:INSERT|UPDATE|DELETE|REPLACE|CREATE|ALTER|DROP|TRUNCATE|RENAME|GRANT|REVOKE|LOAD|USE|SET)\b",
    re.IGNORECASE | re.DOTALL,
)
"""What returns no rows, as long as none of `_TELLING` is in it. Anything else may, and be it by what it calls."""
_TELLING = re.compile("RETURNING|STATEMENT", re.IGNORECASE)


@dataclass(slots=True)
class Facts:
    """One statement.

    Attributes:
        guarded: it as a plain one; None where it is none.
        rounded: None: not known yet.
        run_at: when it last was to be run as a plain one.
    """

    guarded: Guarded | None
    rounded: bool | None
    run_at: float = float("-inf")

    def learn(self, fields: Iterable[Any], *, reads: bool) -> bool:
        """Take note of a prepared statement's fields; tells whether it is to be run prepared.

        The fields of a RETURNING, or of what a CALL selects, are not told before it runs: there it always is.
        """
        self.rounded = self.rounded or not reads or any(map(is_rounded, fields))
        return self.rounded


class Statements:
    """The statements of one server.

    Args:
        database: the default schema.
        max_packet: the server's `max_allowed_packet`, in bytes.
        plain: some of them may be plain.
    """

    def __init__(self, database: str, max_packet: int, *, plain: bool) -> None:
        self._max_packet = max_packet
        self._plain = plain
        self._virtual = VirtualColumns(database)
        self._known: OrderedDict[tuple[str, ...], Facts] = OrderedDict()

    def facts(self, statement: AnyStatement, *, reads: bool) -> Facts:
        """What is known of a statement."""
        found = self._known.get(statement.fragments)
        return self._look(statement.fragments, reads=reads) if found is None else found

    async def plain(self, statement: AnyStatement, facts: Facts, mode: ExecuteMode, ask: Ask) -> bytes | None:
        """A statement outside of transactions, as it is run where it is a plain one; None where it is not.

        Args:
            statement: it.
            facts: what is known of it.
            mode: how it is run.
            ask: asks the server.
        """
        guarded = facts.guarded
        if guarded is None or isinstance(statement, BoundRows) or mode.read_only or mode.strict:
            return None
        if mode.floats and facts.rounded is not False:
            return None
        now = clock.now()
        soon = now - facts.run_at < _SOON
        facts.run_at = now
        virtual = self._virtual.in_any(guarded.tables, now)
        if virtual is None and soon:
            virtual = await self._virtual.ask(guarded.tables, ask)
        if virtual is not False:
            return None
        sql = literals.render(BoundStatement(guarded.fragments, statement.values)).encode()
        return sql if len(sql) < self._max_packet else None

    def _look(self, fragments: tuple[str, ...], *, reads: bool) -> Facts:
        silent = not reads and _SILENT.match(fragments[0]) and not any(map(_TELLING.search, fragments))
        facts = Facts(guarded(fragments) if self._plain else None, rounded=False if silent else None)
        if sum(map(len, fragments)) <= _LONGEST:
            self._known[fragments] = facts
            if len(self._known) > _MOST:
                self._known.popitem(last=False)
        return facts
