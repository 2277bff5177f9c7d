"""The caller's trace is named on the call's lines of the log, where no traces are made here as well."""

from __future__ import annotations

import pytest
from unit.transport.wrapped import Context, Wrapped, ending, request

TRACE, SPAN = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
GOOD = [f"00-{TRACE}-{SPAN}-01", f"00-{TRACE}-{SPAN}-00", f"cc-{TRACE}-{SPAN}-01-more", f"01-{TRACE}-{SPAN}-01"]
BAD = [
    "",
    "x",
    TRACE,
    f"ff-{TRACE}-{SPAN}-01",
    f"00-{TRACE}-{SPAN}-01-more",
    f"00-{TRACE.upper()}-{SPAN}-01",
    f"00-{'0' * 32}-{SPAN}-01",
    f"00-{TRACE}-{'0' * 16}-01",
    f"00-{TRACE}-{SPAN}",
    f"00-{TRACE[1:]}-{SPAN}-01",
    f" 00-{TRACE}-{SPAN}-01 x",
]


async def _well(_: Context) -> None:
    """Nothing goes wrong."""


async def traces(wrapped: Wrapped, *parents: str) -> list[str | None]:
    """What a call's line names, for each of the headers."""
    wrapped.service.behaviours["x"] = _well
    for parent in parents:
        await ending(wrapped.unary(request("x"), metadata=(("traceparent", parent),)))
        await wrapped.left.get()
    return [line.get("trace_id") for line in wrapped.calls()]


async def test_a_callers_trace_is_named(wrapped: Wrapped) -> None:
    assert await traces(wrapped, *GOOD) == [TRACE] * len(GOOD)


async def test_what_is_no_trace_is_not(wrapped: Wrapped) -> None:
    assert await traces(wrapped, *BAD) == [None] * len(BAD)


@pytest.mark.parametrize("headers", [(), (("tracestate", "a=b"),), (("x-request-id", "mine"),)], ids=repr)
async def test_a_call_without_one_has_none(wrapped: Wrapped, headers: tuple[tuple[str, str], ...]) -> None:
    wrapped.service.behaviours["x"] = _well
    await ending(wrapped.unary(request("x"), metadata=(("traceparent", GOOD[0]),)))
    await ending(wrapped.unary(request("x"), metadata=headers))
    for _ in range(2):
        await wrapped.left.get()
    first, second = wrapped.calls()
    assert (first["trace_id"], second.get("trace_id")) == (TRACE, None)
