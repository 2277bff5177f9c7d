"""An error as a status: every detail it has, within what trailers carry."""

from __future__ import annotations

import re
from base64 import b64encode
from typing import Any
from urllib.parse import quote

import grpc
import pytest
from google.rpc import error_details_pb2, status_pb2
from hypothesis import given
from hypothesis import strategies as st

from rowgate_server.errors import Outcome, Reason, RowgateError
from rowgate_server.transport.status import CODES, StatusError, status_error

LARGEST_STATUS = 4096
LARGEST_TRAILERS = 8192
DETAILS = "grpc-status-details-bin"
# As far as the vocabulary goes today; an engine may add some.
KEYS = (
    "database", "sqlstate", "vendor_code", "constraint", "schema", "table", "column", "parameter", "position",
    "limit", "hint", "query_id",
)  # fmt: skip


def _packed(told: StatusError) -> bytes:
    ((key, packed),) = told.status.trailing_metadata
    assert key == DETAILS
    assert isinstance(packed, bytes)
    return packed


def _unpacked(told: StatusError) -> tuple[status_pb2.Status, dict[str, Any]]:
    """The status on the wire, and its details by their names."""
    status = status_pb2.Status.FromString(_packed(told))
    details = {}
    for detail in status.details:
        name = detail.TypeName().rpartition(".")[2]
        details[name] = getattr(error_details_pb2, name).FromString(detail.value)
    return status, details


@pytest.mark.parametrize("reason", list(Reason))
def test_every_reason_is_told_with_its_code(reason: Reason) -> None:
    told = status_error(RowgateError(reason, "that went wrong"), "abc")
    status, details = _unpacked(told)
    assert (told.code, told.reason) == (CODES[reason], reason.value)
    assert (told.status.code, told.status.details) == (CODES[reason], "that went wrong")
    assert (status.code, status.message) == (CODES[reason].value[0], "that went wrong")
    assert (details["ErrorInfo"].reason, details["ErrorInfo"].domain) == (reason.value, "rowgate")


def test_metadata_outcome_and_correlation_id_are_told() -> None:
    error = RowgateError(
        Reason.DUPLICATE_KEY, "twice", outcome=Outcome.ROLLED_BACK, constraint="things_key", sqlstate="23505", hint=None
    )
    _, details = _unpacked(status_error(error.with_defaults(database="main"), "abc"))
    assert details["ErrorInfo"].metadata == {
        "constraint": "things_key",
        "sqlstate": "23505",
        "database": "main",
        "outcome": "ROLLED_BACK",
        "correlation_id": "abc",
    }


def test_nothing_but_the_error_info_where_there_is_no_more_to_say() -> None:
    _, details = _unpacked(status_error(RowgateError(Reason.INTERNAL, "a bug"), "abc"))
    assert list(details) == ["ErrorInfo"]


def test_a_retry_is_told_to_the_millisecond() -> None:
    _, details = _unpacked(status_error(RowgateError(Reason.DEADLOCK, "again", retry_after=0.2), "abc"))
    assert details["RetryInfo"].retry_delay.ToMilliseconds() == 200


def test_a_field_at_fault_is_told_with_what_is_wrong() -> None:
    error = RowgateError(Reason.INVALID_PARAMETER, "the value is no date", field="params[day]")
    _, details = _unpacked(status_error(error, "abc"))
    (violation,) = details["BadRequest"].field_violations
    assert (violation.field, violation.description) == ("params[day]", "the value is no date")


@pytest.mark.parametrize("letter", ["x", "é", "日", "🌵", "%", "\n", "\udcff"])
@pytest.mark.parametrize("keys", [KEYS, (*KEYS, *(f"more_{number}" for number in range(100)))], ids=["known", "more"])
def test_the_longest_error_still_fits_the_trailers(letter: str, keys: tuple[str, ...]) -> None:
    long = letter * 10_000
    error = RowgateError(Reason.INVALID_SQL, long, field=long, retry_after=1e6)
    error.with_defaults(**dict.fromkeys(keys, long)).with_defaults(outcome=Outcome.ROLLED_BACK)
    told = status_error(error, "c" * 64)
    packed = _packed(told)
    assert len(packed) <= LARGEST_STATUS
    # As they travel: percent-encoded, in base64, with what HTTP/2 adds to each.
    trailers = (("grpc-message", quote(told.status.details)), (DETAILS, b64encode(packed).decode()), ("x", "c" * 128))
    assert sum(len(key) + len(text) + 32 for key, text in trailers) <= LARGEST_TRAILERS
    _, details = _unpacked(told)
    info = details["ErrorInfo"]
    assert (info.reason, info.metadata["correlation_id"]) == ("INVALID_SQL", "c" * 64)
    assert info.metadata["outcome"] == "ROLLED_BACK", "what is short is kept before what is long"
    assert set(details) == {"ErrorInfo", "RetryInfo", "BadRequest"}


def test_every_known_key_has_room_beside_a_long_hint() -> None:
    names = {key: f"{key}-of-some-length-{'x' * 60}" for key in KEYS}
    error = RowgateError(Reason.CHECK_VIOLATION, "no").with_defaults(**{**names, "hint": "h" * 5000})
    _, details = _unpacked(status_error(error, "abc"))
    assert set(KEYS) <= set(details["ErrorInfo"].metadata)


@given(st.text(alphabet=st.characters(exclude_categories=[]), max_size=2000))
def test_text_is_cut_between_characters_and_says_so(text: str) -> None:
    told = status_error(RowgateError(Reason.INVALID_SQL, text, field=text, hint=text), "abc")
    sent = text.encode("utf-8", "replace").decode()
    _, details = _unpacked(told)
    found = [
        told.status.details,
        details["BadRequest"].field_violations[0].field,
        details["ErrorInfo"].metadata["hint"],
    ]
    for shown in found:
        assert shown == sent or (shown.endswith("…") and sent.startswith(shown[:-1]))


def test_short_text_is_left_as_it_is() -> None:
    text = "é" * 128
    _, details = _unpacked(status_error(RowgateError(Reason.INVALID_SQL, text, field=text), "abc"))
    assert details["BadRequest"].field_violations[0].field == text
    _, details = _unpacked(status_error(RowgateError(Reason.INVALID_SQL, text, field=text + "a"), "abc"))
    assert re.fullmatch("é{126}…", details["BadRequest"].field_violations[0].field)


def test_the_message_of_the_status_is_the_message_of_the_call() -> None:
    told = status_error(RowgateError(Reason.INVALID_SQL, "long " * 1000), "abc")
    status, _ = _unpacked(told)
    assert status.message == told.status.details  # clients refuse details of another message
    assert grpc.StatusCode.INVALID_ARGUMENT is told.code
