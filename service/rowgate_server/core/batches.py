"""Several statements in one call: all of them or none, or each by itself."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from enum import Enum
from typing import NamedTuple

from rowgate_server.core import raw, undone
from rowgate_server.core.access import Access
from rowgate_server.core.policy.access import Access as DatabaseAccess
from rowgate_server.core.policy.guard import enter
from rowgate_server.core.policy.needs import Operation
from rowgate_server.core.policy.raw_sql import check_statement, only_reads
from rowgate_server.core.query import QueryOptions, deadline_for, may_alter, told
from rowgate_server.core.sqltext import ParsedStatement, bind, parse
from rowgate_server.core.sqltext.effects import READING, Effect, effect_of
from rowgate_server.core.sqltext.words import words
from rowgate_server.core.transactions.statements import check_held, check_undoable
from rowgate_server.engines import clock
from rowgate_server.engines.beside import Slices, listed, slices_beside, whole
from rowgate_server.engines.breaths import Breaths
from rowgate_server.engines.database import Database, Databases
from rowgate_server.engines.deadline import Deadline
from rowgate_server.engines.driver import TransactionOptions
from rowgate_server.engines.executor import Call
from rowgate_server.engines.results import Completion, Result, Stats
from rowgate_server.engines.transaction import Transaction
from rowgate_server.engines.values import BoundStatement, BoundValue
from rowgate_server.errors import Outcome, Reason, RowgateError
from rowgate_server.identity.principal import current_principal
from rowgate_server.observability.ids import new_id

MOST_STEPS, MOST_RUNS = 1_000, 100_000
_MANY_SETS = 1_000
"""To bind so many takes milliseconds."""


class ParamSet(NamedTuple):
    """The values of one run."""

    params: Mapping[str, BoundValue]
    positional_params: Sequence[BoundValue]


class BatchStep(NamedTuple):
    """One statement, run once for each set; `many` where the caller gave several, be it one."""

    sql: str
    sets: Sequence[ParamSet]
    many: bool


class BatchRequest(NamedTuple):
    """Several statements; `atomic`: all of them in one transaction."""

    database: str
    steps: Sequence[BatchStep]
    atomic: bool
    options: QueryOptions
    call_timeout: float | None


class Skipped(Enum):
    """Why a step has no result."""

    NOT_RUN = 1
    ROLLED_BACK = 2
    NOT_UNDONE = 3


class StepResult(NamedTuple):
    """A step's result; `affected`: by run, where the engine tells."""

    result: Result
    affected: Sequence[int] = ()


StepAnswer = StepResult | RowgateError | Skipped


class _Planned(NamedTuple):
    statement: ParsedStatement
    runs: Sequence[BoundStatement]
    call: Call
    many: bool


class BatchRunner:
    """Runs batches on the databases.

    Args:
        databases: every one that is served.
        altered: is told the name of a database whose tables may have changed.
        access: decides who may.
    """

    def __init__(self, databases: Databases, altered: Callable[[str], None], access: Access) -> None:
        self._databases = databases
        self._access = access
        self._altered = altered

    async def run(self, request: BatchRequest) -> list[StepAnswer]:
        """What became of each step.

        Raises:
            RowgateError: where nothing was run, or the commit failed.
        """
        operation = Operation.RAW_READ if request.options.read_only else Operation.RAW
        self._access.check(current_principal.get(), operation, self._databases.name_of(request.database))
        access, database = enter(self._databases, request.database)
        database = database.reading(request.options.reading)
        if only_reads(access):
            request = request._replace(options=request.options._replace(read_only=True))
        deadline = deadline_for(database, request.call_timeout, request.options, streaming=False)
        try:
            if request.atomic:
                return await _atomic(database, access, request, deadline)
            indexes = range(len(request.steps))
            return [await _independent(database, access, request, index, deadline) for index in indexes]
        except RowgateError as error:
            raise error.with_defaults(database=database.name) from error.__cause__
        finally:
            if any(may_alter(step.sql, database.dialect) for step in request.steps):
                self._altered(database.name)


async def _atomic(
    database: Database, access: DatabaseAccess | None, request: BatchRequest, deadline: Deadline
) -> list[StepAnswer]:
    planned: list[_Planned] = []
    breaths = Breaths()
    for index in range(len(request.steps)):
        await breaths.take()
        try:
            planned.append(await _planned(database, access, request, index, deadline))
        except RowgateError as error:
            return _failed(request, index, _named(error, database, index), Skipped.NOT_RUN)
    answers: list[StepAnswer] = []
    async with _transaction(database, request, deadline) as transaction:
        for index, step in enumerate(planned):
            try:
                answers.append(await _run(transaction, step))
            except RowgateError as error:
                whole = await transaction.undoes()
                if error.outcome != Outcome.NOT_RUN:
                    error.metadata["outcome"] = (Outcome.ROLLED_BACK if whole else Outcome.UNKNOWN).value
                before = Skipped.ROLLED_BACK if whole else Skipped.NOT_UNDONE
                return _failed(request, index, _named(error, database, index), before)
        await transaction.commit()
    return answers


async def _independent(
    database: Database, access: DatabaseAccess | None, request: BatchRequest, index: int, deadline: Deadline
) -> StepAnswer:
    try:
        step = await _planned(database, access, request, index, deadline)
        if deadline.remaining() <= 0:
            raise deadline.exceeded("before the step was begun", Outcome.NOT_RUN)
        if not step.many:
            return await _alone(database, step, deadline)
        async with _transaction(database, request, deadline) as transaction:
            answer = await _run(transaction, step)
            await transaction.commit()
    except RowgateError as error:
        return _named(error, database, index)
    return answer


async def _alone(database: Database, step: _Planned, deadline: Deadline) -> StepResult:
    try:
        return _told(step, await database.executor.run(step.call))
    except RowgateError as error:
        await undone.look(database, step.statement, error, deadline)
        raise


def _transaction(
    database: Database, request: BatchRequest, deadline: Deadline
) -> AbstractAsyncContextManager[Transaction]:
    read_only = request.options.read_only or database.bounds.read_only
    many = any(step.many for step in request.steps)
    return database.executor.transaction(TransactionOptions(read_only=read_only, many=many), deadline)


async def _planned(
    database: Database, access: DatabaseAccess | None, request: BatchRequest, index: int, deadline: Deadline
) -> _Planned:
    try:
        plan = _plan(database, access, request, index, deadline)
        return await slices_beside(plan) if len(request.steps[index].sets) > _MANY_SETS else whole(plan)
    except RowgateError as error:
        raise error.with_defaults(outcome=Outcome.NOT_RUN.value) from error.__cause__


def _plan(
    database: Database, access: DatabaseAccess | None, request: BatchRequest, index: int, deadline: Deadline
) -> Slices[_Planned]:
    bounds, options, step = database.bounds, request.options, request.steps[index]
    read_only = options.read_only or bounds.read_only
    statement = parse(step.sql, database.dialect, max_bytes=bounds.sql_bytes)
    check_statement(access, statement)
    if request.atomic or step.many:
        check_undoable(statement)
        check_held(statement)
    raw.check(statement, read_only=read_only)
    if step.many and (effect_of(statement) is not Effect.WRITES or "RETURNING" in set(words(statement))):
        raise RowgateError(
            Reason.INVALID_REQUEST,
            "only a write that returns no rows is run for many sets of parameters",
            field="param_sets",
            outcome=Outcome.NOT_RUN,
        )
    runs = yield from listed(_bound(statement, each, number, many=step.many) for number, each in enumerate(step.sets))
    limits = bounds.unary(options.max_rows, options.max_bytes)
    # In a transaction it is the whole that is read-only.
    alone = not (request.atomic or step.many)
    operation = database.statements.of(statement.keyword)
    call = Call(
        runs[0], deadline, limits, new_id(), statement.keyword in READING, read_only and alone, operation=operation
    )
    return _Planned(statement, runs, call, step.many)


def _bound(statement: ParsedStatement, values: ParamSet, number: int, *, many: bool) -> BoundStatement:
    try:
        return bind(statement, values.params, values.positional_params)
    except RowgateError as error:
        if many:
            error.field = f"param_sets[{number}].{error.field}"
            error.metadata["param_set"] = str(number)
        raise


async def _run(transaction: Transaction, step: _Planned) -> StepResult:
    if not step.many:
        return _told(step, await transaction.run(step.call))
    began = clock.now()
    fragments = step.runs[0].fragments
    if all(run.fragments == fragments for run in step.runs):
        try:
            changed = await transaction.run_many(step.call, step.runs)
        finally:
            if step.call.operation is not None:
                step.call.operation.ended(clock.now() - began, 0, 0, fragments, step.call.query_id)
    else:  # lists of several lengths make several texts
        results = [await _one(transaction, step, number) for number in range(len(step.runs))]
        changed = [result.stats.completion.affected_rows or 0 for result in results]
    affected = () if isinstance(changed, int) else changed
    total = changed if isinstance(changed, int) else sum(changed)
    stats = Stats(step.call.query_id, clock.now() - began, 0, Completion(affected_rows=total))
    return StepResult(Result((), [], stats), affected)


async def _one(transaction: Transaction, step: _Planned, number: int) -> Result:
    try:
        return await transaction.run(step.call._replace(statement=step.runs[number]))
    except RowgateError as error:
        raise error.with_defaults(param_set=str(number)) from error.__cause__


def _told(step: _Planned, result: Result) -> StepResult:
    stats = told(result.stats, step.statement, returned=bool(result.columns))
    return StepResult(result._replace(stats=stats))


def _named(error: RowgateError, database: Database, index: int) -> RowgateError:
    if error.field is not None:
        error.field = f"steps[{index}].{error.field}"
    return error.with_defaults(database=database.name, step=str(index))


def _failed(request: BatchRequest, index: int, error: RowgateError, before: Skipped) -> list[StepAnswer]:
    return [*[before] * index, error, *[Skipped.NOT_RUN] * (len(request.steps) - index - 1)]


def check_counts(steps: int, runs: int) -> None:
    """Refuse more than a batch may have.

    Raises:
        RowgateError: INVALID_REQUEST.
    """
    if not 0 < steps <= MOST_STEPS or runs > MOST_RUNS:
        raise RowgateError(
            Reason.INVALID_REQUEST,
            f"a batch has 1 to {MOST_STEPS} steps, and at most {MOST_RUNS} runs of them",
            field="steps",
            limit=f"{MOST_STEPS} steps, {MOST_RUNS} runs",
            outcome=Outcome.NOT_RUN,
        )
