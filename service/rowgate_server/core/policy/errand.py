"""What the RPC that this task works for needs: noted by transport once for each call, beside who calls."""

from __future__ import annotations

from contextvars import ContextVar

from rowgate_server.core.policy.needs import Need

current_need: ContextVar[Need] = ContextVar("rowgate_need", default=Need.NOTHING)
"""Where nothing is noted, no database is open to anybody under a policy."""
