"""Who asked for what a task does: for the list of the statements that run."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from contextvars import ContextVar
from typing import Any, Protocol, TypeVar

_T = TypeVar("_T")


class Caller(Protocol):
    """One call, as far as those further in have to know it.

    Attributes:
        peer: the caller's address; it stands for its connection.
    """

    peer: str

    def may_answer(self) -> bool:
        """Whether there is room for an answer, before anything is run for it.

        Raises:
            Exception: there will be none soon; it is what the caller is told.
        """

    async def room(self, patience: float) -> None:
        """Wait until there is.

        Raises:
            TimeoutError: not in so many seconds.
            Exception: not soon; it is what the caller is told.
        """

    def keeps(self, octets: int) -> int | None:
        """So many bytes more are kept of its results until it is answered; or the most that may be of all of them."""

    def end_at(self, when: float, error: Exception) -> None:
        """End it at that time with that error, however it is occupied; only where it answers with a stream."""

    @property
    def rpc(self) -> str:
        """Which RPC: `rowgate.v1.QueryService/ExecuteQuery`."""

    @property
    def tag(self) -> str:
        """What the caller calls it; "" for nothing."""

    @property
    def identity(self) -> str:
        """Who it is made for; "" for nobody known."""


current_caller: ContextVar[Caller | None] = ContextVar("rowgate_caller", default=None)
"""The call that this task handles; None for the gateway's own work."""


async def of_nobody(work: Callable[[], Coroutine[Any, Any, _T]]) -> _T:
    """Work for all who wait for it: its first caller may go away, and would be the one whose statements it runs."""
    current_caller.set(None)
    return await work()
