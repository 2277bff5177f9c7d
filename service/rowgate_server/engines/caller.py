"""For whom a task works, so that each caller gets a fair share of a pool.

Transport says who it is: the peer's address, and whoever has shown who they are once there is authentication. A context
variable, because everything between a servicer and the pool has nothing to do with it.
"""

from __future__ import annotations

from contextvars import ContextVar

caller: ContextVar[str] = ContextVar("rowgate_caller", default="")
"""Empty: the gateway itself."""
