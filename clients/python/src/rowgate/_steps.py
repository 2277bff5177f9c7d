"""Batches: their steps, and what became of each."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Literal, Self

from rowgate._calls import Calls
from rowgate._encode import encode_named, encode_positional
from rowgate._errors import InvalidParameter, Outcome, ProtocolError, RowgateError
from rowgate._results import Result
from rowgate._rows import Row
from rowgate._statements import check_one_kind, not_utf8
from rowgate._status import error_from_answer
from rowgate.v1 import batch_pb2 as pb
from rowgate.v1.query_service_pb2 import ExecuteBatchRequest, ExecuteBatchResponse

Mode = Literal["atomic", "independent"]

_MODES: Mapping[object, pb.BatchMode.ValueType] = {
    "atomic": pb.BATCH_MODE_ATOMIC,
    "independent": pb.BATCH_MODE_INDEPENDENT,
}


class Step:
    """One statement of a batch, run once: `Step("update t set n = :n", n=1)`; `Step.many` runs it for many rows.

    Args:
        sql: one statement, in the database's own dialect.
        *positional: values for `?`, in order.
        **named: values for `:name`.

    Raises:
        InvalidParameter: a value can't be sent, or there are values of both kinds.
        InvalidSql: the SQL can't be sent.
    """

    __slots__ = ("_wire",)

    def __init__(self, sql: str, /, *positional: Any, **named: Any) -> None:
        check_one_kind(positional, named)
        try:
            self._wire = pb.BatchStep(
                sql=sql, params=encode_named(named), positional_params=encode_positional(positional)
            )
        except UnicodeEncodeError:
            raise not_utf8() from None

    @classmethod
    def many(cls, sql: str, rows: Iterable[Sequence[Any] | Mapping[str, Any]]) -> Self:
        """The statement run once for each row, all or none: a write that returns no rows.

        Args:
            sql: one statement, in the database's own dialect.
            rows: the values of each run: a sequence for `?`, a dict for `:name`.

        Raises:
            TypeError: a row is neither.
            InvalidParameter: there is no row, or a value can't be sent; `metadata["param_set"]` says of which row.
            InvalidSql: the SQL can't be sent.
        """
        step = cls(sql)
        for at, row in enumerate(rows):
            try:
                step._wire.param_sets.append(_param_set(row))
            except InvalidParameter as error:
                error.metadata["param_set"] = str(at)
                raise
        if not step._wire.param_sets:
            # On the wire that would be one run without values.
            raise InvalidParameter("there is no row to run the statement for", outcome=Outcome.NOT_RUN)
        return step

    def __repr__(self) -> str:
        sets = len(self._wire.param_sets)
        return f"<{type(self).__name__} {self._wire.sql!r}{f' for {sets} rows' if sets else ''}>"

    def to_wire(self) -> pb.BatchStep:
        """The message."""
        return self._wire


class StepResult(Result):
    """A step's result: that of its statement; of many runs, the figures are those of all together.

    Attributes:
        affected_by_run: of a step with many rows, the rows that each run inserted, changed or deleted; empty where the
            database does not tell: SQLite.
    """

    __slots__ = ("affected_by_run",)

    affected_by_run: tuple[int, ...]

    @classmethod
    def from_step(cls, step: pb.BatchStepResult) -> Self:
        """What the message tells.

        Raises:
            ProtocolError: it makes no sense.
        """
        result = cls.from_wire(step.result, step.stats)
        result.affected_by_run = tuple(step.affected_rows)
        return result


async def run_batch(calls: Calls, steps: Iterable[Step | str], mode: Mode) -> list[StepResult | RowgateError]:
    """What became of each step; of an atomic batch, their results.

    Raises:
        TypeError: there is no such mode, or a step is none.
        RowgateError: nothing was run, or, of an atomic batch, a step has failed.
    """
    if mode not in _MODES:
        raise TypeError("mode is 'atomic' or 'independent'")
    request = ExecuteBatchRequest(
        database=calls.database,
        steps=[_step(each).to_wire() for each in _several(steps)],
        mode=_MODES[mode],
        options=calls.options.to_wire(),
    )
    response = await calls.ask(lambda stubs: stubs.query.ExecuteBatch, request, repeatable=calls.options.read_only)
    if len(response.steps) != len(request.steps):
        raise ProtocolError(f"{len(request.steps)} steps have {len(response.steps)} answers")
    if mode == "atomic" and response.HasField("failed_step"):
        raise _failure(response)
    return [_answer(step) for step in response.steps]


def _several(steps: Iterable[Step | str]) -> Iterable[Step | str]:
    if isinstance(steps, str | Step):
        raise TypeError("a batch takes a list of steps")
    return steps


def _step(given: object) -> Step:
    if isinstance(given, str):
        return Step(given)
    if not isinstance(given, Step):
        raise TypeError(f"a step is SQL or a Step, not a {type(given).__name__}")
    return given


def _param_set(row: object) -> pb.ParamSet:
    if isinstance(row, Mapping):
        return pb.ParamSet(params=encode_named(row))
    if isinstance(row, Sequence | Row) and not isinstance(row, str | bytes | bytearray):
        return pb.ParamSet(positional_params=encode_positional(row))
    raise TypeError(f"a row is a sequence of values for `?`, or a dict for `:name`, not a {type(row).__name__}")


def _failure(response: ExecuteBatchResponse) -> RowgateError:
    return error_from_answer(response.steps[response.failed_step].error)


def _answer(step: pb.BatchStepAnswer) -> StepResult | RowgateError:
    if step.HasField("error"):
        return error_from_answer(step.error)
    if step.HasField("result"):
        return StepResult.from_step(step.result)
    raise ProtocolError("a step has neither a result nor an error")
