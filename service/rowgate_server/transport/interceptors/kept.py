"""Results that are kept whole until they have been laid out, which is done one after another: so much in all.

The connection has been given back by then, so any number might wait: 270 calls of 1 MB took 1.8 GB. How large a result
is shows when it is there; until then it is taken to be as large as the caller's last one. So a caller for whom much is
kept already has no further statement run whose result would be kept, until there is less: half of what the others leave
is its part. Those that wait hold no connection, and come in order. Who has nothing kept waits for nobody, unless there
is twice as much in all as should be, and its last result was large, or four times as much.
"""

from __future__ import annotations

import asyncio
from collections import deque
from typing import NamedTuple

from rowgate_server.errors import Outcome, Reason, RowgateError

MOST = 128 * 1024 * 1024
"""Bytes in memory, about; a Python object for each cell among them."""

MOST_OF_A_CALL = 2 * MOST
"""Where it has several: those of a batch."""

_PATIENCE = 10.0
"""Seconds that a statement waits for its turn."""

_RETRY_AFTER = 1.0

_MOST_CALLERS = 1024
"""Of whom it is known that their last result was large, though nothing of theirs is kept."""


class _Own(NamedTuple):
    """What is kept for one caller: bytes, and for how many calls."""

    octets: int = 0
    calls: int = 0


class Kept:
    """Counts them.

    Args:
        most: bytes.
    """

    def __init__(self, most: int = MOST) -> None:
        self._most = most
        self._own: dict[str, _Own] = {}
        self._total = self._guessed = 0
        self._last: dict[str, int] = {}
        """How large the last one of a caller's was, where it was large."""
        self._waiting: dict[str, deque[asyncio.Future[int]]] = {}

    def has_room(self, who: str) -> bool:
        """Whether a caller may have another statement run now."""
        return who not in self._waiting and self._fits(who)

    async def turn(self, who: str, patience: float) -> int:
        """Wait until it may, in order. From then on so many bytes are held for the call, as a guess: `settle` them.

        Raises:
            RowgateError: QUOTA_EXCEEDED: there was no room for long.
            TimeoutError: nor in so many seconds.
        """
        turn = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(who, deque()).append(turn)
        self._go_on()
        try:
            async with asyncio.timeout(min(_PATIENCE, patience)):
                octets: int = await turn
                return octets
        except BaseException as error:
            if turn.done() and not turn.cancelled():
                self.settle(who, turn.result(), 0)  # it came as it left
            elif turn in self._waiting.get(who, ()):
                self._waits_no_more(who, turn)
            if isinstance(error, TimeoutError) and patience > _PATIENCE:
                raise self._exceeded() from None
            raise

    def change(self, who: str, before: int, after: int) -> None:
        """So many bytes are kept for a call of this caller's, instead of those before; 0: none."""
        if after:
            self._last[who] = after
            if len(self._last) > _MOST_CALLERS:
                del self._last[next(iter(self._last))]
        self._count(who, after - before, bool(after) - bool(before))
        if self._waiting:
            self._go_on()

    def settle(self, who: str, guess: int, octets: int) -> None:
        """What was taken to be so many bytes is so many."""
        self._guessed -= guess
        self.change(who, guess, octets)

    def was_small(self, who: str) -> None:
        """The last result of a caller's was not worth counting."""
        if self._last.pop(who, None) and self._waiting:
            self._go_on()

    def _count(self, who: str, octets: int, calls: int) -> None:
        own = self._own.get(who, _Own())
        if own.calls + calls:
            self._own[who] = _Own(own.octets + octets, own.calls + calls)
        else:
            self._own.pop(who, None)
        self._total += octets

    def _fits(self, who: str) -> bool:
        own = self._own.get(who)
        if own is None:
            # Of what is a guess nothing may be there.
            return self._total - self._guessed < (2 if who in self._last else 4) * self._most
        left = self._most - (self._total - own.octets)
        return own.octets + self._expected(who) <= left // 2

    def _go_on(self) -> None:
        """Turns for those who wait, while there is room; who has the least comes first, that is who has nothing."""
        for who in [who for who in self._waiting if who not in self._own]:
            while who not in self._own and who in self._waiting and self._fits(who):
                self._give_turn(who)
        while fitting := [who for who in self._waiting if self._fits(who)]:
            self._give_turn(min(fitting, key=lambda each: self._own.get(each, _Own())))

    def _give_turn(self, who: str) -> None:
        turn = self._waiting[who][0]
        self._waits_no_more(who, turn)
        if not turn.done():
            octets = min(self._expected(who), self._most // 2)
            turn.set_result(octets)
            self._guessed += octets
            self._count(who, octets, 1)

    def _expected(self, who: str) -> int:
        """How large the next one may be: as the last, or as those that are kept."""
        own = self._own.get(who) or _Own(calls=1)
        return max(1, self._last.get(who, 0), own.octets // own.calls)

    def _waits_no_more(self, who: str, turn: asyncio.Future[int]) -> None:
        waiting = self._waiting[who]
        waiting.remove(turn)
        if not waiting:
            del self._waiting[who]

    def _exceeded(self) -> RowgateError:
        return RowgateError(
            Reason.QUOTA_EXCEEDED,
            "results of this caller that are not laid out yet take all the room that there is for them",
            retry_after=_RETRY_AFTER,
            limit=f"{self._most} bytes for all callers, for one half of what others leave",
            hint="ask for less at a time, or use StreamQuery",
            outcome=Outcome.NOT_RUN,
        )
