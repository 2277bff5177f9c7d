"""Which statements' results have FLOAT columns: the text protocol prints those with six digits.

The server tells without running a statement, when it prepares it. That costs a round trip, so it is asked once for
each text, of statements that may return rows; the answers are kept, bounded by count and by size.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable
from typing import Any

from asyncmy.constants import FIELD_TYPE

from rowgate_server.engines.values import BoundStatement

_MOST = 1024
_LONGEST = 4096
"""Characters of a text that is remembered; a longer one is asked for each time."""


class FloatResults:
    """What is known of one server's statements."""

    def __init__(self) -> None:
        self._known: OrderedDict[tuple[str, ...], bool] = OrderedDict()

    def may_have(self, statement: BoundStatement, *, reads: bool) -> bool:
        """Whether its result has FLOAT columns, as far as is known: unknown is yes."""
        known = self._known.get(statement.fragments)
        if known is None:
            return reads or any("returning" in fragment.lower() for fragment in statement.fragments)
        return known

    def learn(self, statement: BoundStatement, fields: Iterable[Any], *, reads: bool) -> bool:
        """Take note of a prepared statement's fields; tells whether there is a FLOAT among them.

        The fields of a RETURNING are not told before it runs: there it may always be.
        """
        found = not reads or any(field.type_code == FIELD_TYPE.FLOAT for field in fields)
        fragments = statement.fragments
        if sum(map(len, fragments)) <= _LONGEST:
            self._known[fragments] = found
            if len(self._known) > _MOST:
                self._known.popitem(last=False)
        return found
