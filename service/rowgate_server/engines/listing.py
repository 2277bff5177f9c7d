"""What of one transaction is listed as under way: its statements, its own commands while they run, and its idleness."""

from __future__ import annotations

from collections.abc import Callable
from types import TracebackType

from rowgate_server.engines import clock
from rowgate_server.engines.deadline import Deadline
from rowgate_server.engines.lease import Lease
from rowgate_server.engines.limits import ResultLimits
from rowgate_server.engines.pauses import Rest
from rowgate_server.engines.running import Call, Work
from rowgate_server.engines.underway import Phase, UnderWay
from rowgate_server.engines.values import BoundStatement
from rowgate_server.engines.watch import Watched
from rowgate_server.errors import RowgateError

_UNLIMITED = ResultLimits()


class Listing:
    """Of one transaction.

    Args:
        under_way: where it is listed.
        lease: its connection.
        until: ends what is late.
        drop: gives up the connection, with what may still run on it.

    Attributes:
        name: by which its commands, and it itself while it is idle, are listed; empty: by that of its latest statement.
    """

    def __init__(
        self,
        under_way: set[UnderWay],
        lease: Lease,
        until: Callable[[Deadline], Watched],
        drop: Callable[[], None],
    ) -> None:
        self.name = ""
        self._under_way = under_way
        self._lease = lease
        self._until = until
        self._drop = drop
        self._latest = ""
        self._idle: UnderWay | None = None
        self._rest: Rest | None = None

    def statement(self, call: Call, work: Work, *, streaming: bool = False) -> tuple[UnderWay, Watched]:
        """A statement of a caller's, listed from now on until it is `over`."""
        self._latest = call.query_id
        under_way = UnderWay(call, clock.now(), streaming=streaming)
        self._under_way.add(under_way)
        return under_way, under_way.begin(work, self._until(call.deadline), self._drop)

    def over(self, under_way: UnderWay) -> None:
        """It runs no more."""
        self._under_way.discard(under_way)

    def command(self, sql: str, deadline: Deadline) -> _Command:
        """A command of the transaction's own, within its time and listed for as long as this lasts."""
        under_way = UnderWay(self._own(sql, deadline), clock.now())
        work = Work(self._lease.session, self._lease.replica, sent=True)
        return _Command(self._under_way, under_way, under_way.begin(work, self._until(deadline), self._drop))

    def idle(
        self,
        since: float,
        deadline: Deadline,
        end: Callable[[RowgateError], None],
        give_way: Callable[[float], None],
    ) -> None:
        """It waits for its caller, until it is `busy`; `end` ends it on demand, and `give_way` for other callers."""
        if self._idle is None or self._rest is None:
            self._idle, self._rest = _Idle(self._own("", deadline), since, end), self._lease.rest(give_way)
        self._under_way.add(self._idle)
        self._rest.begin()

    def busy(self) -> None:
        """It waits no more."""
        if self._idle is not None:
            self._under_way.discard(self._idle)
        if self._rest is not None:
            self._rest.end()

    def _own(self, sql: str, deadline: Deadline) -> Call:
        return Call(BoundStatement((sql,), ()), deadline, _UNLIMITED, self.name or self._latest, reads=False)


class _Command:
    """Listed, and watched, within this."""

    __slots__ = ("_all", "_timed", "_under_way")

    def __init__(self, under_way: set[UnderWay], one: UnderWay, timed: Watched) -> None:
        self._all = under_way
        self._under_way = one
        self._timed = timed

    def __enter__(self) -> None:
        self._timed.__enter__()
        self._all.add(self._under_way)

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self._all.discard(self._under_way)
        self._timed.__exit__(kind, error, tb)


class _Idle(UnderWay):
    """A transaction in which nothing runs: it holds its connection, and its locks."""

    __slots__ = ("_end",)

    def __init__(self, call: Call, started: float, end: Callable[[RowgateError], None]) -> None:
        super().__init__(call, started)
        self._end = end

    @property
    def phase(self) -> Phase:
        """Idle for as long as it is listed."""
        return Phase.IDLE

    def stop(self, error: RowgateError) -> None:
        """End it with this error."""
        self._end(error)
