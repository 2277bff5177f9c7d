"""What is known of a server's statements, kept by their text: bounded by count and by size.

- Whether it is to be run prepared, because the text protocol would round its numbers (see `columns.is_rounded`). The
  server tells without running a statement, when it prepares it; that costs a round trip, so it is asked once for each
  text that may return rows. Values and changed tables may make other columns of the same text: a result that comes as
  text has the last word, and a text that was once rounded is run prepared from then on.
- Whether it is plain: see `plain`.
"""

from __future__ import annotations

import re
from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from rowgate_server.engines.dialects.mysql.columns import is_rounded
from rowgate_server.engines.dialects.mysql.plain import is_plain
from rowgate_server.engines.values import AnyStatement

_MOST = 1024
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
    """One statement. `rounded` None: not known yet."""

    plain: bool
    rounded: bool | None

    def learn(self, fields: Iterable[Any], *, reads: bool) -> bool:
        """Take note of a prepared statement's fields; tells whether it is to be run prepared.

        The fields of a RETURNING, or of what a CALL selects, are not told before it runs: there it always is.
        """
        self.rounded = self.rounded or not reads or any(map(is_rounded, fields))
        return self.rounded


class Statements:
    """The statements of one server."""

    def __init__(self) -> None:
        self._known: OrderedDict[tuple[str, ...], Facts] = OrderedDict()

    def facts(self, statement: AnyStatement, *, reads: bool) -> Facts:
        """What is known of a statement."""
        found = self._known.get(statement.fragments)
        return self._look(statement.fragments, reads=reads) if found is None else found

    def _look(self, fragments: tuple[str, ...], *, reads: bool) -> Facts:
        silent = not reads and _SILENT.match(fragments[0]) and not any(map(_TELLING.search, fragments))
        facts = Facts(plain=is_plain(fragments), rounded=False if silent else None)
        if sum(map(len, fragments)) <= _LONGEST:
            self._known[fragments] = facts
            if len(self._known) > _MOST:
                self._known.popitem(last=False)
        return facts
