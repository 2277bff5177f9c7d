"""Requests, decoded where they hold nobody up."""

from __future__ import annotations

from collections.abc import Callable
from typing import ParamSpec, TypeVar

from rowgate_server.engines.beside import Slices, beside, slices_beside, whole
from rowgate_server.transport.interceptors import current_call

_P = ParamSpec("_P")
_T = TypeVar("_T")


async def decoded(decode: Callable[_P, _T], *arguments: _P.args, **named: _P.kwargs) -> _T:
    """What a request asks; one that is large is read beside the event loop: a million values take two seconds."""
    if current_call().held is None:
        return decode(*arguments, **named)
    return await beside(decode, *arguments, **named)


async def decoded_by_slices(decode: Slices[_T]) -> _T:
    """The same of a request whose values may be read a few at a time."""
    return whole(decode) if current_call().held is None else await slices_beside(decode)
