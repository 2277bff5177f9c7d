"""Several statements in one transaction, on one connection; and what is left of it after an error.

A transaction lives from its first statement until it is committed or rolled back, or until something is in doubt: a
call that was cancelled or ran out of time, a long rest unread, a broken link. Then it is over, and its connection is
killed and dropped, which rolls it back. Whoever leaves it without a commit rolls it back.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import aclosing
from enum import Enum
from typing import TypeVar

from rowgate_server.engines.deadline import Deadline
from rowgate_server.engines.driver import Driver, NotUndoneError, PreparedError, Remains, Standing, TransactionOptions
from rowgate_server.engines.lease import Lease
from rowgate_server.engines.listing import Listing
from rowgate_server.engines.many import RunFailedError
from rowgate_server.engines.refusals import ended_unseen
from rowgate_server.engines.results import Chunk, Result
from rowgate_server.engines.running import Call, StoppedError, Work, explain, in_time, run, stream
from rowgate_server.engines.savepoints import Savepoints
from rowgate_server.engines.underway import UnderWay
from rowgate_server.engines.values import BoundStatement
from rowgate_server.engines.watch import Watched
from rowgate_server.errors import Outcome, Reason, RowgateError

_T = TypeVar("_T")


class TransactionState(Enum):
    """What may be done next: anything; only a rollback, also to a savepoint; nothing, in all that follow."""

    ACTIVE = 1
    FAILED = 2
    COMMITTED = 3
    ROLLED_BACK = 4
    UNKNOWN = 5


_OVER = (TransactionState.COMMITTED, TransactionState.ROLLED_BACK, TransactionState.UNKNOWN)


class Transaction:
    """One transaction; `Executor.transaction` begins it and ends it.

    Args:
        driver: the connection's kind.
        lease: its connection.
        deadline: when it must be over.
        until: ends what is late.
        under_way: where it is listed, with what runs of it.
        drop: gives up the connection, with what may still run on it.
    """

    def __init__(
        self,
        driver: Driver,
        lease: Lease,
        deadline: Deadline,
        until: Callable[[Deadline], Watched],
        under_way: set[UnderWay],
        drop: Callable[[], None],
    ) -> None:
        self._driver = driver
        self.lease = lease
        self._session, self._replica = lease.session, lease.replica
        self._deadline = deadline
        self._until = until
        self.listing = Listing(under_way, lease, until, drop)
        """What of it is told of."""
        self._savepoints = Savepoints()
        self._sound = True
        self._left = False
        self._streamed: Work | None = None
        self._refusal: RowgateError | None = None
        """Why it could not be asked what no rollback would undo."""
        self.state = TransactionState.ACTIVE
        self.keeps = False
        """Whether it has changed, as far as is known, what no rollback undoes."""

    @property
    def sound(self) -> bool:
        """Whether nothing runs on its connection, and the state of that is known."""
        return self._sound and self._streamed is None

    async def begin(self, options: TransactionOptions) -> None:
        """Begin it."""
        await self._command(self._session.begin(options), "while the transaction was begun", Outcome.NOT_RUN)

    def doubt(self) -> None:
        """Nobody knows what of it lasts: it is over, and what its connection holds now ends with that."""
        self._sound, self.keeps = False, True
        self.state = TransactionState.UNKNOWN

    def leave(self) -> None:
        """Its connection is given back: nothing may be sent any more, as another caller's may run there."""
        self._left = True
        self.listing.busy()

    async def run(self, call: Call) -> Result:
        """The whole result of a statement.

        Raises:
            RowgateError: RESULT_TOO_LARGE over the server's caps; what the database has against the statement. `state`
                says whether the transaction goes on.
        """
        return await self.perform(call, run)

    async def perform(self, call: Call, how: Callable[[Call, Work, float], Awaitable[_T]]) -> _T:
        """What is done on its connection for a call, told when that began; as `run` in all else."""
        call = self._admitted(call)
        work = Work(self._session, self._replica, held=True)
        under_way, timed = self.listing.statement(call, work)
        try:
            with timed:
                result = await how(call, work, under_way.started)
        except BaseException as error:
            await self._fail(error, call, work)
            raise
        finally:
            self.listing.over(under_way)
        await self._look()
        return result

    async def run_many(self, call: Call, statements: Sequence[BoundStatement]) -> Sequence[int] | int:
        """As `Session.execute_many`, within the call's deadline. An error ends the transaction.

        Raises:
            RowgateError: what the database has against it.
        """
        call = self._admitted(call)
        work = Work(self._session, self._replica, sent=True)
        under_way, timed = self.listing.statement(call, work)
        try:
            with timed:
                return await self._session.execute_many(statements)
        except BaseException as raised:
            told = await self._failed(raised.error if isinstance(raised, RunFailedError) else raised, call, work)
            # Some of those behind the one that failed may have run.
            self._lost()
            if told is raised:
                raise
            if isinstance(raised, RunFailedError) and isinstance(told, RowgateError):
                told.metadata["param_set"] = str(raised.index)
            raise told from raised
        finally:
            self.listing.over(under_way)

    async def stream(self, call: Call, cells_per_chunk: int | None = None) -> AsyncGenerator[Chunk, None]:
        """The result of a statement chunk by chunk; close it to end the statement early, and the transaction with it.

        Raises:
            RowgateError: as `run`, without the server's caps.
        """
        call = self._admitted(call)
        self._streamed = work = Work(self._session, self._replica, held=True)
        under_way, timed = self.listing.statement(call, work, streaming=True)
        last: Chunk | None = None
        try:
            async with aclosing(stream(call, work, under_way.started, timed, cells_per_chunk)) as chunks:
                async for chunk in chunks:
                    if chunk.stats is None:
                        yield chunk
                    else:
                        last = chunk
        except BaseException as error:
            await self._fail(error, call, work)
            raise
        finally:
            self.listing.over(under_way)
        self._streamed = None
        if work.spoiled:
            self._lost()
        else:
            await self._look()
        if last is not None:  # and `state` is what it has left
            yield last

    def forgo(self) -> None:
        """What is streamed ends without more rows as it is read on, and not the transaction, unless `state` says so."""
        if self._streamed is not None:
            self._streamed.unwanted = True

    async def commit(self) -> None:
        """Make the changes last.

        Raises:
            RowgateError: ROLLED_BACK where the database says so, UNKNOWN where it does not answer.
        """
        self._check_active(Outcome.UNKNOWN)
        if not self._session.alive():
            self._lost()
            raise RowgateError(
                Reason.DATABASE_UNAVAILABLE,
                "the connection broke before the transaction was committed",
                retry_after=1.0,
                outcome=Outcome.ROLLED_BACK,
            )
        # Whatever becomes of it, there is no going back.
        self.state = TransactionState.COMMITTED
        try:
            await self._command(
                self._session.commit(), "while the transaction was committed", Outcome.UNKNOWN, "COMMIT"
            )
        except RowgateError as error:
            if error.outcome == Outcome.ROLLED_BACK:
                self.state = TransactionState.ROLLED_BACK
            elif error.outcome == Outcome.UNKNOWN:
                self.doubt()
            raise

    async def rollback(self) -> None:
        """Undo the changes.

        Raises:
            NotUndoneError: all but some.
        """
        if self._is_over():
            raise self._over(Outcome.UNKNOWN)
        self.state = TransactionState.ROLLED_BACK
        await self._command(
            self._session.rollback(), "while the transaction was rolled back", Outcome.ROLLED_BACK, "ROLLBACK"
        )

    async def undoes(self) -> bool:
        """Whether a rollback undoes all that was done in it; of one that is lost, as far as is known."""
        if self.sound and not self.keeps and self.state is TransactionState.ACTIVE:
            await self._ask()
        return not self.keeps

    async def left_prepared(self) -> PreparedError | None:
        """What tells of a distributed transaction that was prepared in its place, as far as is known."""
        if self.sound and self.state is TransactionState.ACTIVE:
            await self._ask()
        return self._refusal if isinstance(self._refusal, PreparedError) else None

    async def savepoint(self, name: str) -> None:
        """Mark a place to come back to. The latest of a name counts."""
        self._check_active()
        await self._control(f"SAVEPOINT {self._savepoints.next()}")
        self._savepoints.add(name)

    async def rollback_to(self, name: str) -> None:
        """Undo what came after a savepoint, which stays.

        Raises:
            NotUndoneError: all but some.
        """
        if self._is_over():
            raise self._over()
        index, place = self._savepoints.find(name)
        kept: NotUndoneError | None = None
        try:
            await self._control(f"ROLLBACK TO SAVEPOINT {place}")
        except NotUndoneError as error:
            kept = error
        self._savepoints.forget(index + 1)
        self.state = TransactionState.ACTIVE
        if kept is not None:
            raise kept

    async def release(self, name: str) -> None:
        """Forget a savepoint and those after it; what came after it stays done."""
        self._check_active()
        index, place = self._savepoints.find(name)
        await self._control(f"RELEASE SAVEPOINT {place}")
        self._savepoints.forget(index)

    def _admitted(self, call: Call) -> Call:
        self._check_active()
        return call if call.deadline.at <= self._deadline.at else call._replace(deadline=self._deadline)

    def _is_over(self) -> bool:
        return self._left or self.state in _OVER

    def _check_active(self, in_doubt: Outcome = Outcome.NOT_RUN) -> None:
        if self._is_over():
            raise self._over(in_doubt)
        if self.state is TransactionState.FAILED:
            raise RowgateError(
                Reason.INVALID_REQUEST,
                "a statement of this transaction has failed, and the database takes no more of them",
                hint="roll back, or roll back to a savepoint",
                outcome=Outcome.NOT_RUN,
            )

    def _over(self, in_doubt: Outcome = Outcome.NOT_RUN) -> RowgateError:
        """For what is asked too late; `in_doubt`: what is told of its end, where that is not known."""
        if self.state is TransactionState.UNKNOWN:
            words = "the transaction is over, and nobody knows what of it lasts"
            return RowgateError(Reason.INVALID_REQUEST, words, outcome=in_doubt)
        how = "committed" if self.state is TransactionState.COMMITTED else "rolled back"
        return RowgateError(Reason.INVALID_REQUEST, f"the transaction was {how}", outcome=Outcome.NOT_RUN)

    async def _control(self, sql: str) -> None:
        await self._command(self._session.control(sql), "at a savepoint", Outcome.ROLLED_BACK, sql)

    async def _command(self, command: Awaitable[None], doing: str, outcome: Outcome, sql: str = "") -> None:
        """A command of the transaction's own, listed as that; nothing is known of it if it was not answered."""
        deadline = self._deadline
        try:
            with self.listing.command(sql, deadline) if sql else self._until(deadline):
                await command
        except StoppedError as error:
            self._lost()
            raise error.told(outcome) from None
        except NotUndoneError:
            self.keeps = True
            raise
        except TimeoutError as error:
            self._lost()
            if self._deadline.remaining() > 0:
                raise
            raise self._deadline.exceeded(doing, outcome) from error
        except Exception as error:
            translated = self._driver.translate(error, has_parameters=False)
            if translated is None or self._driver.is_broken(error):
                self._lost()
            if translated is None:
                raise
            raise in_time(translated, self._deadline, doing).with_defaults(outcome=outcome.value) from error
        except BaseException:
            self._lost()
            raise

    async def _fail(self, error: BaseException, call: Call, work: Work) -> None:
        told = await self._failed(error, call, work)
        if told is not error:
            raise told from error

    async def _failed(self, error: BaseException, call: Call, work: Work) -> BaseException:
        """What to raise instead of a statement's error; `state` is what it left."""
        self._streamed = None
        if isinstance(error, RowgateError) and not work.spoiled:
            # The gateway's own: before anything was sent, or of a result that could not be told.
            if work.meter is not None:
                await self._look()
            return error
        if not isinstance(error, Exception):
            self._lost()
            return error
        sound, told = explain(self._driver, error, call, work)
        if not sound:
            self._lost()
            if isinstance(told, RowgateError) and told.outcome == Outcome.UNKNOWN:
                # No commit was sent, and a dropped connection never commits.
                told.metadata["outcome"] = Outcome.ROLLED_BACK.value
            return told
        await self._look(error)
        if isinstance(told, RowgateError) and told.outcome == Outcome.ROLLED_BACK:
            remains = await self._ask()
            if remains not in (Remains.REFUSED, Remains.NOTHING) and self.state is not TransactionState.FAILED:
                told.metadata["outcome"] = Outcome.UNKNOWN.value
        return told

    async def _ask(self) -> Remains:
        """What no rollback would undo. Where that can't be asked, the connection is dropped, which is one."""
        remains = Remains.NOTHING
        try:
            with self._until(self._deadline):
                remains = await self._session.remains()
        except BaseException as error:
            self._lost()
            if not isinstance(error, Exception):
                raise
            # The error that is told is the statement's.
            self._refusal = self._driver.translate(error, has_parameters=False)
        self.keeps = self.keeps or remains is Remains.FOR_GOOD
        return remains

    async def _look(self, error: Exception | None = None) -> None:
        """What is left of the transaction after a statement."""
        # A statement that went well may have been the transaction's end.
        outcome = Outcome.UNKNOWN if error is None else Outcome.ROLLED_BACK
        try:
            await self._command(self._take_note(error), "after a statement", outcome)
        except BaseException as told:
            if error is None:
                self.doubt()
            else:
                self._lost()
            if isinstance(told, RowgateError):
                told.metadata["outcome"] = outcome.value  # not that of the question
            raise

    async def _take_note(self, error: Exception | None) -> None:
        standing = await self._session.standing(error)
        if standing is Standing.ENDED and error is None:
            raise ended_unseen()
        # Of errors, a deadlock rolls it back.
        self.state = TransactionState.ROLLED_BACK if standing is Standing.ENDED else TransactionState[standing.name]

    def _lost(self) -> None:
        self._sound = False
        if self.state not in _OVER:
            self.state = TransactionState.ROLLED_BACK
