"""One vocabulary of errors: error.proto, its stubs, the gateway's own enums and the table of codes."""

from __future__ import annotations

import re
from typing import Any

import grpc
import pytest

from rowgate.v1 import error_pb2, result_pb2, schema_service_pb2, value_pb2
from rowgate_server.core.tables import ReferentialAction, TableKind
from rowgate_server.engines.results import Truncation
from rowgate_server.engines.values import ValueType
from rowgate_server.errors import Outcome, Reason
from rowgate_server.transport.codec.queries import _TRUNCATIONS
from rowgate_server.transport.codec.schemas import _ACTIONS, _KINDS
from rowgate_server.transport.codec.values import _DECODERS, ARMS
from rowgate_server.transport.interceptors.metrics import CODE_NAMES
from rowgate_server.transport.status import CODES
from support.available import ROOT

PROTO = (ROOT / "proto/rowgate/v1/error.proto").read_text(encoding="utf-8")
# Each value's comment begins with its code.
TOLD = re.findall(r"// ([A-Z_]+)\. .*\n(?:  // .*\n)*  ERROR_REASON_([A-Z_]+) = \d+;", PROTO)


def _named(enum: Any, prefix: str) -> set[str]:
    """The names of a generated enum, without the prefix and without the unspecified one."""
    names = {name.removeprefix(prefix) for name, _ in enum.items()}
    assert "UNSPECIFIED" in names
    return names - {"UNSPECIFIED"}


def test_the_reasons_are_those_of_the_proto() -> None:
    assert {reason.value for reason in Reason} == _named(error_pb2.ErrorReason, "ERROR_REASON_")
    assert [reason.name for reason in Reason] == [reason.value for reason in Reason]


def test_each_reason_has_the_code_that_its_comment_tells() -> None:
    assert {reason: code for code, reason in TOLD} == {reason.value: code.name for reason, code in CODES.items()}


def test_the_outcomes_are_those_of_the_proto() -> None:
    assert {outcome.value for outcome in Outcome} == _named(error_pb2.Outcome, "OUTCOME_")


def test_no_reason_is_mapped_to_success() -> None:
    assert grpc.StatusCode.OK not in CODES.values()


def test_every_code_has_its_name_in_the_metrics() -> None:
    assert set(CODE_NAMES) == set(grpc.StatusCode)
    assert len(set(CODE_NAMES.values())) == len(CODE_NAMES)
    for code, name in CODE_NAMES.items():
        spelled = re.sub(r"(?<!^)(?=[A-Z])", "_", name).upper()
        assert code.name == {"O_K": "OK", "CANCELED": "CANCELLED"}.get(spelled, spelled)


def test_the_value_types_are_the_column_types_and_each_has_an_arm() -> None:
    numbers = {f"COLUMN_TYPE_{kind.name}": kind.value for kind in ValueType if kind is not ValueType.NULL}
    assert numbers == {name: number for name, number in result_pb2.ColumnType.items() if number}
    arms = {field.name for field in value_pb2.Value.DESCRIPTOR.oneofs_by_name["kind"].fields}
    assert set(ARMS) == arms
    assert {kind: f"{kind.name.lower()}_value" for kind in ARMS.values()} == {kind: arm for arm, kind in ARMS.items()}
    assert set(_DECODERS) <= set(ARMS.values())


@pytest.mark.parametrize(
    ("ours", "mapped", "generated", "prefix"),
    [
        (TableKind, _KINDS, schema_service_pb2.TableKind, "TABLE_KIND_"),
        (ReferentialAction, _ACTIONS, schema_service_pb2.ReferentialAction, "REFERENTIAL_ACTION_"),
        (Truncation, _TRUNCATIONS, result_pb2.TruncationReason, "TRUNCATION_REASON_"),
    ],
)
def test_the_other_enums_go_over_the_wire_by_name(ours: Any, mapped: Any, generated: Any, prefix: str) -> None:
    names = {member.name: generated.Name(mapped[member]) for member in ours}
    assert names == {name: f"{prefix}{name}" for name in _named(generated, prefix)}
