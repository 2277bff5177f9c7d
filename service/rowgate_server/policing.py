"""What the policy is made of, put together: who may do what, with which login, and how much of it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import partial

from rowgate_server import config
from rowgate_server.core.policy.guard import GuardedDatabases
from rowgate_server.core.policy.masks import Masker
from rowgate_server.core.policy.policies import Policies
from rowgate_server.core.policy.quotas import Quotas
from rowgate_server.engines.database import Database, Databases
from rowgate_server.observability.metrics import Metrics, PoolNumbers
from rowgate_server.policy_watch import PolicyWatch
from rowgate_server.transport.interceptors.authorization import Authorization

Logins = dict[tuple[str, str], Database]


class Policing:
    """The policy of one gateway.

    Args:
        settings: where its file is.
        databases: every one that is served, with the gateway's own logins.
        logins: the same with other logins, by the names of both.
        metrics: of the gateway.

    Attributes:
        databases: those that callers may go to.
        pools: each database with each of its logins.
        quotas: how much each caller has used.
        authorization: its place in the chain.
    """

    def __init__(self, settings: config.Settings, databases: Databases, logins: Logins, metrics: Metrics) -> None:
        told = settings.policy
        self._logins = logins
        self._policies = Policies(config.read_policy(settings), Masker(told.mask_secret.get_secret_value()))
        self.databases = GuardedDatabases(
            {database.name: database for database in databases}, databases.default, logins, self._policies
        )
        self.pools = (*databases, *logins.values())
        self.quotas = Quotas(self._policies)
        self.authorization = Authorization(self._policies, self.quotas, metrics)
        read = partial(config.read_policy, settings)
        self._watch = PolicyWatch(told.path, told.interval, read, self._policies, metrics) if told.path else None

    def pool_numbers(self) -> dict[str, Callable[[], PoolNumbers]]:
        """What the pools of the other logins hold, by `database/login`."""
        return {f"{name}/{login}": database.pool_numbers for (name, login), database in self._logins.items()}

    def start(self) -> None:
        """Look for new policies from now on."""
        if self._watch is not None:
            self._watch.start()

    def look_now(self) -> None:
        """Look at the file at once: a signal has come."""
        if self._watch is not None:
            self._watch.look_now()

    async def stop(self) -> None:
        """Look no more, and close the connections of the other logins."""
        if self._watch is not None:
            await self._watch.stop()
        await asyncio.gather(*(database.close() for database in self._logins.values()))
