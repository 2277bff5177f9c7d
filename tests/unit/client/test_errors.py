from __future__ import annotations

import inspect
import pickle
import re

import grpc
import pytest
from unit.client.scripted import Fault, ScriptedGateway

import rowgate
from rowgate import _errors
from rowgate._status import BY_REASON
from rowgate.v1.error_pb2 import ErrorReason, Outcome

REASONS = [name.removeprefix("ERROR_REASON_") for name in ErrorReason.keys()[1:]]
CLASSES = [kind for _, kind in inspect.getmembers(_errors, inspect.isclass) if issubclass(kind, rowgate.RowgateError)]


async def error_of(db: rowgate.Client, gateway: ScriptedGateway, fault: Fault) -> rowgate.RowgateError:
    gateway.will(fault)
    with pytest.raises(rowgate.RowgateError) as caught:
        await db.with_options(retry=None).query("select 1")
    return caught.value


def test_every_reason_has_an_exception_of_its_own() -> None:
    assert list(BY_REASON) == REASONS
    assert len(set(BY_REASON.values())) == len(REASONS)


@pytest.mark.parametrize("reason", REASONS)
async def test_a_reason_raises_the_exception_of_its_name(
    db: rowgate.Client, gateway: ScriptedGateway, reason: str
) -> None:
    error = await error_of(db, gateway, Fault(grpc.StatusCode.FAILED_PRECONDITION, reason))
    assert type(error) is getattr(rowgate, reason.title().replace("_", ""))
    assert error.reason == reason


async def test_an_error_tells_all_that_the_gateway_told(db: rowgate.Client, gateway: ScriptedGateway) -> None:
    metadata = {
        "constraint": "uq_email",
        "sqlstate": "23505",
        "outcome": "ROLLED_BACK",
        "query_id": "q",
        "correlation_id": "c",
    }
    violations = (("options.timeout", "must be positive"), ("sql", "is empty"))
    fault = Fault(grpc.StatusCode.ALREADY_EXISTS, "DUPLICATE_KEY", "it is taken", metadata, 1.5, violations)
    error = await error_of(db, gateway, fault)
    assert isinstance(error, rowgate.IntegrityError)
    assert (error.message, str(error), error.code) == ("it is taken", "it is taken", grpc.StatusCode.ALREADY_EXISTS)
    assert error.metadata == metadata
    assert error.outcome is rowgate.Outcome.ROLLED_BACK
    assert (error.retry_after, error.query_id, error.correlation_id) == (1.5, "q", "c")
    assert error.field_violations == tuple(rowgate.FieldViolation(*each) for each in violations)


async def test_a_hint_is_read_with_the_message(db: rowgate.Client, gateway: ScriptedGateway) -> None:
    fault = Fault(grpc.StatusCode.NOT_FOUND, "UNKNOWN_TABLE", "no table prodcts", {"hint": "is it products?"})
    error = await error_of(db, gateway, fault)
    assert str(error) == "no table prodcts (is it products?)"
    assert error.message == "no table prodcts"


async def test_what_is_not_told_is_none(db: rowgate.Client, gateway: ScriptedGateway) -> None:
    error = await error_of(db, gateway, Fault(grpc.StatusCode.INTERNAL, "INTERNAL"))
    assert (error.outcome, error.retry_after, error.query_id, error.correlation_id) == (None, None, None, None)
    assert (error.metadata, error.field_violations, error.step) == ({}, (), None)


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        (grpc.StatusCode.INVALID_ARGUMENT, rowgate.RequestError),
        (grpc.StatusCode.NOT_FOUND, rowgate.NotFound),
        (grpc.StatusCode.ABORTED, rowgate.TransactionAborted),
        (grpc.StatusCode.DEADLINE_EXCEEDED, rowgate.Timeout),
        (grpc.StatusCode.RESOURCE_EXHAUSTED, rowgate.LimitExceeded),
        (grpc.StatusCode.UNAVAILABLE, rowgate.Unavailable),
        (grpc.StatusCode.UNAUTHENTICATED, rowgate.Unauthenticated),
        (grpc.StatusCode.FAILED_PRECONDITION, rowgate.RowgateError),
    ],
)
async def test_a_reason_of_a_newer_gateway_raises_the_nearest_base(
    db: rowgate.Client, gateway: ScriptedGateway, code: grpc.StatusCode, kind: type[rowgate.RowgateError]
) -> None:
    error = await error_of(db, gateway, Fault(code, "FLUX_COMPENSATED", metadata={"outcome": "HALF_RUN"}))
    assert type(error) is kind
    assert error.reason == "FLUX_COMPENSATED"
    assert error.outcome is rowgate.Outcome.UNKNOWN


@pytest.mark.parametrize("code", [code for code in grpc.StatusCode if code is not grpc.StatusCode.OK])
async def test_every_code_without_details_raises_something(
    db: rowgate.Client, gateway: ScriptedGateway, code: grpc.StatusCode
) -> None:
    error = await error_of(db, gateway, Fault(code))
    assert (error.code, error.reason, error.message) == (code, None, "that went wrong")


async def test_a_status_that_no_gateway_made_leaves_the_outcome_unknown(
    db: rowgate.Client, gateway: ScriptedGateway
) -> None:
    unreachable = await error_of(db, gateway, Fault(grpc.StatusCode.UNAVAILABLE))
    late = await error_of(db, gateway, Fault(grpc.StatusCode.DEADLINE_EXCEEDED))
    assert type(unreachable) is rowgate.GatewayUnreachable
    assert type(late) is rowgate.DeadlineExceeded
    assert unreachable.outcome is late.outcome is rowgate.Outcome.UNKNOWN


async def test_another_services_reason_is_none_of_ours(db: rowgate.Client, gateway: ScriptedGateway) -> None:
    error = await error_of(db, gateway, Fault(grpc.StatusCode.UNAVAILABLE, "INVALID_SQL", domain="googleapis.com"))
    assert type(error) is rowgate.GatewayUnreachable
    assert error.reason is None


@pytest.mark.parametrize("details", [b"\xff\xff", b"\x1a\x05\x0a\x03abc"])
async def test_details_that_can_not_be_read_are_none(
    db: rowgate.Client, gateway: ScriptedGateway, details: bytes
) -> None:
    error = await error_of(db, gateway, Fault(grpc.StatusCode.NOT_FOUND, details=details))
    assert type(error) is rowgate.NotFound


async def test_an_error_keeps_what_grpc_raised_and_can_be_pickled(db: rowgate.Client, gateway: ScriptedGateway) -> None:
    error = await error_of(db, gateway, Fault(grpc.StatusCode.ABORTED, "DEADLOCK", metadata={"outcome": "ROLLED_BACK"}))
    assert isinstance(error.__cause__, grpc.aio.AioRpcError)
    twin = pickle.loads(pickle.dumps(error))
    assert (type(twin), twin.message, twin.outcome) == (rowgate.Deadlock, error.message, error.outcome)


def test_the_tree_in_the_docstring_is_the_tree() -> None:
    drawn: dict[str, str] = {}
    path: list[str] = []
    for line in (_errors.__doc__ or "").splitlines():
        match = re.match(r"((?:│   |    )*)(?:[├└]── )?(\w+)", line)
        if match is None or match[2] not in {kind.__name__ for kind in CLASSES}:
            continue
        depth = 0 if match[2] == "RowgateError" else len(match[1]) // 4 + 1
        path[depth:] = [match[2]]
        drawn[match[2]] = path[depth - 1] if depth else "Exception"
    assert drawn == {kind.__name__: kind.__bases__[0].__name__ for kind in CLASSES}


def test_every_outcome_has_its_word() -> None:
    assert [f"OUTCOME_{word}" for word in rowgate.Outcome] == Outcome.keys()[1:]
