"""Looks from time to time whether the policy's file is another one, and lets that hold if it is right."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import partial

from rowgate_server.config import ConfigError
from rowgate_server.core.policy.policies import Policies
from rowgate_server.core.policy.records import Policy
from rowgate_server.marks import Marks, marks
from rowgate_server.observability.logging import get_logger
from rowgate_server.observability.metrics import Metrics

_log = get_logger("rowgate.policy")


class PolicyWatch:
    """Watches one file.

    Args:
        path: of the file; empty: there is none.
        interval: seconds between two looks.
        read: reads it.
        mark: the file's, before it was read for the first time.
        policies: is given what was read.
        metrics: is told how it went.
    """

    def __init__(
        self,
        path: str,
        interval: float,
        read: Callable[[], Policy | None],
        mark: Marks,
        policies: Policies,
        metrics: Metrics,
    ) -> None:
        self._policies = policies
        self._metrics = metrics
        self.follow(path, interval, read, mark)
        self._task: asyncio.Task[None] | None = None
        self._now: set[asyncio.Task[None]] = set()

    def follow(self, path: str, interval: float, read: Callable[[], Policy | None], mark: Marks) -> None:
        """Watch this one from now on, which was read when it had that mark."""
        self._path = path
        self._interval = interval
        self._read = read
        self._mark = mark

    def start(self) -> None:
        """Begin to look."""
        self._task = asyncio.create_task(self._keep_looking(), name="rowgate-policy")

    async def stop(self) -> None:
        """Look no more."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait({self._task})
            self._task = None

    def look_now(self) -> None:
        """Look at once, and read the file whatever it looks like: a signal has come."""
        task = asyncio.create_task(self.look(read=True))
        self._now.add(task)
        task.add_done_callback(self._now.discard)

    async def look(self, *, read: bool = False) -> None:
        """Look once.

        Args:
            read: whether to read it though it is the same.
        """
        while not await self._looked(self._read, read=read):
            pass

    async def _looked(self, reader: Callable[[], Policy | None], *, read: bool) -> bool:
        """Look by that reader; False if another configuration was taken meanwhile: its file is the one to look at."""
        if not self._path:
            return True
        mark = await asyncio.to_thread(marks, [self._path])
        if mark == self._mark and not read:
            return True
        try:
            tell = partial(self._taken, await asyncio.to_thread(reader))
        except ConfigError as error:
            tell = partial(self._refused, error)
        if reader is not self._read:
            return False
        self._mark = mark
        tell()
        return True

    def _refused(self, error: ConfigError) -> None:
        self._metrics.policy_reloads.labels("refused").inc()
        self._metrics.policy_current.set(0)
        _log.error("policy refused, the one before holds on", problems=error.problems)

    def _taken(self, policy: Policy | None) -> None:
        self._policies.replace(policy)
        self._metrics.policy_reloads.labels("taken").inc()
        self._metrics.policy_current.set(1)
        _log.info("policy taken", roles=0 if policy is None else len(policy.roles))

    async def _keep_looking(self) -> None:
        while True:
            await asyncio.sleep(self._interval)
            await self.look()
