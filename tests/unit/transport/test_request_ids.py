"""The correlation id: the caller's own where it is a decent one, in the log, the errors and the trailers."""

from __future__ import annotations

import re
from typing import Any

import grpc
import pytest
from google.rpc import error_details_pb2, status_pb2
from unit.transport.wrapped import Context, Wrapped, ending, request

from rowgate_server.errors import Reason, RowgateError
from rowgate_server.transport.interceptors.request_id import _DECENT, HEADER

MADE = re.compile(r"[0-9a-f]{32}")
DECENT = ["a", "7", "A-Z.a_z/0:9@x+y=", "x" * 64, "3f0c1a52-8d2e-4f6b-9a51-6f6f0b1f5a11", "@"]
HOSTILE = ["", " ", "a b", "x" * 65, "x" * 4000, '"', "'", "a;b", "a,b", "{}", "<a>", "%0a", "a\\n", "$(id)", "~"]


async def _well(_: Context) -> None:
    """Nothing goes wrong."""


async def _error(_: Context) -> None:
    raise RowgateError(Reason.INVALID_SQL, "no")


@pytest.mark.parametrize("behaviour", [_well, _error], ids=["well", "error"])
@pytest.mark.parametrize("stream", [False, True], ids=["unary", "stream"])
@pytest.mark.parametrize("offered", DECENT, ids=str)
async def test_a_decent_id_is_kept_everywhere(wrapped: Wrapped, offered: str, *, stream: bool, behaviour: Any) -> None:
    wrapped.service.behaviours["x"] = behaviour
    method = wrapped.stream if stream else wrapped.unary
    ended = await ending(method(request("x"), metadata=((HEADER, offered),)))
    call = await wrapped.left.get()
    assert ended.trailers[HEADER] == offered
    assert call.id == offered
    assert [line["request_id"] for line in wrapped.calls()] == [offered]
    if behaviour is _error:
        packed = ended.trailers["grpc-status-details-bin"]
        assert isinstance(packed, bytes)
        info = error_details_pb2.ErrorInfo.FromString(status_pb2.Status.FromString(packed).details[0].value)
        assert info.metadata["correlation_id"] == offered


@pytest.mark.parametrize("offered", HOSTILE, ids=lambda offered: repr(offered[:10]))
async def test_a_hostile_id_is_replaced(wrapped: Wrapped, offered: str) -> None:
    wrapped.service.behaviours["x"] = _well
    ended = await ending(wrapped.unary(request("x"), metadata=((HEADER, offered),)))
    assert ended.code is grpc.StatusCode.OK
    made = ended.trailers[HEADER]
    assert isinstance(made, str)
    assert MADE.fullmatch(made)
    await wrapped.left.get()
    assert [line["request_id"] for line in wrapped.calls()] == [made]


async def test_each_call_without_one_has_its_own(wrapped: Wrapped) -> None:
    wrapped.service.behaviours["x"] = _well
    ids = {(await ending(wrapped.unary(request("x")))).trailers[HEADER] for _ in range(5)}
    assert len(ids) == 5
    assert all(MADE.fullmatch(str(made)) for made in ids)


async def test_the_first_decent_one_of_several_is_taken(wrapped: Wrapped) -> None:
    wrapped.service.behaviours["x"] = _well
    metadata = ((HEADER, "not decent"), (HEADER, "decent"), (HEADER, "second"))
    ended = await ending(wrapped.unary(request("x"), metadata=metadata))
    assert ended.trailers[HEADER] == "decent"


async def test_an_id_in_bytes_is_not_the_one_that_is_meant(wrapped: Wrapped) -> None:
    wrapped.service.behaviours["x"] = _well
    ended = await ending(wrapped.unary(request("x"), metadata=((f"{HEADER}-bin", b"\xff"),)))
    assert MADE.fullmatch(str(ended.trailers[HEADER]))


def test_what_is_decent_may_be_written_anywhere() -> None:
    decent = {chr(code) for code in range(0x110000) if _DECENT.match(chr(code))}
    assert all(letter.isascii() and letter.isprintable() for letter in decent)
    assert not decent & set(" \"'\\`;,$&|<>(){}[]%~#*?!^")
