"""What the policy is made of, put together: who may do what, with which login, and how much of it."""

from __future__ import annotations

from functools import partial
from typing import NamedTuple

from rowgate_server import config
from rowgate_server.core.policy.guard import GuardedDatabases
from rowgate_server.core.policy.masks import Masker
from rowgate_server.core.policy.policies import Policies
from rowgate_server.core.policy.quotas import Quotas
from rowgate_server.core.policy.records import Policy
from rowgate_server.engines.database import Database, Databases
from rowgate_server.marks import Marks, marks
from rowgate_server.observability.metrics import Metrics
from rowgate_server.policy_watch import PolicyWatch
from rowgate_server.transport.interceptors.authorization import Authorization

Logins = dict[tuple[str, str], Database]


class ReadPolicy(NamedTuple):
    """A policy, and its file's mark before it was read."""

    policy: Policy | None
    mark: Marks


def policy_mark(settings: config.Settings) -> Marks:
    """The mark of the policy's file."""
    return marks([settings.policy.path] if settings.policy.path else [])


class Policing:
    """The policy of one gateway.

    Args:
        settings: where its file is.
        databases: every one that is served, with the gateway's own logins.
        logins: the same with other logins, by the names of both.
        metrics: of the gateway.

    Attributes:
        databases: those that callers may go to.
        quotas: how much each caller has used.
        authorization: its place in the chain.
    """

    def __init__(self, settings: config.Settings, databases: Databases, logins: Logins, metrics: Metrics) -> None:
        told, mark = settings.policy, policy_mark(settings)
        self._policies = Policies(config.read_policy(settings), Masker(told.mask_secret.get_secret_value()))
        self.databases = GuardedDatabases(
            {database.name: database for database in databases}, databases.default, logins, self._policies
        )
        self.quotas = Quotas(self._policies)
        self._metrics = metrics
        self.authorization = Authorization(self._policies, self.quotas, metrics)
        read = partial(config.read_policy, settings)
        self._watch = PolicyWatch(told.path, told.interval, read, mark, self._policies, metrics)

    def admits_anonymous(self) -> bool:
        """Whether the policy that holds now has roles for callers who have shown nothing."""
        policy = self._policies.policy
        return policy is not None and bool(policy.anonymous)

    def exchange(self, settings: config.Settings, policy: ReadPolicy, databases: Databases, logins: Logins) -> None:
        """Decide by this policy from now on, about these databases.

        The file may have become another one since it was read: then that is read, or, if it is wrong, the policy that
        holds stays, and the watch says why. What was taken last is never taken back.
        """
        self.databases.exchange({each.name: each for each in databases}, databases.default, logins)
        found, read = policy.policy, partial(config.read_policy, settings)
        mark = policy_mark(settings)
        if mark != policy.mark:
            try:
                found = read()
            except config.ConfigError:
                found, mark = self._policies.policy, policy.mark
        self._policies.replace(found)
        self._metrics.policy_current.set(1)
        self._watch.follow(settings.policy.path, settings.policy.interval, read, mark)

    def start(self) -> None:
        """Look for new policies from now on."""
        self._watch.start()

    def look_now(self) -> None:
        """Look at the file at once: a signal has come."""
        self._watch.look_now()

    async def stop(self) -> None:
        """Look no more."""
        await self._watch.stop()
