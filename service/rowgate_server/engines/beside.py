"""Work beside the event loop: what takes long because it is much, and waits for nothing.

Threads of Python's do not work at once: each that wants to go on has to wait until the one that works gives way. With
twelve large answers laid out at a time, another call, of twenty steps on the event loop, took 1.6 s. So there is one
such thread, whoever comes waits in order, and it gives way five times as soon as Python has it: 9 ms.
"""

from __future__ import annotations

import asyncio
import contextvars
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import ParamSpec, TypeVar

_P = ParamSpec("_P")
_T = TypeVar("_T")

_SECONDS = 0.001
"""After which a thread that works gives way to one that wants to; Python's own is 0.005."""

_thread = ThreadPoolExecutor(1, thread_name_prefix="rowgate-beside")


def give_way_soon() -> None:
    """Have all threads of this process give way soon."""
    sys.setswitchinterval(_SECONDS)


async def beside(work: Callable[_P, _T], *arguments: _P.args, **named: _P.kwargs) -> _T:
    """As `asyncio.to_thread`, one at a time; what its caller no longer waits for is not begun."""
    run = partial(contextvars.copy_context().run, work, *arguments, **named)
    return await asyncio.get_running_loop().run_in_executor(_thread, run)
