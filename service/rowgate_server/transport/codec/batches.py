"""ExecuteBatch's messages: steps in, what became of each out."""

from __future__ import annotations

from rowgate.v1 import batch_pb2, query_service_pb2
from rowgate_server.core.batches import BatchRequest, BatchStep, ParamSet, Skipped, StepAnswer, StepResult, check_counts
from rowgate_server.core.query import QueryMode, QueryOptions
from rowgate_server.engines.beside import Slices, listed
from rowgate_server.engines.results import cells
from rowgate_server.errors import Outcome, Reason, RowgateError
from rowgate_server.transport.codec.encodings import ROWS, Encoding, choose_encoding
from rowgate_server.transport.codec.queries import decode_options, write_stats
from rowgate_server.transport.codec.values import Budget, decode_params, decode_positional
from rowgate_server.transport.status import request_error

_ATOMIC = {
    batch_pb2.BATCH_MODE_UNSPECIFIED: True,
    batch_pb2.BATCH_MODE_ATOMIC: True,
    batch_pb2.BATCH_MODE_INDEPENDENT: False,
}
_OF_A_STEP, _OF_A_COLUMN = 50, 6
"""Cells that take as long to lay out as what there is to a step without any, and to a column of one."""
_SKIPS = {
    Skipped.NOT_RUN: batch_pb2.SKIP_REASON_NOT_RUN,
    Skipped.ROLLED_BACK: batch_pb2.SKIP_REASON_ROLLED_BACK,
    Skipped.NOT_UNDONE: batch_pb2.SKIP_REASON_NOT_UNDONE,
}


def decode_batch(
    request: query_service_pb2.ExecuteBatchRequest, call_timeout: float | None
) -> Slices[tuple[BatchRequest, Encoding]]:
    """A batch, checked, and how its results are to be laid out.

    Raises:
        RowgateError: INVALID_PARAMETER, INVALID_REQUEST or NOT_SUPPORTED, with the field at fault.
    """
    options, encoding = QueryOptions(), ROWS
    if request.HasField("options"):
        options, encoding = decode_options(request.options), choose_encoding(request.options.encoding)
    if options.mode is not QueryMode.EXECUTE:
        raise _refused("options.mode", f"the mode {options.mode.name} is not for batches")
    if request.mode not in _ATOMIC:
        raise _refused("mode", "the gateway does not know this mode; ATOMIC and INDEPENDENT it does")
    # Before any of them takes a hundred times its bytes, as an object of Python's.
    check_counts(len(request.steps), 0)  # of millions, those are not added up
    check_counts(len(request.steps), sum(max(1, len(step.param_sets)) for step in request.steps))
    budget = Budget()
    steps = []
    for index, step in enumerate(request.steps):
        steps.append((yield from _decode_step(step, index, budget)))
    return BatchRequest(request.database, steps, _ATOMIC[request.mode], options, call_timeout), encoding


def are_many(answers: list[StepAnswer], encoding: Encoding) -> bool:
    """Whether it takes milliseconds to lay them out."""
    steps = [answer for answer in answers if isinstance(answer, StepResult)]
    columns = sum(len(step.result.columns) for step in steps)
    of_steps = sum(cells(step.result.columns, step.result.rows) + len(step.affected) for step in steps)
    return _OF_A_STEP * len(answers) + _OF_A_COLUMN * columns + of_steps > encoding.cells_per_chunk


def encode_answers(
    answers: list[StepAnswer], encoding: Encoding, correlation_id: str
) -> Slices[query_service_pb2.ExecuteBatchResponse]:
    """What became of each step."""
    response = query_service_pb2.ExecuteBatchResponse()
    for index, answer in enumerate(answers):
        told = response.steps.add()
        if isinstance(answer, StepResult):
            result = answer.result
            encoder = encoding.start(result.columns, told.result.result)
            yield from encoding.put(encoder, result.columns, result.rows, told.result.result)
            encoder.end(told.result.result)
            write_stats(result.stats, told.result.stats)
            told.result.affected_rows.extend(answer.affected)
        elif isinstance(answer, Skipped):
            told.skipped = _SKIPS[answer]
        else:
            told.error.CopyFrom(request_error(answer, correlation_id))
            if not response.HasField("failed_step"):
                response.failed_step = index
    return response


def _decode_step(step: batch_pb2.BatchStep, index: int, budget: Budget) -> Slices[BatchStep]:
    try:
        if not step.param_sets:
            sets = [_decode_set(step, budget)]
            return BatchStep(step.sql, sets, many=False)
        if step.params or step.positional_params:
            raise _refused("param_sets", "a step has values of its own, or many sets of them")
        sets = yield from listed(_decode_set(each, budget) for each in step.param_sets)
        return BatchStep(step.sql, sets, many=True)
    except RowgateError as error:
        error.field = f"steps[{index}].{error.field}"
        raise error.with_defaults(step=str(index)) from None


def _decode_set(values: batch_pb2.BatchStep | batch_pb2.ParamSet, budget: Budget) -> ParamSet:
    return ParamSet(decode_params(values.params, budget), decode_positional(values.positional_params, budget))


def _refused(field: str, message: str) -> RowgateError:
    return RowgateError(Reason.INVALID_REQUEST, message, field=field, outcome=Outcome.NOT_RUN)
