"""What is known of a server's statements, kept by their text: bounded by count and by size.

- Whether the result has FLOAT columns: the text protocol prints those with six digits. The server tells without
  running a statement, when it prepares it; that costs a round trip, so it is asked once for each text that may return
  rows.
- Whether it is plain: see `plain`.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from asyncmy.constants import FIELD_TYPE

from rowgate_server.engines.dialects.mysql.plain import is_plain
from rowgate_server.engines.values import AnyStatement

_MOST = 1024
_LONGEST = 4096
"""Characters of a text that is remembered; a longer one is looked at each time."""


@dataclass(slots=True)
class Facts:
    """One statement. `floats` None: not known yet."""

    plain: bool
    floats: bool | None

    def learn(self, fields: Iterable[Any], *, reads: bool) -> bool:
        """Take note of a prepared statement's fields; tells whether there is a FLOAT among them.

        The fields of a RETURNING are not told before it runs: there it may always be.
        """
        self.floats = not reads or any(field.type_code == FIELD_TYPE.FLOAT for field in fields)
        return self.floats


class Statements:
    """The statements of one server."""

    def __init__(self) -> None:
        self._known: OrderedDict[tuple[str, ...], Facts] = OrderedDict()

    def facts(self, statement: AnyStatement, *, reads: bool) -> Facts:
        """What is known of a statement."""
        found = self._known.get(statement.fragments)
        return self._look(statement.fragments, reads=reads) if found is None else found

    def _look(self, fragments: tuple[str, ...], *, reads: bool) -> Facts:
        may_return_rows = reads or any("returning" in fragment.lower() for fragment in fragments)
        facts = Facts(plain=is_plain(fragments), floats=None if may_return_rows else False)
        if sum(map(len, fragments)) <= _LONGEST:
            self._known[fragments] = facts
            if len(self._known) > _MOST:
                self._known.popitem(last=False)
        return facts
