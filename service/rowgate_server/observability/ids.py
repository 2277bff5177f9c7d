"""Names for calls and queries: unique across gateways, and made in a fraction of a UUID's time."""

from __future__ import annotations

import itertools
import secrets
from contextvars import ContextVar

current_request: ContextVar[str] = ContextVar("rowgate_request", default="")
"""The correlation id of the call that this task handles; on every log line that it writes."""

current_trace: ContextVar[str] = ContextVar("rowgate_trace", default="")
"""The id of the trace that this task's call belongs to, the caller's or one made here; on every log line it writes."""

_PROCESS = secrets.token_hex(10)
_numbers = itertools.count(secrets.randbits(40))


def new_id() -> str:
    """32 hexadecimal digits: 80 random bits of this process's, and a number that counts up from a random one."""
    return f"{_PROCESS}{next(_numbers) & 0xFFFFFFFFFFFF:012x}"
