"""Whether a session needs its reset before the next statement.

Between two plain statements (see `plain`, `guard` and `virtual`) it does not, as long as the server reports no change
of the session's state and no open transaction. What the server does not report, plain statements neither change nor
observe; and a reset comes within 20 ms, under load and without.
"""

from __future__ import annotations

import time

_LONGEST = 0.02
"""Seconds after which a reset comes, however plain the statements."""

IN_TRANSACTION = 0x0001
"""The server's status flag of an open transaction."""
STATE_CHANGED = 0x4000
"""The server's status flag of an answer behind which the session's state is another one."""
_AUTOCOMMIT, _MORE_RESULTS = 0x0002, 0x0008
_WATCHED = IN_TRANSACTION | _AUTOCOMMIT | _MORE_RESULTS | STATE_CHANGED


class SessionState:
    """What is known of one session since its last reset.

    Args:
        tracked: the server reports changes.

    Attributes:
        soiled: the gateway has run something in it that nothing may come behind without a reset.
    """

    __slots__ = ("_plain", "_pristine", "_reset_at", "_tracked", "soiled")

    def __init__(self, *, tracked: bool) -> None:
        self._tracked = tracked
        self.reset()

    def reset(self) -> None:
        """The session is as fresh as a new one."""
        self._pristine = self._tracked
        self._plain = self.soiled = False
        self._reset_at = time.monotonic()

    def begin(self, *, plain: bool) -> bool:
        """A statement is about to run; tells whether the session has to be reset before it."""
        pristine = self._pristine and plain and time.monotonic() - self._reset_at < _LONGEST
        self._plain = plain
        return not pristine

    def changed(self) -> None:
        """The gateway itself changes the session with this statement."""
        self._plain = False

    def soil(self) -> None:
        """The gateway runs something before the statement, or the statement once more."""
        self._pristine = self._plain = False
        self.soiled = True

    def ended(self, status: int) -> bool:
        """The statement has ended with these of the server's status flags, 0 when it told none.

        Tells whether the session is as fresh as before.
        """
        self._pristine = self._pristine and self._plain and status & _WATCHED == _AUTOCOMMIT
        return self._pristine
