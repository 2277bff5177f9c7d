"""Answers that are sent whole, and that their callers have not read: so much in all, half of it for one caller.

An answer that is large waits for room before it is handed to grpc, which copies it and keeps it until its caller has
read it, however long that takes. The connection of the database has been given back by then; so while many answers
wait, their caller has nothing more run, over whatever connection; one that reads nothing would fill the memory.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Set as AbstractSet

from rowgate_server.errors import Outcome, Reason, RowgateError
from rowgate_server.transport.interceptors.held import COUNTED

_PATIENCE = 10.0
"""Seconds that an answer waits for room."""

_WAITING = 4
"""Times as many bytes may wait as may be unread: they are held once, and have been made already."""

_RETRY_AFTER = 1.0


class Unread:
    """Counts them.

    Args:
        most: bytes that may be unread; four times as many may wait.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._held: Counter[str] = Counter()
        self._of_peers: Counter[str] = Counter()
        self._total = 0
        self._waiting: dict[asyncio.Future[None], tuple[str, str, int]] = {}
        self._behind: Counter[str] = Counter()

    @property
    def peers(self) -> AbstractSet[str]:
        """The connections, by their other ends, that answers are still on their way to."""
        return self._of_peers.keys()

    def check(self, who: str) -> None:
        """See whether a caller may have something run that will be answered whole.

        Raises:
            RowgateError: QUOTA_EXCEEDED: half of all that may wait are answers for it to read others.
        """
        if self._behind and self._behind.get(who, 0) > _WAITING * self._most // 2:
            raise self._exceeded(Outcome.NOT_RUN)

    async def take(self, who: str, peer: str, octets: int) -> bool:
        """Wait for room for an answer; False for one that is not counted, else `release` it once it has been read.

        Raises:
            RowgateError: QUOTA_EXCEEDED: there is none, nor will be soon.
        """
        if octets < COUNTED:
            return False
        if who in self._behind or not self._fits(who, octets):
            await self._wait(who, peer, octets)
        else:
            self._hold(who, peer, octets)
        return True

    def release(self, who: str, peer: str, octets: int) -> None:
        """It has been read, or its caller has gone."""
        self._let_go(who, peer, octets)
        self._go_on()

    async def _wait(self, who: str, peer: str, octets: int) -> None:
        wanted = self._behind.total()
        if wanted and wanted + octets > _WAITING * self._most:
            raise self._exceeded(Outcome.UNKNOWN)
        turn = asyncio.get_running_loop().create_future()
        self._waiting[turn] = who, peer, octets
        self._behind[who] += octets
        try:
            async with asyncio.timeout(_PATIENCE):
                await turn
        except BaseException as error:
            if not turn.cancelled():
                self._let_go(who, peer, octets)  # its turn came as it left
            self._go_on()
            if isinstance(error, TimeoutError):
                raise self._exceeded(Outcome.UNKNOWN) from None
            raise
        finally:
            del self._waiting[turn]
            _less(self._behind, who, octets)

    def _go_on(self) -> None:
        """Those that there is room for, each caller's in order: small ones would hold a large one up for good."""
        passed = set[str]()
        for turn, (who, peer, octets) in self._waiting.items():
            if turn.done():
                continue
            if who not in passed and self._fits(who, octets):
                self._hold(who, peer, octets)
                turn.set_result(None)
            else:
                passed.add(who)

    def _fits(self, who: str, octets: int) -> bool:
        """One that is alone fits in any case."""
        of_caller = self._held.get(who, 0)
        return (not of_caller or of_caller + octets <= self._most // 2) and (
            not self._total or self._total + octets <= self._most
        )

    def _hold(self, who: str, peer: str, octets: int) -> None:
        self._total += octets
        self._held[who] += octets
        self._of_peers[peer] += octets

    def _let_go(self, who: str, peer: str, octets: int) -> None:
        self._total -= octets
        _less(self._held, who, octets)
        _less(self._of_peers, peer, octets)

    def _exceeded(self, outcome: Outcome) -> RowgateError:
        return RowgateError(
            Reason.QUOTA_EXCEEDED,
            "answers that have not been read take all the room that there is for them",
            retry_after=_RETRY_AFTER,
            limit=f"{self._most} bytes for all callers, half of it for one",
            hint="read answers as they come, or use StreamQuery",
            outcome=outcome,
        )


def _less(counts: Counter[str], name: str, octets: int) -> None:
    counts[name] -= octets
    if not counts[name]:
        del counts[name]
