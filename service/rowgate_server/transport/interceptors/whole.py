"""The answer of a call that is sent whole: its results are kept until they are laid out, it until it is read.

Both are bounded, for all callers and for each: see `kept` and `unread`.
"""

from __future__ import annotations

from rowgate_server.engines.caller import caller
from rowgate_server.transport.interceptors.kept import MOST_OF_A_CALL, Kept
from rowgate_server.transport.interceptors.unread import Unread


class Whole:
    """The answer of one call.

    Args:
        kept: counts what is kept of results, of all calls.
        unread: counts what callers have not read of their answers.
    """

    __slots__ = ("_is_guess", "_let_in", "_octets", "_over", "_unread", "kept")

    def __init__(self, kept: Kept, unread: Unread) -> None:
        self.kept = kept
        self._unread = unread
        self._octets = 0
        self._let_in = self._is_guess = self._over = False

    def may_run(self) -> bool:
        """Whether there is room for a result now; once there was, there is for all results of the call.

        Raises:
            RowgateError: QUOTA_EXCEEDED: answers wait until their caller has read others.
        """
        who = caller.get()
        self._unread.check(who)
        self._let_in = self._let_in or self.kept.has_room(who)
        return self._let_in

    async def room(self, patience: float) -> None:
        """Wait for room for a result.

        Raises:
            RowgateError: QUOTA_EXCEEDED: there was none for long.
            TimeoutError: nor in so many seconds.
        """
        guess = await self.kept.turn(caller.get(), patience)
        if self._over:  # it was somebody else's task that waited, and the call has ended meanwhile
            self.kept.settle(caller.get(), guess, 0)
        else:
            self._octets, self._let_in, self._is_guess = guess, True, True

    def keeps(self, octets: int) -> int | None:
        """So many bytes more are kept of its results; or, if that is too much, the most that may be of several."""
        others = 0 if self._is_guess else self._octets
        if self._over:
            return None
        if others and others + octets > MOST_OF_A_CALL:
            return MOST_OF_A_CALL
        self._keep(others + octets)
        return None

    def laid_out(self) -> None:
        """None of its results is needed any more."""
        if self._let_in and (self._is_guess or not self._octets):
            self.kept.was_small(caller.get())
        self._keep(0)

    def end(self) -> None:
        """The call is over: nothing is kept for it, whatever is still done."""
        self._keep(0)
        self._over = True

    def _keep(self, octets: int) -> None:
        before, self._octets = self._octets, octets
        if self._is_guess:
            self._is_guess = False
            self.kept.settle(caller.get(), before, octets)
        elif before != octets:
            self.kept.change(caller.get(), before, octets)
